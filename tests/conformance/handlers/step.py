"""Suite `step`: requirements 1-1 to 1-20."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.handlers import process
from conformance.handlers.patterns import (
    UppercaseSerDes,
    echo,
    fail,
    fail_first,
    greet,
    retry_each_second,
)
from conformance.handlers.registry import requirement

from durable_core import (
    JitterStrategy,
    RetryDecision,
    RetryPresets,
    StepError,
    StepSemantics,
    create_retry_strategy,
    current_step,
)

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext


class TransientError(Exception):
    """An error that may pass."""


def retry_on_transient(error: Exception, attempt: int) -> RetryDecision:
    return RetryDecision.retry(1) if isinstance(error, TransientError) else RetryDecision.stop()


def no_retry_on_transient(error: Exception, attempt: int) -> RetryDecision:
    return RetryDecision.stop() if isinstance(error, TransientError) else RetryDecision.retry(1)


@requirement("1-1")
async def basic(event: str, context: DurableContext) -> str:
    return await context.step(greet, event)


@requirement("1-2")
async def named(event: str, context: DurableContext) -> str:
    return await context.step("custom_step_name", greet, event)


@requirement("1-3")
async def sequential(event: Any, context: DurableContext) -> str:
    async def step_two(first: str) -> str:
        return f"{first}_second"

    first = await context.step("step_one", echo, "first")
    return await context.step(step_two, first)


@requirement("1-4")
async def complex_object(event: dict, context: DurableContext) -> dict:
    async def build_response(name: str, tags: list) -> dict:
        return {"user": {"name": name, "tags": tags}, "count": len(tags)}

    return await context.step(build_response, event["name"], event["tags"])


@requirement("1-5")
async def null_result(event: Any, context: DurableContext) -> None:
    async def do_nothing() -> None:
        return None

    return await context.step(do_nothing)


@requirement("1-6")
async def custom_serdes(event: str, context: DurableContext) -> str:
    return await context.step("return_input", echo, event, serdes=UppercaseSerDes())


@requirement("1-7")
async def step_logger(event: str, context: DurableContext) -> str:
    async def greeting(name: str) -> str:
        logger = current_step().logger
        logger.info("Greeting step started for: %s", name)
        result = greet(name)
        logger.info("Greeting step completed with: %s", result)
        return result

    return await context.step(greeting, event)


@requirement("1-8")
async def step_and_wait(event: Any, context: DurableContext) -> str:
    result = await context.step("compute", echo, "computed")
    await context.wait(seconds=2)
    return result


async def log_and_return(value: str) -> str:
    current_step().logger.info("step executed")
    return value


async def log_and_fail() -> None:
    current_step().logger.info("step executed")
    raise TransientError("permanently")


@requirement("1-9")
async def replay_skips_succeeded(event: Any, context: DurableContext) -> str:
    result = await context.step(log_and_return, "cached_value")
    await context.wait(seconds=1)
    return result


@requirement("1-10")
async def replay_rethrows_failed(event: Any, context: DurableContext) -> str:
    caught = ""
    try:
        await context.step(log_and_fail, retry_strategy=RetryPresets.none())
    except StepError as error:
        caught = str(error)
    await context.wait(seconds=1)
    return caught


@requirement("1-11")
async def retry_then_success(event: Any, context: DurableContext) -> str:
    return await context.step(
        "unreliable", fail_first, "Operation succeeded", retry_strategy=retry_each_second(3)
    )


@requirement("1-12")
async def retry_exhaustion(event: Any, context: DurableContext) -> None:
    await context.step("always_fail", fail, retry_strategy=retry_each_second(4))


async def fail_twice() -> str:
    attempt = current_step().attempt
    if attempt <= 2:
        raise TransientError(f"attempt {attempt} fails")
    return f"attempt {attempt}"


@requirement("1-13")
async def default_retry(event: Any, context: DurableContext) -> str:
    return await context.step(fail_twice)


@requirement("1-14")
async def custom_retry(event: Any, context: DurableContext) -> str:
    strategy = create_retry_strategy(
        max_attempts=5, initial_delay=2, backoff_rate=3, jitter=JitterStrategy.NONE
    )
    return await context.step(fail_twice, retry_strategy=strategy)


async def transient_once() -> str:
    if current_step().attempt == 1:
        raise TransientError("try again")
    return "recovered"


@requirement("1-15")
async def retry_specific(event: Any, context: DurableContext) -> str:
    return await context.step(transient_once, retry_strategy=retry_on_transient)


@requirement("1-16")
async def no_retry_specific(event: Any, context: DurableContext) -> str:
    return await context.step(transient_once, retry_strategy=no_retry_on_transient)


@requirement("1-17")
async def at_most_once_no_retry(event: str, context: DurableContext) -> None:
    async def log_and_die(text: str) -> None:
        current_step().logger.info(text)
        await process.die()

    await context.step(
        "at_most_once_flaky_step",
        log_and_die,
        event,
        semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
        retry_strategy=RetryPresets.none(),
    )


@requirement("1-18")
async def at_most_once_with_retry(event: str, context: DurableContext) -> str:
    async def die_first(text: str) -> str:
        current_step().logger.info(text)
        if current_step().attempt == 1:
            await process.die()
        return "succeeded on second attempt"

    return await context.step(
        die_first,
        event,
        semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
        retry_strategy=retry_each_second(3),
    )


@requirement("1-19")
async def permanent_failure(event: Any, context: DurableContext) -> None:
    await context.step(fail, retry_strategy=RetryPresets.none())


@requirement("1-20")
async def error_handled(event: Any, context: DurableContext) -> str:
    try:
        result = await context.step(fail, retry_strategy=RetryPresets.none())
    except StepError:
        result = "fallback_result"
    return await context.step("continue", echo, result)
