"""Everything timed is virtual: months pass in a moment."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_core import (
    CallbackTimeoutError,
    DurableContext,
    JitterStrategy,
    create_retry_strategy,
    create_wait_strategy,
)
from durable_testing import DurableTestRunner, Fault, VirtualClock


async def one() -> int:
    return 1


async def ask(callback_id: str) -> None: ...


HOURS = create_retry_strategy(
    max_attempts=6,
    initial_delay=timedelta(hours=1),
    max_delay=timedelta(days=2),
    jitter=JitterStrategy.NONE,
)


def test_six_attempts_with_hours_between_them() -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        return await context.step("flaky", one, retry_strategy=HOURS)

    runner = DurableTestRunner(handler)
    runner.step("flaky").fails_with(ValueError("no"), times=5)
    result = runner.run_sync()

    assert result.value == 1
    assert result.operation("flaky").attempts == 6
    assert result.virtual_duration // timedelta(hours=1) == 1 + 2 + 4 + 8 + 16


def test_everything_timed_in_one_workflow_takes_no_real_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def timed_out(context: DurableContext, name: str, **timeouts: timedelta) -> bool:
        try:
            await context.wait_for_callback(name, ask, **timeouts)
        except CallbackTimeoutError as error:
            return error.heartbeat
        return False

    async def handler(event: Any, context: DurableContext) -> Any:
        strategy = create_wait_strategy(
            should_continue_polling=lambda state: state < 10,
            initial_delay=timedelta(hours=1),
            max_delay=timedelta(days=1),
        )
        await context.step("flaky", one, retry_strategy=HOURS)
        await asyncio.sleep(3600)
        await context.wait_until(datetime(2026, 6, 1, tzinfo=UTC))
        return [
            await timed_out(context, "timeout", timeout=timedelta(days=3)),
            await timed_out(context, "heartbeat", heartbeat_timeout=timedelta(hours=3)),
            await context.wait_for_condition("poll", poll, initial_state=0, wait_strategy=strategy),
            context.now().isoformat(timespec="hours"),
        ]

    async def poll(state: int) -> int:
        return state + 1

    def no_sleep(seconds: float) -> None:
        raise AssertionError(f"slept for {seconds} s")

    monkeypatch.setattr(time, "sleep", no_sleep)
    runner = DurableTestRunner(
        handler, faults=[Fault.invocation_error(), Fault.crash(after_checkpoint=4)]
    )
    runner.step("flaky").fails_with(ValueError("no"), times=5)

    result = runner.run_sync()

    timed, heartbeat, polled, ended = result.value
    assert (timed, heartbeat, polled) == (False, True, 10)
    assert ended > "2026-06-04T03"
    assert result.virtual_duration > timedelta(days=150)
    assert result.operation("flaky").attempts == 6


def test_an_invocation_near_its_deadline_suspends_and_goes_on_in_another() -> None:
    began: list[int] = []

    async def handler(event: Any, context: DurableContext) -> list[int]:
        slow = context.step("slow", hanging)
        quick = [await context.step(f"quick-{n}", one) for n in range(3)]
        await context.wait(hours=1)
        del slow
        return quick

    async def hanging() -> None:
        began.append(1)
        await asyncio.Event().wait()

    with pytest.warns(RuntimeWarning, match="'slow' was started but never awaited"):
        result = DurableTestRunner(
            handler,
            timeout=timedelta(minutes=15),
            clock=VirtualClock(patience_seconds=0.01),
        ).run_sync()

    assert result.value == [1, 1, 1]
    assert result.invocations == len(began) > 1
    assert timedelta(hours=1) <= result.virtual_duration < timedelta(hours=2)


def test_a_body_that_takes_real_time_is_waited_for_where_only_the_end_would_come() -> None:
    """Nobody's time-out is around it: the execution must not time out after a year and a day."""

    async def handler(event: Any, context: DurableContext) -> str:
        await context.wait(days=30)
        return await context.step("slow", slow)

    async def slow() -> str:
        for _ in range(200):
            await asyncio.to_thread(int)
        return "done"

    clock = VirtualClock(patience_seconds=0, last_patience=10**9)
    assert DurableTestRunner(handler, clock=clock).run_sync().value == "done"


def test_a_body_that_hangs_ends_with_the_execution_time_out_that_the_test_gave() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("hangs", asyncio.Event().wait)

    clock = VirtualClock(patience_seconds=0, last_patience=10**9)
    runner = DurableTestRunner(handler, clock=clock, execution_timeout=timedelta(days=1))
    assert runner.run_sync().status == "TIMED_OUT"
