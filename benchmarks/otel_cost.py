"""What tracing costs: microseconds an operation, at 100 and at 3,000 steps; the import beside it.

    uv run python benchmarks/otel_cost.py [--quick]
    uv run python benchmarks/otel_cost.py --json benchmarks/results/otel_cost.json

Three runs of the same workflow, a step after another, on a service that answers at once: without a
plugin, with a plugin that overrides no hook, and with spans (two for each step: the operation and
its attempt) handed to the SDK's batch processor and an exporter that drops them. Beside them, what
two such spans cost when the SDK makes them alone. CPU time of the process, the best of several
rounds; every round is an execution of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from durable_core.lowlevel import (
    CheckpointRequest,
    CheckpointResponse,
    Environment,
    Instrumentation,
    InvocationInput,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
    Workflow,
    drive,
)
from durable_otel import View, instrument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from durable_core import DurableContext
    from durable_core.lowlevel import PluginFactory

SIZES = (100, 3000)
ROUNDS = 7
IMPORTS = 15
BARE = 300
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/bench/{}"


class Dropping(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Any) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to do."""


class InstantService:
    """Reports every update as applied."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._records: dict[str, Operation] = {}

    def checkpoint(self, request: CheckpointRequest) -> CheckpointResponse:
        changed: dict[str, Operation] = {}
        for update in request.updates:
            record = self._records.get(update.id)
            if record is None:
                record = Operation(
                    update.id,
                    update.type,
                    OperationStatus.STARTED,
                    self._now_ms,
                    update.parent_id,
                    update.name,
                    update.subtype,
                )
            if update.action is OperationAction.SUCCEED:
                record = record._replace(
                    status=OperationStatus.SUCCEEDED,
                    ended_at_ms=self._now_ms,
                    result=update.payload,
                    attempt=1,
                )
            self._records[update.id] = changed[update.id] = record
        return CheckpointResponse("t", tuple(changed.values()))

    def load_page(self, *_: object) -> Any:
        raise NotImplementedError


async def body() -> int:
    return 1


def steps(count: int) -> Any:
    async def handler(_: Any, context: DurableContext) -> int:
        for _ in range(count):
            await context.step("step", body)
        return count

    return handler


def round_us(count: int, number: int, plugins: tuple[PluginFactory, ...]) -> float:
    """CPU microseconds an operation of one execution."""
    now_ms = time.time_ns() // 1_000_000
    execution = Operation("e", OperationType.EXECUTION, OperationStatus.STARTED, now_ms)
    invocation = InvocationInput(ARN.format(number), "t", (execution,))
    workflow = Workflow(steps(count), plugins=plugins)

    async def run() -> float:
        gc.collect()
        before = time.process_time_ns()
        await drive(workflow, invocation, InstantService(now_ms), Environment())
        return (time.process_time_ns() - before) / 1000 / count

    return asyncio.run(run())


def measure(count: int, rounds: int) -> dict[str, float]:
    """The best round of each kind; kinds take turns, so that the machine's moods hit all."""
    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(Dropping(), max_queue_size=50_000, schedule_delay_millis=60_000)
    )
    kinds: dict[str, tuple[PluginFactory, ...]] = {
        "none": (),
        "no hook": (Instrumentation,),
        "invocation": (_tracing(View.INVOCATION, provider),),
        "execution": (_tracing(View.EXECUTION, provider),),
    }
    best = dict.fromkeys((*kinds, "bare"), float("inf"))
    for number in range(rounds):
        best["bare"] = min(best["bare"], bare_us(provider))
        for kind, plugins in kinds.items():
            best[kind] = min(best[kind], round_us(count, number, plugins))
    provider.shutdown()
    return best


def bare_us(provider: TracerProvider) -> float:
    """CPU microseconds of two spans as an operation has them, made with the SDK alone."""
    tracer = provider.get_tracer("bare")
    above = trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(1))
    parent = trace.set_span_in_context(trace.NonRecordingSpan(above))
    attributes = {f"durable.operation.{number}": "value" for number in range(5)}
    link = (trace.Link(above),)
    before = time.process_time_ns()
    for _ in range(2 * BARE):
        span = tracer.start_span("name", parent, attributes=attributes, links=link, start_time=1)
        span.set_attributes({"durable.status": "SUCCEEDED", "durable.attempt.number": 1})
        span.set_status(trace.Status(trace.StatusCode.OK))
        span.end(2)
    return (time.process_time_ns() - before) / 1000 / BARE


def _tracing(view: View, provider: TracerProvider) -> PluginFactory:
    # The flush hands spans to an exporter: that is not what spans cost.
    return instrument(view=view, tracer_provider=provider, metrics=False, flush_timeout=0)


def import_ms(times: int) -> float:
    """What importing durable_otel costs over the core, the best of several processes."""
    code = (
        "import time, durable_core, durable_core.lowlevel;"
        "a = time.process_time(); import durable_otel; print((time.process_time() - a) * 1000)"
    )
    taken = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(times)
    ]
    return min(taken)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--quick", action="store_true", help="once and small, to see that it runs")
    options = parser.parse_args(arguments)
    sizes, rounds, imports = ((5,), 1, 1) if options.quick else (SIZES, ROUNDS, IMPORTS)
    figures: dict[str, Any] = {"python": sys.version.split()[0], "import_ms": import_ms(imports)}
    print(f"import over the core's: {figures['import_ms']:.1f} ms")
    for count in sizes:
        best = measure(count, rounds)
        base = best["none"]
        figures[str(count)] = best
        bare = best.pop("bare")
        added = {kind: us - base for kind, us in best.items() if kind != "none"}
        told = ", ".join(f"{kind} {us:+.1f}" for kind, us in added.items())
        print(f"{count:>5} steps: {base:.1f} us an operation without a plugin; {told} us;")
        print(f"             two such spans of the SDK alone: {bare:.1f} us")
        best["bare"] = bare
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
