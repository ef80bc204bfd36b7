"""Suite `wait_for_condition`: requirements 6-1 to 6-13."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from conformance.handlers.patterns import fail
from conformance.handlers.registry import requirement

from durable_core import JitterStrategy, WaitForConditionError, create_wait_strategy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from durable_core import DurableContext
    from durable_core.lowlevel import SerDesContext


def poll_while(unsettled: Callable[[Any], bool], *, every: int = 1, max_attempts: int = 60):
    """Poll at a fixed interval while the state is unsettled."""
    return create_wait_strategy(
        should_continue_polling=unsettled,
        initial_delay=every,
        backoff_rate=1,
        max_attempts=max_attempts,
        jitter=JitterStrategy.NONE,
    )


def poll_below(threshold: int, *, every: int = 1):
    return poll_while(lambda state: state < threshold, every=every)


async def increment(state: int) -> int:
    return state + 1


async def unchanged(state: Any) -> Any:
    return state


@requirement("6-1")
async def basic(event: int, context: DurableContext) -> int:
    return await context.wait_for_condition(
        increment, initial_state=0, wait_strategy=poll_below(event)
    )


@requirement("6-2")
async def immediate(event: int, context: DurableContext) -> int:
    return await context.wait_for_condition(
        unchanged, initial_state=5, wait_strategy=poll_below(event)
    )


@requirement("6-3")
async def named(event: int, context: DurableContext) -> int:
    return await context.wait_for_condition(
        "poll-status", increment, initial_state=0, wait_strategy=poll_below(event)
    )


@requirement("6-4")
async def initial_state(event: int, context: DurableContext) -> int:
    return await context.wait_for_condition(
        increment, initial_state=5, wait_strategy=poll_below(event)
    )


@requirement("6-5")
async def fixed_delay(event: int, context: DurableContext) -> int:
    return await context.wait_for_condition(
        increment, initial_state=0, wait_strategy=poll_below(event, every=2)
    )


@requirement("6-6")
async def exhausted(event: int, context: DurableContext) -> int:
    strategy = poll_while(lambda _: True, max_attempts=3)
    return await context.wait_for_condition(increment, initial_state=event, wait_strategy=strategy)


@requirement("6-7")
async def check_raises(event: Any, context: DurableContext) -> None:
    await context.wait_for_condition(fail, initial_state=0, wait_strategy=poll_below(1))


@requirement("6-8")
async def check_raises_caught(event: Any, context: DurableContext) -> str:
    try:
        await context.wait_for_condition(fail, initial_state=0, wait_strategy=poll_below(1))
    except WaitForConditionError:
        return "recovered"
    raise AssertionError("the check was to raise")


@requirement("6-9")
async def object_state(event: Any, context: DurableContext) -> dict:
    async def check(state: dict) -> dict:
        attempts = state["attempts"] + 1
        return {"status": "DONE" if attempts == 2 else "PENDING", "attempts": attempts}

    return await context.wait_for_condition(
        check,
        initial_state={"status": "PENDING", "attempts": 0},
        wait_strategy=poll_while(lambda state: state["status"] == "PENDING"),
    )


@requirement("6-10")
async def null_state(event: Any, context: DurableContext) -> None:
    async def returns_null(state: Any) -> None:
        return None

    return await context.wait_for_condition(
        returns_null, initial_state="pending", wait_strategy=poll_while(lambda _: False)
    )


class Base64SerDes:
    """Text as base64."""

    def serialize(self, value: str, context: SerDesContext) -> str:
        return base64.b64encode(value.encode()).decode()

    def deserialize(self, data: str, context: SerDesContext) -> str:
        return base64.b64decode(data).decode()


@requirement("6-11")
async def custom_serdes(event: Any, context: DurableContext) -> str:
    async def append(state: str) -> str:
        return f"{state}x"

    return await context.wait_for_condition(
        append,
        initial_state="",
        wait_strategy=poll_while(lambda state: len(state) < 2),
        serdes=Base64SerDes(),
    )


@requirement("6-12")
async def then_step(event: int, context: DurableContext) -> int:
    async def times_ten(number: int) -> int:
        return number * 10

    state = await context.wait_for_condition(
        increment, initial_state=0, wait_strategy=poll_below(event)
    )
    return await context.step(times_ten, state)


@requirement("6-13")
async def sequential(event: Any, context: DurableContext) -> int:
    first = await context.wait_for_condition(
        increment, initial_state=0, wait_strategy=poll_below(2)
    )
    return await context.wait_for_condition(
        increment, initial_state=first, wait_strategy=poll_below(4)
    )
