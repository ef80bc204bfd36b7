"""Seed: Map and Parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from durable_core import Branch, CompletionConfig, RetryPresets

if TYPE_CHECKING:
    from durable_core import DurableContext

USERS = [{"id": f"u{n}"} for n in range(10)]


@pytest.mark.parametrize("failing", [frozenset(), frozenset({"u1", "u4"})])
def test_map_processes_each_item_with_names_a_limit_and_a_policy(
    run: Any, failing: frozenset[str]
) -> None:
    running = 0
    most = 0

    async def process_user(user: dict[str, str]) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        running -= 1
        if user["id"] in failing:
            raise ValueError(user["id"])
        return f"done {user['id']}"

    async def one(child: DurableContext, user: dict[str, str], index: int) -> str:
        name = f"process-{user['id']}"
        return await child.step(name, process_user, user, retry_strategy=RetryPresets.none())

    async def handler(event: Any, context: DurableContext) -> list[Any]:
        results = await context.map(
            "process-users",
            event,
            one,
            max_concurrency=5,
            completion=CompletionConfig(min_successful=8, tolerated_failure_count=2),
            item_namer=lambda user, index: f"User-{user['id']}",
        )
        return [results.success_count, results.failure_count, results.completion_reason.value]

    outcome = run(handler, USERS)
    succeeded, failed, reason = outcome.value
    assert succeeded >= 8
    assert failed == len(failing)
    assert reason in {"MIN_SUCCESSFUL_REACHED", "ALL_COMPLETED"}
    assert most <= 5
    assert "User-u0" in outcome.names()


def test_a_batch_with_failures_throws_when_asked_to(run: Any) -> None:
    async def fail(child: DurableContext, item: int, index: int) -> None:
        raise ValueError("no")

    async def handler(event: Any, context: DurableContext) -> None:
        results = await context.map([1], fail)
        assert results.has_failure
        results.throw_if_error()

    outcome = run(handler)
    assert outcome.status == "FAILED"
    assert "no" in outcome.error.message


def test_parallel_runs_branches_with_and_without_names_until_enough_succeed(run: Any) -> None:
    async def fetch(number: int) -> int:
        return number

    async def task1(child: DurableContext) -> int:
        return await child.step(fetch, 1)

    async def task2(child: DurableContext) -> int:
        return await child.step(fetch, 2)

    async def third(child: DurableContext) -> int:
        return await child.step(fetch, 3)

    async def handler(event: Any, context: DurableContext) -> list[Any]:
        results = await context.parallel(
            "parallel-tasks",
            [Branch("task1", task1), Branch("task2", task2), third],
            max_concurrency=2,
            completion=CompletionConfig(min_successful=2),
        )
        return [results.results(), results.completion_reason.value]

    outcome = run(handler)
    assert outcome.value == [[1, 2], "MIN_SUCCESSFUL_REACHED"]
    assert {"task1", "task2"} <= set(outcome.names())
