"""Run AWS's conformance suites on an emulator: `uv run python tests/conformance/run.py`."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).parents[1]))

from conformance.handlers.deployed import SUITES
from conformance.judge import Emulator, Judge, Verdict
from conformance.wheel import Suite, load_suite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.faults import Faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, report, and return 0 when every requirement is met that can be."""
    options = _parser().parse_args(arguments)
    suite = load_suite()
    ids = [
        requirement_id
        for requirement_id, file in suite.files.items()
        if (not options.suite or file.parent.name in options.suite)
        and (not options.only or requirement_id in options.only)
    ]
    verdicts, faults = judge_all(suite, ids, options.emulator)
    print_table(verdicts, faults)
    if options.report:
        options.report.write_text(report_of(verdicts, options.emulator, faults), encoding="utf-8")
    passed = sum(verdict.passed for verdict in verdicts)
    print(f"conformance: {passed}/{len(verdicts)}")
    return int(any(not v.passed and faults.evidence(v) is None for v in verdicts))


def judge_all(suite: Suite, ids: Sequence[str], emulator: str) -> tuple[list[Verdict], Faults]:
    """Judge the requirements on an emulator: `ours` or `aws`."""
    module = importlib.import_module(f"conformance.{emulator}")
    # The validators say what they do.
    with redirect_stdout(io.StringIO()), module.running_emulator() as running:
        judge = Judge(suite, running)
        if running.workers == 1:
            return [judge.judge(requirement_id) for requirement_id in ids], running.faults
        return judge_in_real_time(judge, ids, running), running.faults


def judge_in_real_time(judge: Judge, ids: Sequence[str], emulator: Emulator) -> list[Verdict]:
    """Judge several at once; what fails then is judged once more, alone.

    An emulator that orders events by the machine's clock is at the mercy of its load: whether an
    invocation ends before the function that it invoked is a race there.
    """
    with ThreadPoolExecutor(emulator.workers) as workers:
        verdicts = list(workers.map(judge.judge, ids))
    return [
        verdict
        if verdict.passed or emulator.faults.evidence(verdict)
        else judge.judge(verdict.requirement_id)
        for verdict in verdicts
    ]


def print_table(verdicts: Sequence[Verdict], faults: Faults) -> None:
    """Print a row a suite, and below them what failed and why."""
    suites: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        suites[verdict.suite].append(verdict)
    print(f"{'suite':<20} {'passed':>8}")
    for name in SUITES:
        if name in suites:
            passed = sum(verdict.passed for verdict in suites[name])
            print(f"{name:<20} {f'{passed}/{len(suites[name])}':>8}")
    for verdict in verdicts:
        if not verdict.passed:
            print(f"\n{verdict.requirement_id} {verdict.function_name}")
            for error in verdict.errors:
                print(f"    {error}")
    print_faults(verdicts, faults)
    print()


def print_faults(verdicts: Sequence[Verdict], faults: Faults) -> None:
    """Print what is the emulator's doing."""
    if faults.mended:
        print("\nPut back into the emulator's histories, where any value will do:")
        for mended in faults.mended:
            print(f"    {'.'.join([f'{mended.event}Details', *mended.key])}: {mended.evidence}")
    for fault in faults.unsatisfied:
        ids = [verdict.requirement_id for verdict in verdicts if faults.evidence(verdict)]
        if ids := [each for each in ids if each in fault.requirements]:
            print(f"\nThe emulator's fault alone: {', '.join(ids)}\n    {fault.evidence}")


def report_of(verdicts: Sequence[Verdict], emulator: str, faults: Faults) -> str:
    """Return the run as JSON, a requirement a line."""
    summary = {
        "emulator": emulator,
        "passed": sum(verdict.passed for verdict in verdicts),
        "total": len(verdicts),
        "emulatorsFault": sum(faults.evidence(verdict) is not None for verdict in verdicts),
        "requirements": [],
    }
    lines = [
        {
            "id": verdict.requirement_id,
            "suite": verdict.suite,
            "handler": verdict.function_name,
            "passed": verdict.passed,
            "errors": verdict.errors,
            "emulatorsFault": faults.evidence(verdict),
        }
        for verdict in verdicts
    ]
    requirements = ",\n".join(json.dumps(line) for line in lines)
    return json.dumps(summary, indent=1).replace("[]", f"[\n{requirements}\n ]") + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", nargs="+", choices=SUITES, help="only these suites")
    parser.add_argument("--only", nargs="+", metavar="ID", help="only these requirements")
    parser.add_argument("--emulator", choices=("ours", "aws"), default="ours")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the verdicts as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
