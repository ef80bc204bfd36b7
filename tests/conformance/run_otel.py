"""Run AWS's OpenTelemetry suites: `uv run python tests/conformance/run_otel.py`."""

from __future__ import annotations

import argparse
import io
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1]))

from conformance.judge import Invoker, Judge, Verdict
from conformance.otel_emulator import SERVICE_NAME, OtelEmulator, running_otel_emulator
from conformance.otel_wheel import LONG, VIEWS, OtelSuite, load_otel_suite

from durable_otel import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

TELEMETRY = {
    View.INVOCATION: "TelemetryAssertions",
    View.EXECUTION: "ExecutionTelemetryAssertions",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge in each mode; return 0 when every requirement is met in all."""
    options = _parser().parse_args(arguments)
    suite = load_otel_suite()
    failed = 0
    figures: list[tuple[int, int]] = []
    for is_real_time in (False, True) if options.clock == "both" else (options.clock == "real",):
        for with_header in (True, False):
            verdicts = judge_all(
                suite, options.only, is_real_time=is_real_time, with_header=with_header
            )
            clock = "real" if is_real_time else "virtual"
            header = "with" if with_header else "without"
            print_verdicts(f"{clock} time, {header} X-Ray header", verdicts)
            failed += sum(not verdict.passed for verdict in verdicts)
            views = [verdict for verdict in verdicts if verdict.suite != LONG]
            figures.append((sum(verdict.passed for verdict in views), len(views)))
    passed, total = min(figures)
    print(f"otel conformance: {passed}/{total}")
    return int(failed > 0)


def judge_all(
    suite: OtelSuite, only: Sequence[str] | None, *, is_real_time: bool, with_header: bool
) -> list[Verdict]:
    """Judge the requirements on an emulator of this kind."""
    with (
        redirect_stdout(io.StringIO()),
        running_otel_emulator(is_real_time=is_real_time, with_header=with_header) as emulator,
    ):
        judge = OtelJudge(suite, emulator)
        return [
            verdict
            for requirement_id in suite.core.files
            if not only or requirement_id in only
            for verdict in judge.all(requirement_id)
        ]


def print_verdicts(mode: str, verdicts: Sequence[Verdict]) -> None:
    """Print a line a suite, and below them what failed and why."""
    print(mode)
    for suite in dict.fromkeys(verdict.suite for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.suite == suite]
        print(f"  {suite:<20} {sum(verdict.passed for verdict in own):>3}/{len(own)}")
    for verdict in verdicts:
        if not verdict.passed:
            print(f"    {verdict.requirement_id} ({verdict.function_name})")
            for error in verdict.errors:
                print(f"        {error}")


class OtelJudge:
    """The core suite's judge, and AWS's validators of spans on top."""

    def __init__(self, suite: OtelSuite, emulator: OtelEmulator) -> None:
        self._suite = suite
        self._emulator = emulator
        Judge(suite.core, emulator)  # puts the stand-ins in place
        self._invoker = Invoker(emulator)

    def all(self, requirement_id: str) -> list[Verdict]:
        """Judge a requirement in its view; a long-running one in both."""
        suite = self._suite.core.files[requirement_id].parent.name
        if suite == LONG:
            return [self.judge(requirement_id, suite, view) for view in View]
        view = View(VIEWS[suite])
        return [self.judge(requirement_id, suite, view)]

    def judge(self, requirement_id: str, suite: str, view: View) -> Verdict:
        """Run a requirement's scenario; judge its history and its spans."""
        validate = self._suite.core.validate
        file = self._suite.core.files[requirement_id]
        requirement = validate.load_yaml_file(str(file))
        function_name = requirement["Input"]["scenario"]
        self._emulator.functions.view = view
        with TemporaryDirectory() as folder:
            result = validate.validate_description(
                function_name=function_name,
                description_id=requirement_id,
                test_file=str(file),
                invoker=self._invoker,
                tmp_dir=folder,
                region="us-east-1",
                aws_clients={"lambda": self._emulator.client},
                output_dir=folder,
            )
        errors = list(result.errors)
        if result.passed:
            key = TELEMETRY[view] if suite == LONG else TELEMETRY[View.INVOCATION]
            errors = self._span_errors(requirement[key], result)
        return Verdict(requirement_id, suite, function_name, not errors, tuple(errors))

    def _span_errors(self, raw: dict[str, Any], result: Any) -> list[str]:
        context = self._suite.core.validate.PlaceholderContext()
        for name, value in result.placeholders.items():
            context.bind(name, value)
        context.bind("EXECUTION_ARN", result.execution_arn)
        context.bind("SERVICE_NAME", SERVICE_NAME)
        assertions = context.substitute(raw)
        arns = assertions.get("allowed_execution_arns") or [result.execution_arn]
        spans = [self._normalised(span) for span in self._emulator.spans_of(arns)]
        trace_ids = [s.trace_id for s in spans if s.attributes.get("durable.execution.arn")]
        model = self._suite.model
        trace = model.Trace(trace_id=trace_ids[0] if trace_ids else "", spans=tuple(spans))
        started = datetime.fromtimestamp(result.invocation_started_at_ms / 1000, tz=UTC)
        ended = datetime.fromtimestamp(result.invocation_finished_at_ms / 1000, tz=UTC)
        query = model.TelemetryQuery(
            execution_arn=result.execution_arn,
            service_name=SERVICE_NAME,
            started_at=started - timedelta(seconds=30),
            ended_at=ended + timedelta(seconds=60),
            execution_arns=tuple(arns),
        )
        return list(self._suite.validators.validate_trace(trace, assertions, query))

    def _normalised(self, span: ReadableSpan) -> Any:
        model = self._suite.model
        return model.Span(
            trace_id=f"{span.context.trace_id:032x}",
            span_id=f"{span.context.span_id:016x}",
            parent_span_id=None if span.parent is None else f"{span.parent.span_id:016x}",
            name=span.name,
            kind=span.kind.name,
            start_time=model.parse_timestamp(span.start_time),
            end_time=model.parse_timestamp(span.end_time),
            status=span.status.status_code.name,
            service_name=span.resource.attributes["service.name"],
            attributes=dict(span.attributes or {}),
            links=tuple(
                model.SpanLink(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}")
                for link in span.links
            ),
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="ID", help="only these requirements")
    parser.add_argument("--clock", choices=("virtual", "real", "both"), default="both")
    return parser


if __name__ == "__main__":
    sys.exit(main())
