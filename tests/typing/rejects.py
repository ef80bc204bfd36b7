"""Calls that no checker may pass: each line marked `expect error` fails in pyright and in mypy."""

from __future__ import annotations

from durable_core import (
    CompletionConfig,
    DurableContext,
    RetryDecision,
    WaitDecision,
    create_retry_strategy,
)


async def fetch(user_id: str, limit: int) -> str:
    """A step."""
    return user_id * limit


async def one(child: DurableContext, item: str, index: int) -> int:
    """A map item."""
    return len(item) + index


def bad_strategy(error: Exception) -> RetryDecision:
    """A strategy that does not take the attempt."""
    return RetryDecision.stop()


def poll(state: str, attempt: int) -> WaitDecision:
    """A strategy over text."""
    return WaitDecision.stop()


async def add_one(state: int) -> int:
    """A check over a number."""
    return state + 1


async def wrong(context: DurableContext) -> None:
    """Wrong calls."""
    context.step("fetch", fetch, 1, 2)  # expect error
    context.step("fetch", fetch, "u-1", "two")  # expect error
    context.step("fetch", fetch, "u-1")  # expect error
    context.step(fetch, "u-1", 2, 3)  # expect error
    context.step("fetch")  # expect error
    context.step("fetch", fetch, "u-1", 2, retries=3)  # expect error
    context.step("fetch", fetch, "u-1", 2, retry_strategy=bad_strategy)  # expect error
    context.step("fetch", fetch, "u-1", 2, semantics="AT_MOST_ONCE_PER_RETRY")  # expect error
    number: int = await context.step("fetch", fetch, "u-1", 2)  # expect error
    context.wait("name", "five")  # expect error
    context.wait(weeks=1)  # expect error
    context.run_in_child_context("child", fetch, "u-1", 2)  # expect error
    context.map("items", [1, 2], one)  # expect error
    context.map("items", ["a"], one, completion={"min_successful": 1})  # expect error
    context.parallel([one])  # expect error
    context.wait_for_condition(add_one, initial_state=0, wait_strategy=poll)  # expect error
    context.wait_for_condition(add_one, wait_strategy=poll)  # expect error
    context.wait_for_callback("ask", fetch)  # expect error
    context.wait_for_callback("ask", fetch, "two")  # expect error
    context.wait_for_callback("ask", fetch, 2, timeout="1 h")  # expect error
    context.create_callback("ask", timeout="1 h")  # expect error
    context.create_callback(60)  # expect error
    context.invoke("pay", 5, {})  # expect error
    context.wait_until("tomorrow", 5)  # expect error
    context.with_retry("group", one, "item")  # expect error
    context.promise.all([1, 2])  # expect error
    context.configure_logger(None)  # expect error
    create_retry_strategy(3)  # expect error
    create_retry_strategy(retryable_errors=ValueError)  # expect error
    CompletionConfig(min_successful="all")  # expect error
    print(number)
