"""The reports of the last runs, and whoever quotes them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conformance.faults import load_faults
from conformance.handlers.deployed import REQUIREMENTS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("packages/*/README.md")),
]


def report(emulator):
    return json.loads((HERE / "reports" / f"{emulator}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("emulator", ["ours", "aws"])
def test_a_report_judges_every_requirement(emulator):
    judged = {entry["id"]: entry["handler"] for entry in report(emulator)["requirements"]}
    assert judged == REQUIREMENTS


def test_our_emulator_meets_them_all():
    assert report("ours")["passed"] == report("ours")["total"] == 155


def test_awss_emulator_fails_only_where_it_is_at_fault_itself():
    verdicts = report("aws")["requirements"]
    failed = {verdict["id"] for verdict in verdicts if not verdict["passed"]}
    listed = {each for fault in load_faults().unsatisfied for each in fault.requirements}
    assert failed == listed
    assert all(verdict["passed"] or verdict["emulatorsFault"] for verdict in verdicts)


def test_figures_are_quoted_from_the_reports():
    quoted = {
        int(figure)
        for page in PAGES
        if page.exists()
        for figure in re.findall(r"\b(\d+)/155\b", page.read_text(encoding="utf-8"))
    }
    assert quoted <= {report("ours")["passed"], report("aws")["passed"]}
