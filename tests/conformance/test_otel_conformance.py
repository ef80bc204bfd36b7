"""AWS's OpenTelemetry suites on our emulator in virtual time, a test a requirement."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from conformance.otel_wheel import load_otel_suite
from conformance.run_otel import judge_all

if TYPE_CHECKING:
    from conformance.judge import Verdict

VIEW_REQUIREMENTS = 40


@pytest.fixture(scope="module", params=[True, False], ids=["with-header", "without-header"])
def verdicts(request: pytest.FixtureRequest) -> list[Verdict]:
    return judge_all(load_otel_suite(), None, is_real_time=False, with_header=request.param)


def test_every_requirement_of_both_views_is_met(verdicts: list[Verdict]) -> None:
    views = [verdict for verdict in verdicts if verdict.suite != "otel-long-running"]
    assert len(views) == VIEW_REQUIREMENTS
    assert {v.requirement_id: v.errors for v in verdicts if not v.passed} == {}
