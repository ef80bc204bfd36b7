"""Seed: steps, child contexts, invoke, waits, conditional waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import RetryDecision, WaitDecision, current_step

if TYPE_CHECKING:
    from durable_core import DurableContext


def test_a_step_is_retried_as_its_strategy_says(run: Any) -> None:
    attempts: list[int] = []

    async def fetch_from_api() -> str:
        attempts.append(current_step().attempt)
        if len(attempts) < 3:
            raise ConnectionError("not yet")
        return "data"

    def strategy(error: Exception, attempt: int) -> RetryDecision:
        assert isinstance(error, ConnectionError)
        if attempt >= 3:
            return RetryDecision.stop()
        return RetryDecision.retry(timedelta(seconds=2**attempt))

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.step("fetch-data", fetch_from_api, retry_strategy=strategy)

    outcome = run(handler)
    assert outcome.value == "data"
    assert attempts == [1, 2, 3]
    assert outcome.virtual_seconds == 2 + 4


def test_a_step_that_keeps_failing_fails_when_its_strategy_stops(run: Any) -> None:
    async def fetch_from_api() -> str:
        raise ConnectionError("never")

    def strategy(_: Exception, attempt: int) -> RetryDecision:
        return RetryDecision.retry(2**attempt) if attempt < 3 else RetryDecision.stop()

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.step("fetch-data", fetch_from_api, retry_strategy=strategy)

    outcome = run(handler)
    assert outcome.status == "FAILED"
    assert outcome.operation("fetch-data").status == "FAILED"
    assert "never" in outcome.error.message


def test_a_step_needs_no_name(run: Any) -> None:
    async def process_data(size: int) -> int:
        return size

    async def handler(event: Any, context: DurableContext) -> int:
        first = await context.step(lambda: process_data(3))
        return first + await context.step(process_data, 4)

    outcome = run(handler)
    assert outcome.value == 7
    assert outcome.names() == [None, "process_data"]


def test_a_child_context_groups_operations_under_one_record(run: Any) -> None:
    async def validate_order(order: str) -> str:
        return f"valid {order}"

    async def charge_payment(order: str) -> str:
        return f"charged {order}"

    async def process_order(child: DurableContext, order: str) -> str:
        validated = await child.step("validate", validate_order, order)
        await child.wait(timedelta(seconds=1))
        return await child.step("charge", charge_payment, validated)

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.run_in_child_context("process-order", process_order, event)

    outcome = run(handler, "o-1")
    assert outcome.value == "charged valid o-1"
    group = outcome.operation("process-order")
    assert outcome.operation("validate").parent_id == group.id
    assert outcome.operation("charge").parent_id == group.id


def test_another_function_is_invoked_and_its_result_awaited(run: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> dict[str, Any]:
        return await context.invoke(
            "process-payment", "payment-processor", {"amount": 100, "currency": "USD"}
        )

    outcome = run(
        handler, functions={"payment-processor": lambda payload: {"paid": payload["amount"]}}
    )
    assert outcome.value == {"paid": 100}
    assert outcome.names() == ["process-payment"]


@pytest.mark.parametrize("name", [None, "rate-limit-delay"])
def test_a_wait_pauses_for_its_duration(run: Any, name: str | None) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        if name is None:
            await context.wait(timedelta(seconds=30))
        else:
            await context.wait(name, seconds=30)

    outcome = run(handler)
    assert outcome.virtual_seconds == 30
    assert outcome.names() == [name]


def test_a_condition_is_polled_with_its_state_threaded_through(run: Any) -> None:
    statuses = iter(["pending", "running", "completed"])

    async def check(state: dict[str, str]) -> dict[str, str]:
        return {**state, "status": next(statuses)}

    def strategy(state: dict[str, str], attempt: int) -> WaitDecision:
        if state["status"] == "completed":
            return WaitDecision.stop()
        return WaitDecision.wait(timedelta(seconds=min(attempt * 2, 60)))

    async def handler(event: Any, context: DurableContext) -> dict[str, str]:
        return await context.wait_for_condition(
            "wait-for-job",
            check,
            initial_state={"jobId": "job-123", "status": "pending"},
            wait_strategy=strategy,
        )

    outcome = run(handler)
    assert outcome.value == {"jobId": "job-123", "status": "completed"}
    assert outcome.virtual_seconds == 2 + 4
