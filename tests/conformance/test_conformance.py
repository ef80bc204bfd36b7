"""AWS's requirements on our emulator, one test each. The suite comes from the package index."""

from __future__ import annotations

import pytest
from conformance.handlers.deployed import REQUIREMENTS
from conformance.judge import Judge
from conformance.ours import running_emulator
from conformance.wheel import load_suite


@pytest.fixture(scope="module")
def suite():
    return load_suite()


@pytest.fixture(scope="module")
def judge(suite):
    with running_emulator() as emulator:
        yield Judge(suite, emulator)


def test_every_requirement_of_the_suite_has_a_handler(suite):
    assert len(suite.files) == 155
    assert suite.files.keys() == REQUIREMENTS.keys()


@pytest.mark.parametrize("requirement_id", REQUIREMENTS)
def test_the_requirement_is_met(judge, requirement_id):
    verdict = judge.judge(requirement_id)
    assert verdict.passed, "\n".join(verdict.errors)
