"""Waits: durable timers asked for by name, by parts, until a time, or by asyncio itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_core import DurableContext, ValidationError

FOREVER_SECONDS = 366 * 24 * 60 * 60


def waited(bench: Any, *args: Any, **parts: Any) -> list[Any]:
    """Name and seconds of the WAIT that a call starts."""

    async def handler(event: Any, context: DurableContext) -> None:
        await context.wait(*args, **parts)

    assert bench.result(handler) is None
    (update,) = bench.service.requests[0].updates
    return [update.name, update.wait_seconds]


@pytest.mark.parametrize(
    ("args", "parts", "expected"),
    [
        ((5,), {}, [None, 5]),
        (("w", 5), {}, ["w", 5]),
        ((None, 0.2), {}, [None, 1]),
        ((timedelta(milliseconds=1500),), {}, [None, 2]),
        ((), {"seconds": 3}, [None, 3]),
        (("w",), {"days": 1, "hours": 1, "minutes": 1, "seconds": 1}, ["w", 90_061]),
        (("w",), {"minutes": 0.5}, ["w", 30]),
        ((FOREVER_SECONDS,), {}, [None, FOREVER_SECONDS]),
    ],
)
def test_a_wait_is_whole_seconds_at_least_one(
    bench: Any, args: Any, parts: Any, expected: Any
) -> None:
    assert waited(bench, *args, **parts) == expected


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        ((), {}),
        ((0,), {}),
        ((-1,), {}),
        (("w", 5), {"seconds": 5}),
        (("five",), {}),
        ((FOREVER_SECONDS + 1,), {}),
        (("w", 5, 6), {}),
        ((), {"seconds": -1}),
    ],
)
def test_any_other_duration_is_refused_at_the_call(bench: Any, args: Any, parts: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.wait(*args, **parts)

    output = bench.invoke(handler)
    assert (output.status, output.error.type) == ("FAILED", "durable_core.ValidationError")
    assert bench.service.requests == []


def test_a_wait_suspends_until_it_ends(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        await context.wait("w", 60)
        return "after"

    assert bench.invoke(handler).status == "PENDING"
    bench.forward(59_999)
    assert bench.invoke(handler).status == "PENDING"
    bench.forward()
    assert bench.result(handler) == "after"
    assert bench.service.sent == [["START w"]]


def test_a_wait_until_a_time_counts_by_the_hosts_clock_and_only_once(bench: Any) -> None:
    when = datetime(2026, 1, 1, 0, 1, 30, 500_000, tzinfo=UTC)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.wait_until("w", when)
        await context.wait_until(when)

    bench.result(handler)
    updates = [update for request in bench.service.requests for update in request.updates]
    assert [(u.name, u.wait_seconds) for u in updates] == [("w", 91), (None, 1)]


@pytest.mark.parametrize(
    "when",
    [
        datetime(2026, 6, 1),  # noqa: DTZ001
        datetime(2028, 6, 1, tzinfo=UTC),
    ],
)
def test_a_time_without_zone_or_too_far_away_is_refused(bench: Any, when: datetime) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.wait_until(when)
        return str(raised.value)

    message = bench.result(handler)
    assert ("aware datetime" in message) is (when.tzinfo is None)
    assert ("366 days" in message) is (when.tzinfo is not None)


# asyncio's own timers


def test_a_sleep_is_a_wait_and_one_of_nothing_is_none(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        await asyncio.sleep(0)
        return await asyncio.sleep(1.2, "slept")

    assert bench.result(handler) == "slept"
    (update,) = bench.service.requests[0].updates
    assert (update.name, update.wait_seconds, update.subtype) == (None, 2, "Wait")


def test_a_sleep_that_is_too_long_is_refused(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.sleep(FOREVER_SECONDS + 1)

    assert bench.invoke(handler).error.type == "durable_core.ValidationError"


async def one() -> int:
    return 1


def timer_of(context: DurableContext, delay: float, made: list[Any]) -> Any:
    return asyncio.get_running_loop().call_later(delay, made.append, "made")


def test_a_timer_taken_back_before_it_was_sent_leaves_no_trace(bench: Any) -> None:
    made: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        timer = timer_of(context, 60, made)
        assert timer.when() == asyncio.get_running_loop().time() + 60
        assert not timer.cancelled()
        timer.cancel()
        timer.cancel()
        assert timer.cancelled()
        await context.step(one)

    bench.result(handler)
    assert bench.service.sent == [["START one", "SUCCEED one"]]
    assert made == []


def test_a_timer_taken_back_with_long_to_go_sends_cancel_once(bench: Any) -> None:
    made: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        timer = timer_of(context, 60, made)
        await context.step("a", one)
        timer.cancel()
        await context.step("b", one)
        await context.wait("w", 5)

    bench.result(handler)
    sent = bench.service.sent
    assert sent == [
        ["START Wait", "START a", "SUCCEED a"],
        ["CANCEL Wait", "START b", "SUCCEED b"],
        ["START w"],
    ]
    assert made == []


def test_a_timer_taken_back_near_its_end_is_left_to_fire_into_nothing(bench: Any) -> None:
    made: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> str:
        timer = timer_of(context, 10, made)
        await context.step("a", one)
        timer.cancel()
        await context.wait("w", 30)
        return "done"

    assert bench.result(handler) == "done"
    assert all("CANCEL Wait" not in call for call in bench.service.sent)
    assert made == []


def test_a_timer_that_fired_may_be_taken_back_without_effect(bench: Any) -> None:
    made: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> list[str]:
        timer = timer_of(context, 5, made)
        made.clear()
        await context.wait("w", 30)
        timer.cancel()
        return made

    assert bench.result(handler) == ["made"]
    assert all("CANCEL Wait" not in call for call in bench.service.sent)


def test_a_timer_recorded_as_cancelled_is_not_called_on_replay(bench: Any) -> None:
    made: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> str:
        timer = timer_of(context, 60, made)
        await context.step("a", one)
        timer.cancel()
        await context.step("b", one)
        await context.wait("w", 70)
        return "done"

    assert bench.result(handler) == "done"
    assert made == []


def test_an_expected_timer_time_is_shown_by_its_handle(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[bool]:
        loop = asyncio.get_running_loop()
        at = loop.call_at(loop.time() + 70, print)
        shown = at.when() == loop.time() + 70
        at.cancel()
        async with asyncio.timeout(50) as limit:  # noqa: ASYNC100
            ends = limit.when() == loop.time() + 50
        return [shown, ends]

    assert bench.result(handler) == [True, True]
    assert bench.service.sent == []


def test_a_timeout_around_an_operation_that_takes_too_long(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        try:
            async with asyncio.timeout(20):
                await context.wait("long", 100)
        except TimeoutError:
            return f"gave up at {context.now():%M:%S}"
        return "not reached"

    assert bench.result(handler) == "gave up at 00:20"


def test_a_timer_started_outside_the_workflows_tasks_is_refused(bench: Any) -> None:
    loops: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> str:
        loops.append(asyncio.get_running_loop())
        return await context.step("s", outside)

    async def outside() -> str:
        from durable_core import ContextScopeError  # noqa: PLC0415

        with pytest.raises(ContextScopeError):
            loops[0].call_later(5, print)
        return "refused"

    assert bench.result(handler) == "refused"
