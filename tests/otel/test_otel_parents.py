"""An attempt's span as a parent: what processors of vendors read of it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from durable_core.lowlevel import Workflow
from durable_otel import instrument
from durable_testing import DurableTestRunner
from durable_testing.tracing import Traces

if TYPE_CHECKING:
    from durable_core import DurableContext


class Reading(SpanProcessor):
    """Reads of each parent what the processor of AWS's distribution does."""

    def __init__(self) -> None:
        self.parents: dict[str, tuple[Any, ...]] = {}

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if span.name in ("inside", "late"):
            parent: Any = trace.get_current_span(parent_context)
            number = parent.attributes["durable.attempt.number"]
            self.parents[span.name] = (parent.name, parent.kind, number)


@pytest.mark.parametrize("delay", [0.01, 60], ids=["is made", "is still to be made"])
def test_what_begins_after_an_attempt_was_over_reads_its_parent_all_the_same(
    view, delay, monkeypatch
):
    monkeypatch.setattr("durable_otel.outbox.DELAY_SECONDS", delay)
    reading, may_go_on = Reading(), asyncio.Event()
    provider = TracerProvider()
    provider.add_span_processor(reading)
    tracer = provider.get_tracer("app")
    left: list[asyncio.Task[None]] = []

    async def go_on() -> None:
        await may_go_on.wait()
        tracer.start_span("late").end()

    async def leave_a_task() -> None:
        left.append(asyncio.create_task(go_on()))
        if delay < 1:
            tracer.start_span("inside").end()

    async def wait_for_it() -> None:
        may_go_on.set()
        await left[0]

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", leave_a_task)
        await context.step("next", wait_for_it)

    plugin = instrument(view=view, tracer_provider=provider, metrics=False)
    runner = DurableTestRunner(Workflow(handler, plugins=(plugin,)), replay_check=False)
    runner.run_sync().assert_succeeded()
    assert reading.parents["late"] == ("work attempt 1", trace.SpanKind.INTERNAL, 1)


def test_the_scope_of_an_attempts_span_is_that_of_the_tracer(view):
    read: list[Any] = []

    async def read_it() -> None:
        span: Any = trace.get_current_span()
        read.append(span.instrumentation_scope.name)

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", read_it)

    plugin = instrument(view=view, tracer_provider=TracerProvider(), metrics=False)
    runner = DurableTestRunner(Workflow(handler, plugins=(plugin,)), replay_check=False)
    runner.run_sync().assert_succeeded()
    assert len(read) == 1


class Classing(SpanProcessor):
    """Takes as a parent only what is one of the SDK's spans, as vendors' processors do."""

    def __init__(self) -> None:
        self.parents: list[str] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        parent = trace.get_current_span(parent_context)
        if span.name == "inside" and isinstance(parent, ReadableSpan):
            self.parents.append(parent.name)


def test_an_attempts_span_counts_as_one_of_the_sdks(view):
    classing = Classing()
    provider = TracerProvider()
    provider.add_span_processor(classing)
    tracer = provider.get_tracer("app")

    async def inside() -> None:
        tracer.start_span("inside").end()

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", inside)

    plugin = instrument(view=view, tracer_provider=provider, metrics=False)
    DurableTestRunner(Workflow(handler, plugins=(plugin,))).run_sync().assert_succeeded()
    assert classing.parents == ["work attempt 1"]


@pytest.mark.filterwarnings("ignore:.*never awaited:RuntimeWarning")
def test_an_attempt_that_outlives_its_invocation_is_told_when_it_ends():
    """A thread goes on after the execution has ended without it."""
    traces, may_end, is_told = Traces(), threading.Event(), threading.Event()

    class Telling(SpanProcessor):
        def on_end(self, span: Any) -> None:
            if span.name == "slow attempt 1":
                is_told.set()

    traces.provider.add_span_processor(Telling())
    plugin = instrument(tracer_provider=traces.provider, metrics=False)

    def slow() -> None:
        may_end.wait(60)

    async def handler(event: object, context: DurableContext) -> None:
        left = context.step("slow", slow)
        await context.step("quick", asyncio.sleep, 0)
        assert not left.done()

    workflow = Workflow(handler, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    may_end.set()
    assert is_told.wait(60)
    assert len(traces.named("slow attempt 1")) == 1


def test_the_sdks_own_metrics_count_the_spans(monkeypatch):
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    reader = InMemoryMetricReader()
    provider = TracerProvider(meter_provider=MeterProvider([reader]))

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", asyncio.sleep, 0)

    plugin = instrument(tracer_provider=provider, metrics=False)
    workflow = Workflow(handler, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    data = reader.get_metrics_data()
    assert data is not None
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    (started,) = [metric for metric in metrics if metric.name == "otel.sdk.span.started"]
    counted = Counter[str]()
    for point in started.data.data_points:
        counted[point.attributes["otel.span.sampling_result"]] += point.value
    assert counted == {"RECORD_AND_SAMPLE": 4}
