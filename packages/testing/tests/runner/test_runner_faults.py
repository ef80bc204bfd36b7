"""Faults by plan: whatever goes wrong, the outcome is the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from durable_core import DurableContext, RetryDecision, StepInterruptedError, StepSemantics
from durable_testing import DurableTestRunner, Fault, VirtualClock


async def work(event: Any, context: DurableContext) -> list[str]:
    done = [await context.step(f"step-{n}", double, n) for n in range(3)]
    await context.wait("cool-off", hours=1)
    return [*done, await context.step("last", double, 9)]


async def double(n: int) -> str:
    return str(n * 2)


EXPECTED = ["0", "2", "4", "18"]
FAULTS = {
    "crash before": Fault.crash(before_checkpoint=2),
    "crash after": Fault.crash(after_checkpoint=2),
    "lost response": Fault.lost_response(checkpoint=2),
    "throttle": Fault.throttle(times=2),
    "throttle later": Fault.throttle(times=3, checkpoint=4),
    "stale token": Fault.stale_token(checkpoint=3),
    "invocation error": Fault.invocation_error(),
    "second invocation": Fault.invocation_error(ValueError("bad"), invocation=2),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_costs_an_invocation_and_changes_nothing_else(fault: Fault) -> None:
    calm = DurableTestRunner(work).run_sync()
    result = DurableTestRunner(work, faults=[fault], replay_check="every").run_sync()

    assert result.value == EXPECTED
    assert result.invocations == calm.invocations + fault.times
    assert [each.path for each in result.operations] == [each.path for each in calm.operations]
    assert result.virtual_duration < timedelta(hours=1, minutes=1)


def test_a_crash_after_a_checkpoint_keeps_what_it_wrote_and_one_before_does_not() -> None:
    runs: list[int] = []

    async def counted(n: int) -> int:
        runs.append(n)
        return n

    async def handler(event: Any, context: DurableContext) -> list[int]:
        return [await context.step(counted, n) for n in range(3)]

    DurableTestRunner(handler, faults=[Fault.crash(after_checkpoint=2)]).run_sync()
    assert runs == [0, 1, 2]
    runs.clear()
    DurableTestRunner(handler, faults=[Fault.crash(before_checkpoint=2)]).run_sync()
    assert runs == [0, 1, 1, 2]


def test_a_lost_response_does_not_run_the_step_again() -> None:
    runs: list[int] = []

    async def counted() -> int:
        runs.append(1)
        return 1

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.step(counted)

    result = DurableTestRunner(handler, faults=[Fault.lost_response(checkpoint=1)]).run_sync()

    assert (result.value, runs, result.checkpoint_calls) == (1, [1], 1)


def test_an_at_most_once_step_is_not_run_again_after_a_crash() -> None:
    runs: list[int] = []

    async def counted() -> int:
        runs.append(1)
        return 1

    async def handler(event: Any, context: DurableContext) -> str:
        try:
            await context.step(
                counted,
                semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
                retry_strategy=lambda error, attempt: RetryDecision.stop(),
            )
        except StepInterruptedError as error:
            return type(error).__name__
        return "done"

    result = DurableTestRunner(handler, faults=[Fault.crash(before_checkpoint=2)]).run_sync()

    assert (result.value, runs) == ("StepInterruptedError", [1])


def test_faults_add_up_until_the_service_gives_up() -> None:
    faults = [Fault.throttle(times=5)]

    result = DurableTestRunner(work, faults=faults).run_sync()

    assert result.failed
    assert result.invocations == 5
    assert "Rate exceeded" in str(result.error)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_small_pages_of_state_change_nothing(size: int) -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        first = await work(event, context)
        await context.wait(hours=1)
        return first

    result = DurableTestRunner(handler, state_page_size=size, replay_check="every").run_sync()

    assert result.value == EXPECTED
    # The second and third invocation load what does not come with the event.
    assert result.state_calls == {1: 10, 2: 5, 100: 0}[size]


def test_faults_are_checked_where_they_are_made() -> None:
    with pytest.raises(ValueError, match="before_checkpoint= or after_checkpoint="):
        Fault.crash()
    with pytest.raises(ValueError, match="before_checkpoint= or after_checkpoint="):
        Fault.crash(before_checkpoint=1, after_checkpoint=1)
    with pytest.raises(ValueError, match="count from 1, not 0"):
        Fault.lost_response(checkpoint=0)


def test_an_invocation_that_takes_too_long_is_ended_by_its_timeout() -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        await context.step("slow", slow)
        return "never"

    async def slow() -> None:
        await asyncio.Event().wait()

    result = DurableTestRunner(
        handler,
        timeout=timedelta(seconds=30),
        execution_timeout=timedelta(minutes=2),
        clock=VirtualClock(patience_seconds=0.01),
    ).run_sync()

    assert result.status == "TIMED_OUT"
    assert result.invocations > 2


def test_an_execution_that_takes_too_long_times_out() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.wait(days=2)

    result = DurableTestRunner(handler, execution_timeout=timedelta(days=1)).run_sync()

    assert result.status == "TIMED_OUT"
    assert result.virtual_duration == timedelta(days=1)
