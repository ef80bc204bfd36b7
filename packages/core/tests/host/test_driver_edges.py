"""What happens at once, twice, or after the end: the driver and its service."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from typing import Any

import pytest

import durable_core
from durable_core import (
    CheckpointError,
    ChildContextError,
    CompletionConfig,
    DurableContext,
    RetryPresets,
    create_retry_strategy,
)
from durable_core.lowlevel import Environment, Event, SystemClock, drive, workflow_of

NEVER = RetryPresets.none()


async def one() -> int:
    return 1


async def endless() -> None:
    await asyncio.get_running_loop().create_future()


def test_timers_that_come_after_the_end_do_nothing(bench: Any) -> None:
    async def long() -> None:
        await bench.clock.advance(0)
        await bench.clock.advance(5001)
        await endless()

    async def waits(context: DurableContext) -> None:
        await context.step(one)
        await context.wait("w", 5)

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(waits(context), context.step("long", long))

    def refuse(request: Any) -> Any:
        raise CheckpointError("away", is_retryable=True)

    bench.environment["deadline_ms"] = bench.clock.ms + 5001
    original = bench.service.apply
    bench.service.apply = lambda request: original(request) if request.updates else refuse(request)
    with pytest.raises(CheckpointError):
        bench.invoke(handler)
    assert bench.service.sent[-1] == []
    assert not any("Deadline" in entry for call in bench.service.sent for entry in call)


def test_a_call_in_flight_is_let_go_when_the_process_ends(bench: Any) -> None:
    seen: list[str] = []

    async def ends() -> None:
        await bench.clock.advance(0)
        await bench.clock.advance(10)
        raise SystemExit(3)

    async def never(request: Any) -> Any:
        try:
            await endless()
        finally:
            seen.append("let go")

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(ends)

    bench.service.checkpoint = never
    with pytest.raises(SystemExit):
        bench.invoke(handler)
    assert seen == ["let go"]


def test_a_timer_that_is_due_earlier_takes_the_place_of_the_armed_one(bench: Any) -> None:
    armed: list[list[int]] = []
    gate: dict[str, Any] = {}

    async def gated() -> None:
        gate["it"] = asyncio.get_running_loop().create_future()
        await gate["it"]

    async def long() -> None:
        await bench.clock.advance(0)
        armed.append([ms for ms in bench.clock.due_in_ms if ms > 10])
        gate["it"].set_result(None)
        await bench.clock.advance(0)
        armed.append([ms for ms in bench.clock.due_in_ms if ms > 10])
        await bench.clock.advance(60_000)

    async def then_wait(context: DurableContext) -> None:
        await context.step("gated", gated)
        await context.wait("short", 5)

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.wait("w", 60), then_wait(context), context.step("long", long))

    assert bench.finish(handler).status == "SUCCEEDED"
    assert armed == [[60_000], [5000]]


def test_a_service_that_reports_everything_every_time_is_understood(bench: Any) -> None:
    apply = bench.service.apply

    def talkative(request: Any) -> Any:
        answer = apply(request)
        everything = tuple(bench.service.records.values())
        return answer._replace(operations=everything + everything)

    async def child(context: DurableContext, seconds: int) -> int:
        await context.wait(f"w{seconds}", seconds)
        return await context.step(one)

    async def handler(event: Any, context: DurableContext) -> Any:
        result, _ = await context.create_callback("ok")
        batch = await context.map(
            "m", [1, 50], item, completion=CompletionConfig.first_successful()
        )
        first = await context.run_in_child_context("c", child, 2)
        await context.promise.race(
            "p", [context.wait("x", 30), context.step("s", one)], cancel_losers=True
        )
        await context.step("last", one)
        return [first, batch.results(), await result]

    async def item(context: DurableContext, seconds: int, index: int) -> int:
        return await child(context, seconds)

    bench.service.apply = talkative
    while bench.invoke(handler).status == "PENDING":
        if bench.service.due_ms() is None or bench.clock.ms > bench.service.due_ms():
            break
        if bench.service.named("ok").status == "STARTED" and bench.invocations == 2:
            bench.service.happen("ok", Event.COMPLETE, result="yes")
        bench.forward()
    assert bench.result(handler) == [1, [1], "yes"]


def test_threads_that_cannot_take_a_step_fail_it(bench: Any) -> None:
    class Shut(Executor):
        def submit(self, fn: Any, /, *args: Any, **options: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(RuntimeError("no thread left"))
            return future

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(durable_core.StepError) as raised:
            await context.step("s", len, "abc", retry_strategy=NEVER)
        return str(raised.value)

    bench.environment["threads"] = Shut()
    assert bench.result(handler) == "RuntimeError: no thread left"


def test_the_real_clock_and_random_numbers_are_the_default() -> None:
    clock = SystemClock()
    environment = Environment()
    assert isinstance(environment.clock, SystemClock)
    draws = [environment.random() for _ in range(100)]
    assert all(0 <= draw < 1 for draw in draws)
    assert len(set(draws)) > 90
    tokens = {environment.new_token() for _ in range(100)}
    assert len(tokens) == 100

    async def run() -> list[str]:
        called: list[str] = []
        came = asyncio.Event()
        now_ms = clock.now_ms()
        clock.call_at(now_ms, lambda: (called.append("due"), came.set()))
        clock.call_at(now_ms + 60_000, lambda: called.append("taken back")).cancel()
        await came.wait()
        return called

    assert asyncio.run(run()) == ["due"]


def test_an_invocation_runs_in_the_real_world(bench: Any) -> None:
    async def flaky() -> None:
        raise LookupError

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("s", flaky, retry_strategy=create_retry_strategy())

    async def run() -> Any:
        clock = SystemClock()
        environment = Environment(deadline_ms=clock.now_ms() + 60_000)
        return await drive(workflow_of(handler), bench.input(), bench.service, environment)

    assert asyncio.run(run()).status == "PENDING"
    assert bench.service.named("s").status == "PENDING"


def test_a_host_is_told_of_every_attempt_that_runs(bench: Any) -> None:
    running: list[Any] = []
    if not hasattr(Environment(), "running"):
        pytest.skip("the environment does not tell")

    async def waits() -> None:
        await asyncio.sleep(0)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(waits)
        await context.step(len, "abc")
        await context.step(one)

    bench.environment["running"] = running.append
    assert bench.invoke(handler).status == "SUCCEEDED"
    assert [future.done() for future in running] == [True, True]


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        durable_core.nothing  # type: ignore[attr-defined]  # noqa: B018


# Bodies that end when nobody wants them


def test_a_child_that_swallows_its_cancellation_comes_to_nothing(bench: Any) -> None:
    seen: list[str] = []

    async def stubborn(context: DurableContext) -> str:
        try:
            await context.wait("w", 50)
        except asyncio.CancelledError:
            seen.append("swallowed")
        return "nobody wants it"

    async def fails(context: DurableContext) -> None:
        await context.step(one)
        raise LookupError("decided")

    async def group(context: DurableContext) -> None:
        await asyncio.gather(
            context.run_in_child_context("stubborn", stubborn),
            context.run_in_child_context("fails", fails),
        )

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ChildContextError):
            await context.run_in_child_context("group", group)
        await context.step("after", one)
        return "went on"

    assert bench.result(handler) == "went on"
    assert seen == ["swallowed"]
    assert bench.service.named("stubborn").status == "STARTED"


def test_recorded_children_are_dropped_with_a_body_that_no_longer_wants_them(bench: Any) -> None:
    async def quick(context: DurableContext) -> str:
        return "recorded"

    async def group(context: DurableContext) -> None:
        kept = context.run_in_child_context("kept", quick)
        await context.wait("w", 5)
        await asyncio.gather(kept, raises())

    async def raises() -> None:
        raise LookupError("decided")

    async def handler(event: Any, context: DurableContext) -> str:
        try:
            await context.run_in_child_context("group", group)
        except ChildContextError as error:
            message = str(error)
        await context.wait("last", 1)
        return message

    assert bench.result(handler) == "LookupError: decided"


def test_two_bodies_that_end_at_once_and_the_first_decides(bench: Any) -> None:
    async def quick(context: DurableContext, value: int, index: int) -> int:
        return value

    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map(
            "m",
            [1, 2, 3],
            quick,
            completion=CompletionConfig.first_successful(),
            item_namer=lambda value, index: None,  # type: ignore[arg-type,return-value]
        )
        await context.wait(1)
        return [batch.results(), batch.total_count, [item.name for item in batch.all]]

    assert bench.result(handler) == [[1], 3, [None, None, None]]


def test_a_race_of_coroutines_in_a_group_that_fails_is_stopped_once(bench: Any) -> None:
    seen: list[str] = []

    async def slow() -> None:
        try:
            await endless()
        finally:
            seen.append("stopped")

    async def quick() -> int:
        return 1

    async def fails() -> None:
        raise LookupError("decided")

    async def group(context: DurableContext) -> None:
        raced = context.promise.race("p", [slow(), quick()], cancel_losers=True)
        await raced
        other = context.promise.all("q", [slow(), context.step("w", one)])
        await asyncio.gather(other, context.step("fails", fails, retry_strategy=NEVER))

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ChildContextError):
            await context.run_in_child_context("group", group)
        await context.step("after", one)
        return "went on"

    assert bench.result(handler) == "went on"
    assert seen == ["stopped", "stopped"]
