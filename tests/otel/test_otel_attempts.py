"""The span of an attempt, as its code sees it, and when spans are handed on."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from durable_core import RetryPresets
from durable_core.lowlevel import Workflow
from durable_otel import instrument
from durable_otel.outbox import SIZE, Outbox
from durable_testing import DurableTestRunner
from durable_testing.tracing import Traces, assert_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core import DurableContext


class OwnSampler(Sampler):
    """One of the application's: it must see each span when it starts."""

    def should_sample(  # noqa: PLR0917 - OpenTelemetry's signature
        self, parent_context, trace_id, name, kind=None, attributes=None, links=None, **_
    ):
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self):
        return "own"


@pytest.fixture(params=["known sampler", "own sampler"])
def traces(request: pytest.FixtureRequest) -> Traces:
    traces = Traces()
    if request.param == "own sampler":
        traces.provider.sampler = OwnSampler()
    return traces


def run_step(traces: Traces, body: Callable[[], Any], view: str = "invocation") -> Any:
    """Run a workflow of one step; returns the span of its attempt."""

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", body, retry_strategy=RetryPresets.none())

    plugin = instrument(view=view, tracer_provider=traces.provider, metrics=False)
    runner = DurableTestRunner(Workflow(handler, plugins=(plugin,)), replay_check=False)
    runner.run_sync()
    assert_trace(traces)
    (span,) = [span for span in traces.spans if " attempt " in span.name or span.name == "mine"]
    return span


def in_a_task(act: Callable[[], Any]) -> Callable[[], Any]:
    async def body() -> None:
        act()

    return body


def in_a_thread(act: Callable[[], Any]) -> Callable[[], Any]:
    def body() -> None:
        act()

    return body


@pytest.fixture(params=[in_a_task, in_a_thread])
def body(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    return request.param


def test_what_the_body_sets_is_on_the_span_of_its_attempt(traces, view, body):
    elsewhere = trace.SpanContext(1, 2, is_remote=True)

    def act() -> None:
        span = trace.get_current_span()
        assert span.is_recording()
        span.set_attribute("one", 1)
        span.set_attributes({"two": 2})
        span.add_event("seen")
        span.record_exception(ValueError("noted"))
        span.add_link(elsewhere)
        span.update_name("mine")
        span.end()

    span = run_step(traces, body(act), view)
    assert span.name == "mine"
    assert (span.attributes["one"], span.attributes["two"]) == (1, 2)
    assert span.attributes["durable.attempt.outcome"] == "SUCCEEDED"
    assert [event.name for event in span.events] == ["seen", "exception"]
    assert span.links[-1].context == elsewhere
    assert span.status.status_code is trace.StatusCode.OK


def test_the_outcome_decides_the_status(traces, body):
    def act() -> None:
        trace.get_current_span().set_status(trace.StatusCode.ERROR, "mine")

    assert run_step(traces, body(act)).status.status_code is trace.StatusCode.OK


def test_the_body_reads_what_the_sdks_span_has(traces, body):
    read = {}

    def act() -> None:
        span: Any = trace.get_current_span()
        read.update(name=span.name, start=span.start_time, number=dict(span.attributes))
        with pytest.raises(AttributeError):
            _ = span.nothing_of_the_kind

    span = run_step(traces, body(act))
    assert (read["name"], read["start"]) == (span.name, span.start_time)
    assert read["number"]["durable.attempt.number"] == 1


def test_the_context_that_the_body_hands_out_is_that_of_the_span(traces, view, body):
    handed_out = []

    def act() -> None:
        span = trace.get_current_span()
        with ThreadPoolExecutor(4) as threads:
            asked = [threads.submit(span.get_span_context) for _ in range(20)]
            handed_out.extend(each.result() for each in asked)

    span = run_step(traces, in_a_thread(act) if body is in_a_thread else act_in_task(act), view)
    assert {context.span_id for context in handed_out} == {span.context.span_id}
    assert {context.trace_id for context in handed_out} == {span.context.trace_id}


def act_in_task(act: Callable[[], Any]) -> Callable[[], Any]:
    async def body() -> None:
        context = trace.get_current_span().get_span_context()
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        assert trace.get_current_span().get_span_context() == context
        act()

    return body


def test_the_span_begins_once_whoever_asks_first(traces):
    def act() -> None:
        span = trace.get_current_span()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda number: span.set_attribute(f"n{number}", number), range(20)))

    span = run_step(traces, in_a_thread(act))
    assert {span.attributes[f"n{number}"] for number in range(20)} == set(range(20))


def test_a_span_that_is_over_takes_nothing_more(traces, body):
    kept: list[trace.Span] = []
    watching = Watching()
    traces.provider.add_span_processor(watching)
    run_step(traces, body(lambda: kept.append(trace.get_current_span())))
    (span,) = kept
    assert not span.is_recording()
    span.set_attribute("late", 1)
    span.add_event("late")
    span.record_exception(ValueError("late"))
    assert len(traces.named("work attempt 1")) == 1
    assert "late" not in traces.named("work attempt 1")[0].attributes
    assert not traces.named("work attempt 1")[0].events
    assert watching.told.count(("start", "work attempt 1")) == 1


def test_a_failure_is_told_on_a_span_that_had_begun(traces, body):
    def act() -> None:
        trace.get_current_span().set_attribute("one", 1)
        raise LookupError("nowhere")

    span = run_step(traces, body(act))
    assert span.attributes["one"] == 1
    assert span.attributes["durable.attempt.outcome"] == "FAILED"
    assert span.attributes["error.type"] == "LookupError"
    assert span.status.description == "nowhere"


class Watching(SpanProcessor):
    """Keeps the order of what it is told, and the parents it was shown."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.ended: dict[str, asyncio.Event] = {}
        self.parents: dict[str, Any] = {}
        self.refuses = ""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if span.name == self.refuses:
            raise OSError(f"no room for {span.name}")
        self.told.append(("start", span.name))
        self.parents[span.name] = trace.get_current_span(parent_context)

    def on_end(self, span: Any) -> None:
        self.told.append(("end", span.name))
        if span.name in self.ended:
            self.ended[span.name].set()


def run_watched(handler: Any, watching: Watching, view: str = "invocation") -> Any:
    provider = TracerProvider()
    provider.add_span_processor(watching)
    plugin = instrument(view=view, tracer_provider=provider, metrics=False)
    runner = DurableTestRunner(Workflow(handler, plugins=(plugin,)), replay_check=False)
    result = runner.run_sync()
    result.assert_succeeded()
    return result


async def one() -> int:
    return 1


def test_processors_hear_of_parents_first_and_of_their_ends_last(view):
    async def nested(child: DurableContext) -> None:
        await child.step("inner", one)

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("outer", one)
        await context.run_in_child_context("within", nested)

    watching = Watching()
    run_watched(handler, watching, view)
    place = {told: number for number, told in enumerate(watching.told)}
    for parent, child in [
        ("outer", "outer attempt 1"),
        ("inner", "inner attempt 1"),
        *([("within", "inner"), ("Invocation", "within")] if view == "invocation" else ()),
    ]:
        assert place["start", parent] < place["start", child]
        assert place["end", child] < place["end", parent]
    assert watching.parents["outer attempt 1"].name == "outer"
    assert watching.parents["outer attempt 1"].attributes["durable.operation.status"] == "SUCCEEDED"


def test_spans_are_handed_on_while_the_workflow_waits_for_the_world(view):
    watching = Watching()
    watching.ended = {"first": asyncio.Event(), "first attempt 1": asyncio.Event()}

    async def until_seen() -> None:
        for event in watching.ended.values():
            await event.wait()

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("first", one)
        await context.step("second", until_seen)

    run_watched(handler, watching, view)
    assert ("end", "second") in watching.told


def test_of_many_operations_each_has_its_spans(view):
    async def handler(event: object, context: DurableContext) -> None:
        for number in range(300):
            await context.step(f"s{number}", one)

    watching = Watching()
    run_watched(handler, watching, view)
    ends = Counter(name for what, name in watching.told if what == "end")
    for number in range(300):
        assert ends[f"s{number}"] == ends[f"s{number} attempt 1"] == 1


def test_a_processor_that_raises_costs_only_its_span_and_is_told_once(view, caplog):
    async def handler(event: object, context: DurableContext) -> None:
        for name in ("a", "b", "b", "c"):
            await context.step(name, one)

    watching = Watching()
    watching.refuses = "b"
    run_watched(handler, watching, view)
    ends = [name for what, name in watching.told if what == "end"]
    assert "a" in ends
    assert "c" in ends
    assert "b" not in ends
    lost = [each for each in caplog.records if "a span was lost" in each.getMessage()]
    assert len(lost) == 1
    assert "no room for b" in caplog.text


def test_a_body_does_not_fail_for_a_processor_that_raises(view, body, caplog):
    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", body(lambda: trace.get_current_span().set_attribute("one", 1)))

    watching = Watching()
    watching.refuses = "work attempt 1"
    run_watched(handler, watching, view)
    assert ("end", "work") in watching.told
    assert "no room for work attempt 1" in caplog.text


class Nosy(Watching):
    """Looks at the current span whenever one starts."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        super().on_start(span, parent_context)
        current = trace.get_current_span()
        self.parents[f"current at {span.name}"] = current.get_span_context().span_id
        current.set_attribute("seen", span.name)


def test_a_processor_may_look_at_the_span_that_begins(view, body):
    handed_out = []

    def act() -> None:
        span = trace.get_current_span()
        span.set_attribute("one", 1)
        handed_out.append(span.get_span_context().span_id)

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", body(act))

    nosy = Nosy()
    run_watched(handler, nosy, view)
    assert ("end", "work attempt 1") in nosy.told
    assert nosy.parents["current at work attempt 1"] == handed_out[0]


def test_what_is_left_to_do_is_done_when_there_is_much_of_it():
    done: list[int] = []

    async def put_much() -> None:
        outbox = Outbox(is_patient=True)
        for number in range(SIZE - 1):
            outbox.put(done.append, number)
        assert done == []
        outbox.put(done.append, SIZE - 1)
        assert done == list(range(SIZE))
        outbox.put(done.append, SIZE)
        outbox.drain()

    asyncio.run(put_much())
    assert done == list(range(SIZE + 1))


def test_when_the_invocation_has_ended_nothing_is_left_for_later():
    done: list[int] = []

    async def put_late() -> None:
        outbox = Outbox(is_patient=True)
        outbox.put(done.append, 1)
        outbox.close()
        assert done == [1]
        assert not outbox.is_patient
        outbox.put(done.append, 2)
        assert done == [1, 2]

    asyncio.run(put_late())


def test_without_a_loop_nothing_is_left_for_later():
    done: list[int] = []
    Outbox(is_patient=True).put(done.append, 1)
    assert done == [1]


def test_a_provider_that_is_replaced_gets_no_further_spans(monkeypatch):
    plugin = instrument(metrics=False)

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", one)

    runner = DurableTestRunner(Workflow(handler, plugins=(plugin,)), replay_check=False)
    for traces in (Traces(), Traces()):
        monkeypatch.setattr(trace, "get_tracer_provider", lambda given=traces: given.provider)
        runner.run_sync().assert_succeeded()
        assert len(traces.named("work")) == 1
