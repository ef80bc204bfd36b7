"""What users write, with the types it must have: pyright and mypy accept every line, strictly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from durable_core import (
    BatchResult,
    Branch,
    CompletionConfig,
    DurableContext,
    DurableFuture,
    JitterStrategy,
    RetryDecision,
    RetryPresets,
    StepSemantics,
    WaitDecision,
    create_retry_strategy,
    create_wait_strategy,
    current_step,
)


@dataclass
class User:
    """A value of a class of one's own."""

    name: str


async def fetch(user_id: str) -> User:
    """An asynchronous step with an argument."""
    return User(user_id)


def size(user: User, factor: int, extra: int = 0) -> int:
    """A plain step with arguments, the last of them optional."""
    return len(user.name) * factor + extra


async def nothing() -> None:
    """A step without arguments or result."""


async def submit(callback_id: str, to: str) -> None:
    """A submitter."""


async def child_body(child: DurableContext, user_id: str) -> User:
    """A child context."""
    return await child.step("fetch", fetch, user_id)


async def one(child: DurableContext, item: str, index: int) -> int:
    """A map item."""
    return len(item) + index


async def left(child: DurableContext) -> int:
    """A branch."""
    return 1


def strategy(error: Exception, attempt: int) -> RetryDecision:
    """A retry strategy."""
    return RetryDecision.retry(timedelta(seconds=attempt))


def poll(state: int, attempt: int) -> WaitDecision:
    """A wait strategy."""
    return WaitDecision.stop() if state > attempt else WaitDecision.wait(5)


def is_small(state: int) -> bool:
    """A predicate."""
    return state < 3


async def steps(context: DurableContext) -> None:
    """Steps, named and not, plain and not."""
    future = context.step("fetch", fetch, "u-1")
    assert_type(future, DurableFuture[User])
    user = await future
    assert_type(user, User)
    assert_type(await context.step(fetch, "u-1"), User)
    assert_type(await context.step("size", size, user, 2), int)
    assert_type(await context.step(size, user, 2), int)
    assert_type(await context.step(nothing), None)
    assert_type(await context.step(lambda: 3), int)
    await context.step(
        "charge",
        fetch,
        "u-1",
        retry_strategy=RetryPresets.none(),
        semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
    )
    await context.step(fetch, "u-1", retry_strategy=strategy)
    await context.step(
        fetch,
        "u-1",
        retry_strategy=create_retry_strategy(
            jitter=JitterStrategy.HALF, retryable_errors=[ValueError, "timeout"]
        ),
    )
    assert_type(current_step().attempt, int)


async def pauses(context: DurableContext) -> None:
    """Waits and conditions."""
    assert_type(await context.wait(timedelta(seconds=1)), None)
    await context.wait("named", 5)
    await context.wait(hours=1, minutes=30)
    await context.wait_until("tomorrow", context.now() + timedelta(days=1))

    async def check(state: int) -> int:
        return state + 1

    state = await context.wait_for_condition("poll", check, initial_state=0, wait_strategy=poll)
    assert_type(state, int)
    await context.wait_for_condition(
        check,
        initial_state=0,
        wait_strategy=create_wait_strategy(should_continue_polling=is_small),
    )


async def outside(context: DurableContext) -> None:
    """Invokes and callbacks."""
    assert_type(await context.invoke("ship", "function-name", {"a": 1}), Any)
    await context.invoke("function-name")
    result, callback_id = await context.create_callback("approve", timeout=timedelta(days=1))
    assert_type(callback_id, str)
    await result
    await context.wait_for_callback("approve", submit, "ann", timeout=60)
    await context.wait_for_callback(submit, "ann")


async def groups(context: DurableContext) -> None:
    """Children, maps, branches, retried groups."""
    assert_type(await context.run_in_child_context("child", child_body, "u-1"), User)
    assert_type(await context.run_in_child_context(child_body, "u-1", virtual=True), User)
    batch = await context.map("lengths", ["a", "bb"], one, max_concurrency=2)
    assert_type(batch, BatchResult[int])
    assert_type(batch.results()[0], int)
    assert_type(await context.map(["a"], one), BatchResult[int])
    assert_type(
        await context.parallel(
            [Branch("left", left), Branch("right", left)],
            completion=CompletionConfig.all_completed(),
        ),
        BatchResult[int],
    )
    assert_type(await context.parallel("same", [left, left]), BatchResult[int])
    assert_type(await context.with_retry("group", child_body, "u-1"), User)


async def together(context: DurableContext) -> None:
    """Combinators, ours and asyncio's."""
    first, second = await asyncio.gather(context.step(fetch, "a"), context.step(lambda: 3))
    assert_type(first, User)
    assert_type(second, int)
    assert_type(
        await context.promise.all([context.step(fetch, "a"), context.step(fetch, "b")]),
        list[User],
    )
    assert_type(await context.promise.race("fast", [context.step(fetch, "a")]), User)
    assert_type(await context.promise.any([context.step(fetch, "a")]), User)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(child_body(context, "u-1"))
    assert_type(task.result(), User)
