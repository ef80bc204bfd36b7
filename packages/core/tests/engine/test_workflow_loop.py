"""The workflow loop: asyncio without a world."""

from __future__ import annotations

import asyncio
import sys
import zlib
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest

from durable_core._engine import loop as loop_module
from durable_core._engine.loop import WorkflowLoop, WorkflowTask
from durable_core._engine.scope import CURRENT_SCOPE, ContextBody, OutsideScope, Scope
from durable_core._values.errors import WorkflowIOError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Timers:
    """Durable timers that end when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.started: list[tuple[float, float | None, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    def start_timer(
        self, delay_seconds: float, when: float | None, callback: Callable[[], object]
    ) -> Any:
        self.started.append((delay_seconds, when, callback))
        return callback


class Bench:
    """A loop, its timers, and what it told the host."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.told: list[dict[str, Any]] = []
        self.loop = WorkflowLoop(self.timers, self.told.append)

    def run(self) -> None:
        entered = self.loop.enter()
        try:
            self.loop.run_until_idle()
        finally:
            self.loop.leave(entered)

    def discard(self) -> None:
        entered = self.loop.enter()
        try:
            self.loop.discard()
        finally:
            self.loop.leave(entered)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.discard()


# Ready calls


def test_calls_are_made_in_the_order_they_were_asked_for(bench: Bench) -> None:
    made: list[Any] = []

    def first() -> None:
        made.append("first")
        bench.loop.call_soon(made.append, "made ready by first")

    bench.loop.call_soon(first)
    bench.loop.call_soon(made.append, "second")
    assert bench.loop.ready
    bench.run()
    assert made == ["first", "second", "made ready by first"]
    assert not bench.loop.ready


def test_a_call_that_was_taken_back_is_not_made(bench: Bench) -> None:
    made: list[Any] = []
    handle = bench.loop.call_soon(made.append, "taken back")
    bench.loop.call_soon(made.append, "made")
    assert not handle.cancelled()
    handle.cancel()
    assert handle.cancelled()
    bench.run()
    assert made == ["made"]


def test_a_call_is_made_in_its_callers_context_or_the_one_given(bench: Bench) -> None:
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("callers")
    given = copy_context()
    given.run(variable.set, "given")
    seen: list[str] = []

    def note() -> None:
        seen.append(variable.get())

    bench.loop.call_soon(note)
    bench.loop.call_soon(note, context=given)
    bench.loop.call_later(0, note, context=given)
    variable.set("later")
    bench.run()
    assert seen == ["callers", "given", "given"]


def test_a_call_that_raises_is_told_to_the_host_and_stops_nothing(bench: Bench) -> None:
    made: list[Any] = []
    error = ValueError("broken")

    def broken() -> None:
        raise error

    bench.loop.call_soon(broken)
    bench.loop.call_soon(made.append, "after")
    bench.run()
    assert made == ["after"]
    (told,) = bench.told
    assert told["exception"] is error
    assert "broken" in told["message"]


def test_an_exception_handler_of_the_workflow_is_asked_instead(bench: Bench) -> None:
    seen: list[Any] = []
    assert bench.loop.get_exception_handler() is None

    def handler(loop: Any, context: dict[str, Any]) -> None:
        seen.append((loop, context["message"]))
        loop.default_exception_handler(context)

    bench.loop.set_exception_handler(handler)
    assert bench.loop.get_exception_handler() is handler
    bench.loop.call_exception_handler({"message": "asked"})
    assert seen == [(bench.loop, "asked")]
    assert bench.told == [{"message": "asked"}]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_not_held_back(bench: Bench, kind: type[BaseException]) -> None:
    def end() -> None:
        raise kind

    bench.loop.call_soon(end)
    with pytest.raises(kind):
        bench.run()
    assert bench.told == []


def test_a_turn_that_is_over_makes_no_further_call(bench: Bench) -> None:
    made: list[Any] = []
    bench.loop.call_soon(bench.loop.stop_turn)
    bench.loop.call_soon(made.append, "next turn")
    bench.run()
    assert made == []
    bench.run()
    assert made == ["next turn"]


# Time


def test_a_delayed_call_is_a_durable_timer(bench: Bench) -> None:
    made: list[Any] = []
    handle = bench.loop.call_later(2.5, made.append, "later")
    ((delay, when, callback),) = bench.timers.started
    assert (delay, when, handle) == (2.5, None, callback)
    bench.run()
    assert made == []
    callback()
    bench.run()
    assert made == ["later"]


def test_a_call_at_a_time_is_a_durable_timer_for_what_is_left(bench: Bench) -> None:
    made: list[Any] = []
    assert bench.loop.time() == 100.0
    bench.loop.call_at(103.0, made.append, "at")
    ((delay, when, callback),) = bench.timers.started
    assert (delay, when) == (3.0, 103.0)
    callback()
    bench.run()
    assert made == ["at"]


def test_a_time_that_has_come_needs_no_timer(bench: Bench) -> None:
    made: list[Any] = []
    bench.loop.call_later(0, made.append, 1)
    bench.loop.call_later(-1, made.append, 2)
    bench.loop.call_at(100.0, made.append, 3)
    bench.loop.call_at(7.0, made.append, 4)
    bench.run()
    assert made == [1, 2, 3, 4]
    assert bench.timers.started == []


# Tasks


def scoped(body: ContextBody | None = None) -> Scope:
    return Scope(body or ContextBody(None, None), "")


async def nothing() -> None:
    pass


def test_a_task_runs_to_its_end_and_is_pending_no_longer(bench: Bench) -> None:
    async def answer() -> int:
        assert asyncio.get_running_loop() is bench.loop
        await asyncio.sleep(0)
        return 42

    task = bench.loop.create_task(answer(), name="answer")
    assert (task.get_name(), bench.loop.pending_tasks()) == ("answer", [task])
    bench.run()
    assert task.result() == 42
    assert bench.loop.pending_tasks() == []


def test_a_sub_task_takes_its_place_into_its_scope(bench: Bench) -> None:
    scopes: list[str] = []

    async def note() -> None:
        scope = CURRENT_SCOPE.get()
        assert isinstance(scope, Scope)
        scopes.append(scope.prefix)

    async def parent() -> None:
        one, two = asyncio.create_task(note()), asyncio.create_task(note())
        await note()
        await asyncio.gather(two, one)

    bench.loop.spawn(parent(), scoped())
    bench.run()
    assert scopes == ["", "t1", "t2"]


def test_a_task_outside_the_workflow_has_no_lineage(bench: Bench) -> None:
    context = copy_context()
    context.run(CURRENT_SCOPE.set, OutsideScope("a step"))
    task = bench.loop.create_task(nothing(), context=context)
    assert hash(task) == hash(zlib.crc32(b""))
    bench.run()


def test_a_tasks_hash_is_that_of_its_lineage_in_every_process(bench: Bench) -> None:
    tasks = [WorkflowTask(lineage, nothing(), loop=bench.loop) for lineage in ("t1", "t1", "t2")]
    assert hash(tasks[0]) == hash(tasks[1]) == zlib.crc32(b"t1")
    assert hash(tasks[0]) != hash(tasks[2])
    assert tasks[0] == tasks[0]
    assert tasks[0] != tasks[1]
    bench.run()


def test_tasks_that_ended_are_forgotten_and_the_others_kept(bench: Bench) -> None:
    never = bench.loop.create_future()

    async def wait() -> None:
        await never

    waiting = bench.loop.create_task(wait())
    for _ in range(200):
        bench.loop.create_task(nothing())
        bench.run()
    assert bench.loop.pending_tasks() == [waiting]
    assert len(bench.loop._tasks) < 100


# Discarding


def test_discarding_runs_finally_blocks_and_lets_nothing_start(bench: Bench) -> None:
    seen: list[Any] = []
    never = bench.loop.create_future()

    async def late() -> None:
        seen.append("started late")

    async def workflow() -> None:
        try:
            await never
        finally:
            seen.append("finally")
            bench.loop.call_soon(seen.append, "called late")
            try:
                bench.loop.create_task(late())
            except GeneratorExit:
                seen.append("refused")

    bench.loop.create_task(workflow())
    bench.run()
    bench.discard()
    bench.run()
    assert seen == ["finally", "refused"]
    assert bench.loop.is_closed()
    assert bench.loop.pending_tasks() == []


def test_a_task_that_will_not_end_is_left_behind_in_silence(bench: Bench) -> None:
    never = bench.loop.create_future()
    seen: list[str] = []

    async def stubborn() -> None:
        try:
            await never
        finally:
            seen.append("finally")
            await never

    async def broken() -> None:
        try:
            await never
        finally:
            raise ValueError

    bench.loop.create_task(stubborn())
    bench.loop.create_task(broken())
    bench.run()
    bench.discard()
    assert seen == ["finally"]
    bench.loop.call_exception_handler({"message": "late"})
    assert bench.told == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_passes_a_discarded_task(kind: type[BaseException]) -> None:
    bench = Bench()
    never = bench.loop.create_future()

    async def ends() -> None:
        try:
            await never
        finally:
            raise kind

    bench.loop.create_task(ends())
    bench.run()
    with pytest.raises(kind):
        bench.discard()


def test_a_task_that_never_ran_is_discarded_without_a_word(bench: Bench) -> None:
    bench.loop.create_task(nothing())
    bench.discard()
    bench.run()


def test_a_generator_left_in_the_middle_is_closed_with_the_invocation(bench: Bench) -> None:
    seen: list[Any] = []

    async def numbers() -> Any:
        try:
            for number in range(3):
                yield number
        finally:
            seen.append("closed")

    async def workflow() -> None:
        async for number in numbers():
            seen.append(number)
            break

    bench.loop.create_task(workflow())
    bench.run()
    assert seen == [0]
    bench.discard()
    assert seen == [0, "closed"]


def test_generators_that_ended_are_forgotten(bench: Bench) -> None:
    async def numbers() -> Any:
        yield 1

    async def workflow() -> None:
        for _ in range(200):
            async for _ in numbers():
                pass

    bench.loop.create_task(workflow())
    bench.run()
    assert len(bench.loop._generators) < 100


def test_a_turn_without_end_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "MAX_CALLS_A_TURN", 1000)

    async def polls() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    bench.loop.create_task(polls())
    entered = bench.loop.enter()
    try:
        assert bench.loop.run_until_idle() is False
    finally:
        bench.loop.leave(entered)


# What asyncio asks a loop


def test_the_loop_is_running_only_while_it_is_entered(bench: Bench) -> None:
    hooks = sys.get_asyncgen_hooks()
    assert not bench.loop.is_running()
    entered = bench.loop.enter()
    assert bench.loop.is_running()
    assert asyncio.get_running_loop() is bench.loop
    bench.loop.leave(entered)
    assert not bench.loop.is_running()
    assert sys.get_asyncgen_hooks() == hooks


def test_what_asyncio_asks_is_answered_without_effect(bench: Bench) -> None:
    bench.loop.set_debug(True)
    assert bench.loop.get_debug() is False
    assert bench.loop.get_task_factory() is None
    assert not bench.loop.is_closed()
    assert bench.loop.create_future().get_loop() is bench.loop
    task = bench.loop.create_task(bench.loop.shutdown_asyncgens())
    bench.run()
    assert task.result() is None


ANSWERED = {
    "call_at",
    "call_exception_handler",
    "call_later",
    "call_soon",
    "create_future",
    "create_task",
    "default_exception_handler",
    "get_debug",
    "get_exception_handler",
    "get_task_factory",
    "is_closed",
    "is_running",
    "set_debug",
    "set_exception_handler",
    "shutdown_asyncgens",
    "time",
}
REFUSED = sorted(
    name
    for name in dir(asyncio.AbstractEventLoop)
    if not name.startswith("_") and name not in ANSWERED
)


@pytest.mark.parametrize("method", REFUSED)
def test_everything_else_of_a_loop_is_refused_with_the_remedy(bench: Bench, method: str) -> None:
    with pytest.raises(WorkflowIOError) as refused:
        getattr(bench.loop, method)("host", port=80)
    message = str(refused.value)
    assert message.startswith(f"workflow code called loop.{method}():")
    assert "`await context.step(fn, ...)`" in message
    assert "`await context.unrecorded(fn, ...)`" in message
