"""Timers while something runs, lone STARTs, and deadlines: on a clock that a test moves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import CheckpointError, DurableContext
from durable_core.lowlevel import CheckpointResponse, OperationStatus


async def one() -> int:
    return 1


# Timers


def test_a_timer_that_falls_due_while_a_step_runs_is_asked_for(bench: Any) -> None:
    order: list[str] = []

    async def long() -> str:
        order.append("runs")
        await bench.clock.advance(0)
        await bench.clock.advance(5000)
        order.append("still runs")
        return "long"

    async def waits(context: DurableContext) -> None:
        await context.wait("w", 5)
        order.append("waited")

    async def handler(event: Any, context: DurableContext) -> str:
        waiting = asyncio.create_task(waits(context))
        long_step = context.step("long", long)
        await waiting
        return await long_step

    assert bench.result(handler) == "long"
    assert order == ["runs", "waited", "still runs"]
    assert bench.invocations == 1
    assert bench.service.sent == [["START long", "START w"], [], ["SUCCEED long"]]


def test_while_a_step_runs_the_next_timer_is_armed_and_no_longer_when_it_is_moved(
    bench: Any,
) -> None:
    armed: list[list[int]] = []

    async def long() -> None:
        await bench.clock.advance(0)
        armed.append(bench.clock.due_in_ms)
        await bench.clock.advance(5000)
        armed.append(bench.clock.due_in_ms)
        await bench.clock.advance(4000)
        armed.append(bench.clock.due_in_ms)

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.wait(5), context.wait(9), context.step(long))

    assert bench.invoke(handler).status == "SUCCEEDED"
    assert armed == [[5000], [4000], []]


def test_a_service_whose_clock_is_behind_is_asked_again_a_little_later(bench: Any) -> None:
    asked: list[int] = []
    bench.service.lag_ms = 300

    async def long() -> None:
        await bench.clock.advance(0)
        for step_ms in (4700, 250, 250, 250):
            await bench.clock.advance(step_ms)
            asked.append(len(bench.service.requests))

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.wait(5), context.step(long))

    assert bench.invoke(handler).status == "SUCCEEDED"
    # Due at 4700 by the record: the service says "not yet" until its own clock shows that.
    assert asked == [2, 3, 4, 4]
    assert bench.service.sent == [["START Wait", "START long"], [], [], [], ["SUCCEED long"]]


def test_a_poll_that_is_refused_ends_the_invocation(bench: Any) -> None:
    async def long() -> None:
        await bench.clock.advance(0)
        await bench.clock.advance(5000)
        await asyncio.get_running_loop().create_future()

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.wait(5), context.step(long))

    def refuse(request: Any) -> CheckpointResponse:
        raise CheckpointError("away", is_retryable=True)

    bench.service.script[2] = refuse
    with pytest.raises(CheckpointError, match="away"):
        bench.invoke(handler)


def test_a_retry_that_is_due_while_another_step_runs_is_run_in_the_same_invocation(
    bench: Any,
) -> None:
    attempts: list[str] = []

    async def flaky() -> str:
        attempts.append("flaky")
        if len(attempts) == 1:
            raise ValueError
        return "second"

    async def long() -> None:
        await bench.clock.advance(0)
        await bench.clock.advance(60_000)

    async def handler(event: Any, context: DurableContext) -> Any:
        return await asyncio.gather(context.step(flaky), context.step(long))

    assert bench.result(handler) == ["second", None]
    assert bench.invocations == 1


def test_nothing_polls_when_a_call_is_in_flight(bench: Any) -> None:
    """The call in flight reports what fell due."""

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.wait("w", 5), context.step(long))

    async def long() -> None:
        await bench.clock.advance(0)

    checkpoint = bench.service.checkpoint
    calls: list[Any] = []

    def slow_second(request: Any) -> Any:
        calls.append(request)

        async def answer() -> Any:
            await bench.clock.advance(5000)
            return checkpoint(request)

        return answer() if len(calls) == 2 else checkpoint(request)

    bench.service.checkpoint = slow_second
    assert bench.invoke(handler).status == "SUCCEEDED"
    assert bench.service.sent == [["START w", "START long"], ["SUCCEED long"]]


# Lone STARTs


def test_a_start_that_nobody_waits_for_is_sent_after_ten_milliseconds(bench: Any) -> None:
    seen: list[Any] = []

    async def long() -> None:
        await bench.clock.advance(0)
        seen.append(bench.clock.due_in_ms)
        await bench.clock.advance(9)
        seen.append(bench.service.sent[:])
        await bench.clock.advance(1)
        seen.append(bench.service.sent[:])
        seen.append(bench.service.named("long").status)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("long", long)

    assert bench.invoke(handler).status == "SUCCEEDED"
    assert seen == [[10], [], [["START long"]], OperationStatus.STARTED]
    assert bench.service.sent == [["START long"], ["SUCCEED long"]]
    assert bench.clock.due_in_ms == []


def test_a_start_that_went_with_another_call_is_not_sent_again(bench: Any) -> None:
    seen: list[Any] = []

    async def long() -> None:
        await bench.clock.advance(0)
        seen.append(bench.clock.due_in_ms)
        await quick_may_end()
        seen.append(bench.clock.due_in_ms)
        await bench.clock.advance(20)

    gate: dict[str, Any] = {}

    async def quick() -> None:
        gate["open"] = asyncio.get_running_loop().create_future()
        await gate["open"]

    async def quick_may_end() -> None:
        gate["open"].set_result(None)
        await bench.clock.advance(0)

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.step(long), context.step(quick))

    assert bench.invoke(handler).status == "SUCCEEDED"
    assert seen == [[10], []]
    assert bench.service.sent == [
        ["START long", "START quick", "SUCCEED quick"],
        ["SUCCEED long"],
    ]


def test_a_lone_start_that_is_refused_ends_the_invocation(bench: Any) -> None:
    async def long() -> None:
        await bench.clock.advance(0)
        await bench.clock.advance(10)
        await asyncio.get_running_loop().create_future()

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(long)

    def refuse(request: Any) -> CheckpointResponse:
        raise CheckpointError("too bad", is_retryable=False)

    bench.service.script[1] = refuse
    output = bench.invoke(handler)
    assert (output.status, output.error.message) == ("FAILED", "too bad")


# Deadlines


def test_at_its_deadline_an_invocation_stops_what_runs_and_is_invoked_again(bench: Any) -> None:
    runs: list[str] = []

    async def long() -> str:
        runs.append("began")
        if bench.invocations == 1:
            try:
                await bench.clock.advance(0)
                await bench.clock.advance(10_000)
                await asyncio.get_running_loop().create_future()
            finally:
                runs.append("cancelled")
        return "done"

    async def handler(event: Any, context: DurableContext) -> str:
        await context.step("first", one)
        return await context.step("long", long)

    bench.environment["deadline_ms"] = bench.clock.ms + 10_000
    assert bench.invoke(handler).status == "PENDING"
    assert runs == ["began", "cancelled"]
    (deadline,) = [r for r in bench.service.records.values() if r.subtype == "Deadline"]
    assert (deadline.type, deadline.scheduled_end_ms) == ("WAIT", bench.clock.ms + 1000)
    assert deadline.parent_id is None
    bench.environment["deadline_ms"] = None
    bench.forward()
    output = bench.invoke(handler)
    assert output.result == '"done"'
    assert runs == ["began", "cancelled", "began"]
    assert bench.service.sent[-1] == ["SUCCEED long"]


def test_past_its_deadline_an_invocation_starts_no_attempt(bench: Any) -> None:
    runs: list[str] = []

    async def second() -> str:
        runs.append("second")
        return "second"

    async def handler(event: Any, context: DurableContext) -> str:
        await context.step("first", one)
        return await context.step("second", second)

    checkpoint = bench.service.checkpoint

    def slow(request: Any) -> Any:
        async def answer() -> Any:
            await bench.clock.advance(10_000)
            return checkpoint(request)

        return answer() if bench.invocations == 1 else checkpoint(request)

    bench.service.checkpoint = slow
    bench.environment["deadline_ms"] = bench.clock.ms + 10_000
    assert bench.invoke(handler).status == "PENDING"
    assert runs == []
    assert [name for call in bench.service.sent for name in call] == [
        "START first",
        "SUCCEED first",
        "START Deadline",
        "START second",
    ]
    bench.forward()
    bench.environment["deadline_ms"] = None
    assert bench.invoke(handler).result == '"second"'
    assert runs == ["second"]


def test_a_deadline_after_the_end_changes_nothing(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        return await context.step(one)

    async def run() -> None:
        bench.environment["deadline_ms"] = bench.clock.ms + 10
        output = await bench.drive(handler)
        await bench.clock.advance(10)
        assert output.status == "SUCCEEDED"

    asyncio.run(run())
    assert bench.service.sent == [["START one", "SUCCEED one"]]
    assert bench.clock.due_in_ms == []
