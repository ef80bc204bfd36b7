"""Records that lack what they usually have, and attempts that will not stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from durable_core import RetryDecision
from durable_core.lowlevel import Event, Instrumentation, OperationStatus

if TYPE_CHECKING:
    from durable_core import DurableContext


async def one() -> int:
    return 1


def test_a_wait_without_a_known_end_is_waited_for_all_the_same(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        await context.wait("w", 5)
        return "after"

    bench.invoke(handler)
    record = bench.service.named("w")
    bench.service.records[record.id] = record._replace(scheduled_end_ms=None)
    assert bench.invoke(handler).status == "PENDING"
    bench.service.happen("w", Event.DUE)
    assert bench.result(handler) == "after"


def test_a_retry_without_a_known_time_is_waited_for_all_the_same(bench: Any) -> None:
    runs: list[int] = []

    async def flaky() -> int:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError
        return len(runs)

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.step("s", flaky, retry_strategy=lambda e, n: RetryDecision.retry(5))

    bench.invoke(handler)
    record = bench.service.named("s")
    bench.service.records[record.id] = record._replace(next_attempt_at_ms=None)
    assert bench.invoke(handler).status == "PENDING"
    bench.service.records[record.id] = record._replace(
        status=OperationStatus.READY, next_attempt_at_ms=None
    )
    assert bench.result(handler) == 2


def test_a_loser_that_swallows_its_cancellation_goes_nowhere(bench: Any) -> None:
    seen: list[str] = []

    async def stubborn() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("swallowed")
        return "nobody wants it"

    async def handler(event: Any, context: DurableContext) -> list[Any]:
        stuck = context.step("stuck", stubborn)
        first = await context.promise.race([stuck, context.step("s", one)], cancel_losers=True)
        last = await context.step("last", settles)
        return [first, last]

    async def settles() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        return "last"

    assert bench.result(handler) == [1, "last"]
    assert seen == ["swallowed"]
    assert bench.service.named("stuck").status == "STARTED"


def test_a_step_that_a_deadline_cut_off_is_nothing_the_world_owes(bench: Any) -> None:
    ends: list[Any] = []

    class Watching(Instrumentation):
        def invocation_end(self, invocation: Any, outcome: Any, /) -> None:
            ends.append([entry.name for entry in outcome.suspended_on])

    async def long() -> None:
        await bench.clock.advance(0)
        await bench.clock.advance(1000)
        await asyncio.get_running_loop().create_future()

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.step(long), context.wait("w", 60))

    bench.plugins = [Watching()]
    bench.environment["deadline_ms"] = bench.clock.ms + 1000
    assert bench.invoke(handler).status == "PENDING"
    assert ends == [["w"]]


def test_a_second_invocation_in_the_same_process_sees_nothing_of_the_first(bench: Any) -> None:
    seen: list[Any] = []

    async def stubborn() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            for _ in range(20):
                await asyncio.sleep(0)
            seen.append("late")
            raise
        return "not reached"

    async def first(event: Any, context: DurableContext) -> int:
        loser = context.step("loser", stubborn)
        return await context.promise.race([loser, context.step("s", one)])

    async def second(event: Any, context: DurableContext) -> int:
        await context.step("a", pauses)
        return await context.step("b", one)

    async def pauses() -> None:
        for _ in range(40):
            await asyncio.sleep(0)

    async def both() -> None:
        other = type(bench)()
        assert (await bench.drive(first)).result == "1"
        sent = bench.service.sent
        assert (await other.drive(second)).result == "1"
        assert bench.service.sent == sent
        assert other.service.sent == [["START a", "SUCCEED a"], ["START b", "SUCCEED b"]]

    asyncio.run(both())
    assert seen == ["late"]
