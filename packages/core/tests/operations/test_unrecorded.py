"""unrecorded: I/O that leaves no record and runs again on every replay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import (
    ContextScopeError,
    DurableContext,
    ValidationError,
    current_step,
)


def test_it_runs_again_on_every_replay_and_records_nothing(bench: Any) -> None:
    ran: list[Any] = []

    async def reads(what: str) -> object:
        ran.append(what)
        return ran

    def blocking() -> str:
        ran.append("blocking")
        return "b"

    async def handler(event: Any, context: DurableContext) -> str:
        found = await context.unrecorded(reads, "file")
        assert found is ran
        await context.unrecorded(blocking)
        await context.wait(5)
        return "done"

    assert bench.result(handler) == "done"
    assert ran == ["file", "blocking"] * 2
    assert bench.service.sent == [["START Wait"]]


def test_its_error_is_raised_as_it_is(bench: Any) -> None:
    error = LookupError("gone")

    async def fails() -> None:
        raise error

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(LookupError) as raised:
            await context.unrecorded(fails)
        assert raised.value is error
        return "caught"

    assert bench.result(handler) == "caught"


def test_nothing_suspends_while_it_runs(bench: Any) -> None:
    async def slow() -> str:
        await bench.clock.advance(0)
        await bench.clock.advance(5000)
        return "read"

    async def handler(event: Any, context: DurableContext) -> Any:
        return await asyncio.gather(context.wait("w", 5), context.unrecorded(slow))

    assert bench.result(handler) == [None, "read"]
    assert bench.invocations == 1


def test_a_clock_that_is_read_meanwhile_stands_still(cut: Any) -> None:
    seen: list[Any] = []

    async def slow() -> str:
        await cut.clock.advance(0)
        cut.clock.ms += 700
        return "read"

    async def child(context: DurableContext) -> int:
        await context.step(one)
        return 1

    async def handler(event: Any, context: DurableContext) -> None:
        times = [context.now()]
        await context.run_in_child_context(child)
        await context.unrecorded(slow)
        times.append(context.now())
        await context.wait(1)
        times.append(context.now())
        seen.append(times)

    cut.result(handler)
    assert seen[-1][0] <= seen[-1][1] <= seen[-1][2]
    full = [times for times in seen if len(times) == 3]
    assert all(times == full[0] for times in full)


async def one() -> int:
    return 1


def test_it_is_outside_the_workflow(bench: Any) -> None:
    refusals: list[str] = []

    async def misuse(context: DurableContext) -> None:
        for call in (lambda: context.step(one), current_step):
            with pytest.raises(ContextScopeError) as raised:
                call()
            refusals.append(str(raised.value))

    async def handler(event: Any, context: DurableContext) -> None:
        await context.unrecorded(misuse, context)

    assert bench.invoke(handler).status == "SUCCEEDED"
    assert "was used inside unrecorded code" in refusals[0]
    assert refusals[1].startswith("current_step() was called outside a step")


def test_it_is_called_where_its_context_may_be_used(bench: Any) -> None:
    async def child(inner: DurableContext, outer: DurableContext) -> None:
        with pytest.raises(ContextScopeError):
            outer.unrecorded(one)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context(child, context)
        with pytest.raises(ValidationError):
            context.unrecorded(one())  # type: ignore[call-overload]

    async def run() -> None:
        output = await bench.drive(handler)
        assert output.status == "SUCCEEDED"

    asyncio.run(run())


def test_one_that_nobody_awaits_any_more_goes_nowhere(bench: Any) -> None:
    release: dict[str, Any] = {}

    async def slow() -> str:
        release["it"] = asyncio.get_running_loop().create_future()
        await release["it"]
        return "late"

    async def fails_late() -> None:
        await slow()
        raise LookupError("late")

    async def opens() -> None:
        release["it"].set_result(None)
        for _ in range(3):
            await asyncio.sleep(0)

    async def handler(event: Any, context: DurableContext) -> list[bool]:
        cancelled: list[bool] = []
        for fn in (slow, fails_late):
            waiting: Any = context.unrecorded(fn)
            await context.step(one)
            waiting.cancel()
            await context.step(opens)
            cancelled.append(waiting.cancelled())
        return cancelled

    assert bench.result(handler) == [True, True]
