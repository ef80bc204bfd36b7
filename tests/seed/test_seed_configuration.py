"""Seed: retry strategies, step semantics, jitter."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import (
    JitterStrategy,
    RetryDecision,
    RetryPresets,
    StepSemantics,
    create_retry_strategy,
)

if TYPE_CHECKING:
    from durable_core import DurableContext


def only_timeouts(error: Exception, attempt: int) -> RetryDecision:
    if attempt < 5 and "timeout" in str(error):
        return RetryDecision.retry(timedelta(seconds=attempt * 2))
    return RetryDecision.stop()


def test_a_custom_strategy_sees_the_error_and_the_attempt(run: Any) -> None:
    failures = iter([OSError("timeout"), OSError("a timeout again")])

    async def risky_operation() -> str:
        for failure in failures:
            raise failure
        return "done"

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.step("custom-retry", risky_operation, retry_strategy=only_timeouts)

    outcome = run(handler)
    assert outcome.value == "done"
    assert outcome.virtual_seconds == 2 + 4


def test_a_custom_strategy_may_refuse_an_error(run: Any) -> None:
    async def risky_operation() -> str:
        raise ValueError("wrong")

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.step("custom-retry", risky_operation, retry_strategy=only_timeouts)

    outcome = run(handler)
    assert outcome.status == "FAILED"
    assert outcome.virtual_seconds == 0


@pytest.mark.parametrize("semantics", list(StepSemantics))
def test_both_semantics_run_a_step_that_nothing_interrupts_once(
    run: Any, semantics: StepSemantics
) -> None:
    calls: list[None] = []

    def update_database() -> None:
        calls.append(None)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("operation", update_database, semantics=semantics)
        await context.wait(seconds=1)

    assert run(handler).status == "SUCCEEDED"
    assert len(calls) == 1


def test_at_most_once_without_retries_is_never_run_twice(run: Any) -> None:
    calls: list[None] = []

    async def cannot_tolerate_duplicates() -> None:
        calls.append(None)
        raise OSError("cut off")

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(
            "truly-once-only",
            cannot_tolerate_duplicates,
            semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
            retry_strategy=RetryPresets.none(),
        )

    assert run(handler).status == "FAILED"
    assert len(calls) == 1


def test_a_created_strategy_backs_off_with_full_jitter() -> None:
    strategy = create_retry_strategy(
        max_attempts=5,
        initial_delay=timedelta(seconds=1),
        max_delay=timedelta(seconds=60),
        backoff_rate=2,
        jitter=JitterStrategy.FULL,
    )
    decisions = [strategy(OSError("x"), attempt) for attempt in range(1, 6)]
    assert [d.should_retry for d in decisions] == [True, True, True, True, False]
    assert [d.delay_seconds(lambda: 0.999) for d in decisions] == [1, 2, 4, 8, 0]
    assert [d.delay_seconds(lambda: 0.0) for d in decisions] == [1, 1, 1, 1, 0]
