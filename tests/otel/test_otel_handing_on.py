"""What processors are handed, and what becomes of the rest if one of them does not behave."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import sys
import threading
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from durable_core import RetryPresets, StepError, create_wait_strategy
from durable_core.lowlevel import Instrumentation, Workflow
from durable_otel import instrument
from durable_testing import DurableTestRunner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from durable_core import DurableContext
    from durable_core.lowlevel import OperationDetails


class Told(SpanProcessor):
    """Keeps what it is told; refuses the start of spans, as often as it is said."""

    def __init__(self, **refusals: int) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self.spans: dict[str, Any] = {}
        self.refusals = {name.replace("_", " "): count for name, count in refusals.items()}

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        left = self.refusals.get(span.name, 0)
        if left:
            self.refusals[span.name] = left - 1
            raise OSError(f"no room for {span.name}")
        self.started.append(span.name)

    def on_end(self, span: Any) -> None:
        self.ended.append(span.name)
        self.spans[span.name] = span


def run_told(
    handler: Any,
    *told: Told,
    view: str = "invocation",
    sampler: Sampler | None = None,
    plugins: tuple[Callable[[], Instrumentation], ...] = (),
) -> None:
    provider = TracerProvider(sampler=sampler)
    for each in told:
        provider.add_span_processor(each)
    plugin = instrument(view=view, tracer_provider=provider, metrics=False)
    runner = DurableTestRunner(Workflow(handler, plugins=(plugin, *plugins)), replay_check=False)
    runner.run_sync().assert_succeeded()


async def one() -> int:
    return 1


def test_an_operation_that_a_processor_refuses_does_not_cost_its_attempts(view):
    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", one)

    willing, refusing = Told(), Told(work=2)
    run_told(handler, willing, refusing, view=view)
    for told in (willing, refusing):
        assert told.ended.count("work attempt 1") == 1
    assert willing.started.count("work") == 1
    assert "work" not in refusing.started


class OwnSampler(ParentBased):
    """One of the application's: nobody knows before what it will say."""

    def __init__(self) -> None:
        super().__init__(ALWAYS_ON)


@pytest.mark.parametrize("is_async", [True, False])
def test_an_attempt_that_a_processor_refused_once_is_not_made_up_later(view, is_async, caplog):
    inside: list[trace.SpanContext] = []

    def look() -> None:
        inside.append(trace.get_current_span().get_span_context())

    async def look_in_a_task() -> None:
        look()

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", look_in_a_task if is_async else look)

    told = Told(work_attempt_1=1)
    run_told(handler, told, view=view, sampler=OwnSampler())
    assert "work attempt 1" not in told.started
    assert "work" in told.ended
    assert inside[0].span_id == told.spans["work"].context.span_id
    assert len(caplog.records) == 1


class Awaited(Told):
    """Lets the workflow wait until a span was handed on."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._has_come = asyncio.Event()

    def on_end(self, span: Any) -> None:
        super().on_end(span)
        if span.name == self._name:
            self._has_come.set()

    async def come(self) -> bool:
        async with asyncio.timeout(5):
            return await self._has_come.wait()


async def until_handed_on(context: DurableContext, told: Awaited, work: Awaitable[Any]) -> None:
    """Wait for the work, with something else that runs: the invocation goes on meanwhile."""
    other = context.step("other", told.come, retry_strategy=RetryPresets.none())
    await work
    await other


@pytest.mark.parametrize("is_async", [True, False])
def test_an_attempt_is_handed_on_while_its_operation_waits_for_the_next(view, is_async):
    told = Awaited("work attempt 1")
    attempts = Counter[str]()

    def work() -> Awaitable[bool]:
        attempts["work"] += 1
        if attempts["work"] == 1:
            raise LookupError("not yet")
        return told.come()

    async def work_in_a_task() -> bool:
        return await work()

    async def handler(event: object, context: DurableContext) -> None:
        body = work_in_a_task if is_async else work
        await until_handed_on(context, told, context.step("work", body))

    run_told(handler, told, view=view)
    assert told.ended.count("work attempt 1") == told.ended.count("work attempt 2") == 1


def test_a_check_is_handed_on_while_its_condition_does_not_hold(view):
    told = Awaited("ready attempt 1")

    async def is_ready(checks: int) -> int:
        if checks:
            await told.come()
        return checks + 1

    async def handler(event: object, context: DurableContext) -> None:
        strategy = create_wait_strategy(should_continue_polling=lambda checks: checks < 2)
        work = context.wait_for_condition(
            "ready", is_ready, initial_state=0, wait_strategy=strategy
        )
        await until_handed_on(context, told, work)

    run_told(handler, told, view=view)
    assert told.ended.count("ready attempt 1") == told.ended.count("ready attempt 2") == 1


class Curious(Awaited):
    """Keeps what is current when a span is handed on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.current: list[trace.Span] = []

    def on_end(self, span: Any) -> None:
        super().on_end(span)
        self.current.append(trace.get_current_span())


def test_no_attempt_is_current_for_spans_that_are_handed_on_together(view):
    told = Curious("work attempt 1")
    attempts = Counter[str]()

    async def work() -> None:
        attempts["work"] += 1
        if attempts["work"] == 1:
            raise LookupError("not yet")
        await told.come()

    async def nested(child: DurableContext) -> None:
        await until_handed_on(child, told, child.step("work", work))

    async def handler(event: object, context: DurableContext) -> None:
        await context.run_in_child_context("within", nested)

    run_told(handler, told, view=view)
    assert set(told.current) == {trace.INVALID_SPAN}


@pytest.mark.parametrize("ask", ["begin", "read"])
def test_whatever_interrupts_the_look_at_a_span_may_look_at_it_too(ask):
    """Signal handlers and finalizers do, as they log; a profile function stands for them."""

    def interrupted_at(place: int) -> Callable[[], int]:
        def body() -> int:
            span = trace.get_current_span()
            calls = itertools.count()

            def interrupt(*_: object) -> None:
                if next(calls) == place:
                    ids.append(span.get_span_context().span_id)

            ids: list[int] = []
            sys.setprofile(interrupt)
            try:
                if ask == "begin":
                    span.set_attribute("one", 1)
                ids.append(span.get_span_context().span_id)
            finally:
                sys.setprofile(None)
            (own_id,) = set(ids)
            return own_id

        return body

    seen: list[int] = []

    async def handler(event: object, context: DurableContext) -> None:
        seen.extend([await context.step(f"s{place}", interrupted_at(place)) for place in range(20)])

    told = Told()
    run_told(handler, told)
    assert seen == [told.spans[f"s{place} attempt 1"].context.span_id for place in range(20)]


def test_whatever_interrupts_the_making_of_spans_may_look_at_the_one_of_a_context(view):
    seen: set[int] = set()

    async def nested(child: DurableContext) -> None:
        span = trace.get_current_span()
        sys.setprofile(lambda *_: seen.add(span.get_span_context().span_id))
        try:
            await child.step("inner", one)
        finally:
            sys.setprofile(None)

    async def handler(event: object, context: DurableContext) -> None:
        await context.run_in_child_context("within", nested)

    told = Told()
    run_told(handler, told, view=view)
    assert seen == {told.spans["within"].context.span_id}


class Exits(Instrumentation):
    """Says when an attempt has ended, and all plugins were told how."""

    def __init__(self) -> None:
        self.has_ended = threading.Event()

    @contextmanager
    def attempt(self, operation: OperationDetails, /) -> Iterator[None]:
        yield
        if operation.name == "slow":
            self.has_ended.set()


@pytest.mark.filterwarnings("ignore:.*never awaited:RuntimeWarning")
def test_an_attempt_that_was_cut_off_stays_so_though_its_thread_goes_on(view, monkeypatch):
    monkeypatch.setattr("durable_otel.outbox.DELAY_SECONDS", 60)
    has_begun, may_end, exits, told = threading.Event(), threading.Event(), Exits(), Told()

    def slow() -> None:
        has_begun.set()
        assert may_end.wait(5)

    async def nested(child: DurableContext) -> None:
        unwanted = child.step("slow", slow)
        await child.step("quick", lambda: has_begun.wait(5))
        assert not unwanted.done()

    def let_it_end() -> None:
        may_end.set()
        assert exits.has_ended.wait(5)

    async def handler(event: object, context: DurableContext) -> None:
        await context.run_in_child_context("within", nested)
        await context.step("next", let_it_end)

    run_told(handler, told, view=view, plugins=(lambda: exits,))
    attributes = told.spans["slow attempt 1"].attributes
    assert attributes["durable.span.truncated_at_invocation_boundary"]
    assert "durable.attempt.outcome" not in attributes


class OwnError(Exception):
    """One that may be referred to weakly."""


def test_a_span_that_is_kept_does_not_keep_what_its_attempt_raised(view):
    kept: list[trace.Span] = []
    raised: list[weakref.ref[OwnError]] = []

    async def fail() -> None:
        kept.append(trace.get_current_span())
        error = OwnError("nowhere")
        raised.append(weakref.ref(error))
        raise error

    async def handler(event: object, context: DurableContext) -> None:
        with pytest.raises(StepError):
            await context.step("work", fail, retry_strategy=RetryPresets.none())

    told = Told()
    run_told(handler, told, view=view)
    gc.collect()
    assert told.ended.count("work attempt 1") == 1
    assert raised[0]() is None


def test_the_context_of_a_span_is_its_own_whenever_it_is_asked_for(view):
    kept: list[trace.Span] = []
    asked: list[trace.SpanContext] = []

    class Asking(Told):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            super().on_start(span, parent_context)
            if span.name == "work attempt 1":
                with ThreadPoolExecutor(1) as thread:
                    asked.append(thread.submit(kept[0].get_span_context).result())

    async def keep() -> None:
        kept.append(trace.get_current_span())

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", keep)

    told = Asking()
    run_told(handler, told, view=view)
    assert asked == [told.spans["work attempt 1"].context]


class Eventful(logging.Handler):
    """Makes an event of each record, as handlers do: with its own lock held."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held, self.may_go_on = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "working":
            self.is_held.set()
            assert self.may_go_on.wait(5)
        trace.get_current_span().add_event(record.getMessage())


def test_a_processor_may_log_while_another_thread_logs_to_the_span(view, monkeypatch):
    monkeypatch.setattr("durable_otel.attempts.PATIENCE_SECONDS", 0.01)
    logs = Eventful()

    def log(message: str) -> None:
        logs.handle(logging.makeLogRecord({"msg": message}))

    class Logging(Told):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            super().on_start(span, parent_context)
            if span.name == "work attempt 1":
                logs.may_go_on.set()
                log("begins")

    def work() -> None:
        with ThreadPoolExecutor(1) as thread:
            logged = thread.submit(copy_context().run, log, "working")
            assert logs.is_held.wait(5)
            trace.get_current_span().set_attribute("one", 1)
            logged.result()

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", work)

    told = Logging()
    run_told(handler, told, view=view)
    assert told.spans["work attempt 1"].attributes["one"] == 1
