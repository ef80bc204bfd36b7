"""What tracing costs: microseconds an operation, at 100 and at 3,000 steps; the import beside it.

    uv run python benchmarks/otel_cost.py [--quick] [--ours]
    uv run python benchmarks/otel_cost.py --json benchmarks/results/otel_cost.json

Three runs of the same workflow, a step after another, on a service that answers at once: without a
plugin, with a plugin that overrides no hook, and with spans (two for each step: the operation and
its attempt) handed to the SDK's batch processor and an exporter that drops them. Beside them, what
the same two spans (name, attributes, link, times, status) cost when the SDK makes them alone: in a
loop, and in place, which is in the steps of the same workflow without a plugin, where caches are as
cold as they are for ours. CPU time of the process, the best and the median of several rounds; every
round is an execution of its own. `at once` is the same with the SDK's other processor, which hands
each span to the exporter when it ends. AWS's plugin runs beside ours, with AWS's SDK, in an
environment of its own under `.bench-cache`; `--ours` leaves it out.

The import is told over the core's. What `instrument()` loads when it is called is told apart: with
OpenTelemetry's API loaded already, as it is where an application traces, and without.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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
    from collections.abc import Awaitable, Callable, Sequence

    from durable_core import DurableContext
    from durable_core.lowlevel import PluginFactory

SIZES = (100, 3000)
ROUNDS = 7
IMPORTS = 15
BARE = 300
AWS = ("aws-durable-execution-sdk-python==3.0.0", "aws-durable-execution-sdk-python-otel==2.0.0")
AWS_ROUNDS = {100: 5, 3000: 1}
"""Rounds by steps: 3,000 take it minutes."""
CACHE = Path(__file__).resolve().parents[1] / ".bench-cache"
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


def steps(count: int, body: Callable[[], Awaitable[int]]) -> Any:
    async def handler(_: Any, context: DurableContext) -> int:
        for _ in range(count):
            await context.step("step", body)
        return count

    return handler


def round_us(
    count: int,
    number: int,
    plugins: tuple[PluginFactory, ...],
    body: Callable[[], Awaitable[int]] = body,
) -> float:
    """CPU microseconds an operation of one execution."""
    now_ms = time.time_ns() // 1_000_000
    execution = Operation("e", OperationType.EXECUTION, OperationStatus.STARTED, now_ms)
    invocation = InvocationInput(ARN.format(number), "t", (execution,))
    workflow = Workflow(steps(count, body), plugins=plugins)

    async def run() -> float:
        gc.collect()
        before = time.process_time_ns()
        await drive(workflow, invocation, InstantService(now_ms), Environment())
        return (time.process_time_ns() - before) / 1000 / count

    return asyncio.run(run())


def measure(count: int, rounds: int) -> dict[str, list[float]]:
    """The rounds of each kind; kinds take turns, so that the machine's moods hit all."""
    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(Dropping(), max_queue_size=50_000, schedule_delay_millis=60_000)
    )
    simple = TracerProvider()
    simple.add_span_processor(SimpleSpanProcessor(Dropping()))
    kinds: dict[str, tuple[PluginFactory, ...]] = {
        "none": (),
        "no hook": (Instrumentation,),
        "invocation": (_tracing(View.INVOCATION, provider),),
        "execution": (_tracing(View.EXECUTION, provider),),
        "invocation, at once": (_tracing(View.INVOCATION, simple),),
    }
    alone = spans_alone(provider)

    # Without an annotation: one in a closure is looked up again at each step.
    async def making_spans():
        alone()
        return 1

    found: dict[str, list[float]] = {
        kind: [] for kind in (*kinds, "the SDK alone, in place", "bare")
    }
    for number in range(rounds):
        for kind, plugins in kinds.items():
            found[kind].append(round_us(count, number, plugins))
        found["the SDK alone, in place"].append(round_us(count, number, (), making_spans))
        found["bare"].append(loop_us(alone))
    provider.shutdown()
    return found


def spans_alone(provider: TracerProvider) -> Callable[[], None]:
    """Make the spans of one step, as the plugin's are, with the SDK and nothing else."""
    made = InMemorySpanExporter()
    recording = TracerProvider()
    recording.add_span_processor(SimpleSpanProcessor(made))
    round_us(1, 0, (_tracing(View.INVOCATION, recording),))
    ours = [span for span in made.get_finished_spans() if span.name.startswith("step")]
    tracer = provider.get_tracer("alone")
    copies = [
        (
            span.name,
            trace.set_span_in_context(trace.NonRecordingSpan(span.parent or span.context)),
            dict(span.attributes or {}),
            tuple(trace.Link(link.context) for link in span.links),
            span.start_time,
            trace.Status(span.status.status_code),
            span.end_time,
        )
        for span in ours
    ]

    def make() -> None:
        for name, parent, attributes, links, start, status, end in copies:
            span = tracer.start_span(
                name, parent, attributes=attributes, links=links, start_time=start
            )
            span.set_status(status)
            span.end(end)

    return make


def loop_us(alone: Callable[[], None]) -> float:
    """CPU microseconds of a step's spans, nothing else in between."""
    gc.collect()
    before = time.process_time_ns()
    for _ in range(BARE):
        alone()
    return (time.process_time_ns() - before) / 1000 / BARE


def _tracing(view: View, provider: TracerProvider) -> PluginFactory:
    # The flush hands spans to an exporter: that is not what spans cost.
    return instrument(view=view, tracer_provider=provider, metrics=False, flush_timeout=0)


LOADS = {
    "import": ("", "import durable_otel"),
    "instrument, API loaded": (
        "import opentelemetry.trace, opentelemetry.context, durable_otel",
        "durable_otel.instrument()",
    ),
    "instrument, API not loaded": ("import durable_otel", "durable_otel.instrument()"),
    "API alone": ("", "import opentelemetry.trace, opentelemetry.context"),
}


def load_ms(before: str, code: str, times: int) -> float:
    """What some code costs in a process that has the core, the best of several processes."""
    program = (
        f"import time, durable_core, durable_core.lowlevel\n{before}\n"
        f"a = time.process_time()\n{code}\nprint((time.process_time() - a) * 1000)"
    )
    return min(
        float(
            subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
        )
        for _ in range(times)
    )


def report(count: int, found: dict[str, list[float]]) -> dict[str, Any]:
    """Print one size; return its figures."""
    best = {kind: min(rounds) for kind, rounds in found.items()}
    median = {kind: statistics.median(rounds) for kind, rounds in found.items()}
    print(f"{count:>5} steps: {best['none']:.1f} us an operation without a plugin; added to that")
    for kind in list(found)[1:-1]:
        more, usual = best[kind] - best["none"], median[kind] - median["none"]
        print(f"      {kind:<24} {more:+6.1f} us, median {usual:+6.1f}")
    print(f"      the SDK alone in a loop  {best['bare']:6.1f} us")
    return {str(count): best, f"medians of {count}": median}


def aws_us(counts: Sequence[int]) -> dict[str, dict[str, float]]:
    """AWS's plugin: CPU microseconds a step, by steps and kind."""
    home = CACHE / "aws-otel-2.0.0"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run(["uv", "venv", "-q", "--clear", "-p", sys.executable, home], check=True)
        install = ["uv", "pip", "install", "-q", "--compile-bytecode", "-p", python, *AWS]
        subprocess.run([*install, f"opentelemetry-sdk=={version('opentelemetry-sdk')}"], check=True)
        (home / "complete").touch()
    found: dict[str, dict[str, float]] = {}
    for count in counts:
        script = Path(__file__).with_name("otel_cost_aws.py")
        command = [python, script, str(count), str(AWS_ROUNDS[count])]
        taken = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[f"aws {count}"] = taken_by = json.loads(taken.splitlines()[-1])
        told = ", ".join(f"{kind} {us - taken_by['none']:+.0f}" for kind, us in taken_by.items())
        print(f"AWS's plugin, {count} steps: {told} us")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--quick", action="store_true", help="once and small, to see that it runs")
    parser.add_argument("--ours", action="store_true", help="without AWS's plugin")
    options = parser.parse_args(arguments)
    sizes, rounds, imports = ((5,), 1, 1) if options.quick else (SIZES, ROUNDS, IMPORTS)
    loads = {kind: load_ms(*code, imports) for kind, code in LOADS.items()}
    print(", ".join(f"{kind}: {taken:.1f} ms" for kind, taken in loads.items()))
    figures: dict[str, Any] = {"python": sys.version.split()[0], "load_ms": loads}
    figures["import_ms"] = loads["import"]
    for count in sizes:
        figures |= report(count, measure(count, rounds))
    if not (options.quick or options.ours):
        figures |= aws_us(sizes)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
