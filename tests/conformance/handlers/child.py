"""Suite `child`: requirements 3-1 to 3-18."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.handlers import process
from conformance.handlers.patterns import (
    RejectedError,
    UppercaseSerDes,
    echo,
    fail,
    fail_first,
    retry_each_second,
)
from conformance.handlers.registry import requirement

from durable_core import ChildContextError, RetryPresets, current_step

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext


async def one_step(child: DurableContext, value: Any) -> Any:
    return await child.step(echo, value)


async def failing_step(child: DurableContext) -> None:
    await child.step(fail, retry_strategy=RetryPresets.none())


async def step_and_wait(child: DurableContext, value: str) -> str:
    result = await child.step(echo, value)
    await child.wait(seconds=1)
    return result


@requirement("3-1")
async def basic(event: str, context: DurableContext) -> str:
    return await context.run_in_child_context(one_step, event)


@requirement("3-2")
async def named(event: dict, context: DurableContext) -> str:
    return await context.run_in_child_context(event["name"], one_step, event["value"])


@requirement("3-3")
async def sequential_steps(event: str, context: DurableContext) -> str:
    async def two_steps(child: DurableContext, value: str) -> str:
        first = await child.step(echo, value)
        return await child.step(echo, first)

    return await context.run_in_child_context(two_steps, event)


@requirement("3-4")
async def error(event: Any, context: DurableContext) -> None:
    await context.run_in_child_context(failing_step)


@requirement("3-5")
async def error_caught(event: str, context: DurableContext) -> str:
    try:
        await context.run_in_child_context(failing_step)
    except ChildContextError:
        return await context.step("recover", echo, event)
    raise AssertionError("the child context was to fail")


@requirement("3-6")
async def nested(event: str, context: DurableContext) -> str:
    async def outer(child: DurableContext, value: str) -> str:
        await child.step(echo, value)
        return await child.run_in_child_context("inner", one_step, value)

    return await context.run_in_child_context(outer, event)


@requirement("3-7")
async def step_retry(event: str, context: DurableContext) -> str:
    async def retried(child: DurableContext, value: str) -> str:
        return await child.step(fail_first, value, retry_strategy=retry_each_second(3))

    return await context.run_in_child_context(retried, event)


@requirement("3-8")
async def retry_exhaustion(event: Any, context: DurableContext) -> None:
    async def exhausted(child: DurableContext) -> None:
        await child.step(fail, retry_strategy=retry_each_second(2))

    await context.run_in_child_context(exhausted)


@requirement("3-9")
async def replay(event: str, context: DurableContext) -> str:
    result = await context.run_in_child_context(one_step, event)
    await context.wait(seconds=1)
    return result


@requirement("3-10")
async def mixed(event: str, context: DurableContext) -> str:
    return await context.run_in_child_context(step_and_wait, event)


@requirement("3-11")
async def large_payload(event: str, context: DurableContext) -> int:
    async def large(child: DurableContext, value: str) -> str:
        child.logger.info("building a large result from %s", value)
        small = await child.step(echo, value)
        return small.ljust(300 * 1024, ".")

    context.configure_logger(mode_aware=False)
    result = await context.run_in_child_context(large, event)
    await context.wait(seconds=1)
    return len(result)


@requirement("3-12")
async def interrupted(event: str, context: DurableContext) -> str:
    async def die_once(value: str) -> str:
        if process.is_first_time(current_step().idempotency_key):
            await process.recorded()
            await process.die()
        return value

    async def crashing(child: DurableContext, value: str) -> str:
        return await child.step(die_once, value)

    return await context.run_in_child_context(crashing, event)


@requirement("3-13")
async def wait_inside(event: str, context: DurableContext) -> str:
    async def only_a_wait(child: DurableContext, value: str) -> str:
        await child.wait(seconds=1)
        return value

    result = await context.run_in_child_context(only_a_wait, event)
    return await context.step(echo, result)


@requirement("3-14")
async def custom_serdes(event: str, context: DurableContext) -> str:
    return await context.run_in_child_context(one_step, event, serdes=UppercaseSerDes())


@requirement("3-15")
async def error_without_step(event: Any, context: DurableContext) -> None:
    async def raises(child: DurableContext) -> None:
        raise RejectedError("thrown in the child's body")

    await context.run_in_child_context(raises)


@requirement("3-16")
async def null_result(event: Any, context: DurableContext) -> None:
    async def returns_null(child: DurableContext) -> None:
        return None

    return await context.run_in_child_context(returns_null)


@requirement("3-17")
async def logger_only(event: str, context: DurableContext) -> str:
    async def logs(child: DurableContext, value: str) -> str:
        child.logger.info(value)
        return value

    context.configure_logger(mode_aware=False)
    result = await context.run_in_child_context(logs, event)
    await context.wait(seconds=1)
    return result


@requirement("3-18")
async def mixed_inside_and_after(event: str, context: DurableContext) -> str:
    inner = await context.run_in_child_context(step_and_wait, event)
    outer = await context.step(echo, inner)
    await context.wait(seconds=1)
    return outer
