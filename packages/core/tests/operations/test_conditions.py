"""Conditions: the state goes from check to check until the strategy says stop."""

from __future__ import annotations

from typing import Any

import pytest

from durable_core import (
    DurableContext,
    JitterStrategy,
    SerDesError,
    ValidationError,
    WaitDecision,
    WaitForConditionError,
    create_wait_strategy,
    current_step,
)
from durable_core.lowlevel import OperationStatus


def until(last: Any, seconds: float = 5) -> Any:
    return lambda state, attempt: (
        WaitDecision.stop() if state == last else WaitDecision.wait(seconds)
    )


def test_the_state_goes_from_each_check_to_the_next(bench: Any) -> None:
    checks: list[Any] = []

    async def check(state: int) -> int:
        checks.append((state, current_step().attempt))
        return state + 1

    async def handler(event: Any, context: DurableContext) -> int:
        state = await context.wait_for_condition(
            "poll", check, initial_state=0, wait_strategy=until(3, 4.5)
        )
        await context.wait(1)
        return state

    assert bench.invoke(handler).status == "PENDING"
    record = bench.service.named("poll")
    assert (record.subtype, record.status) == ("WaitForCondition", OperationStatus.PENDING)
    assert (record.result, record.next_attempt_at_ms) == ("1", bench.clock.ms + 5000)
    assert bench.result(handler) == 3
    assert checks == [(0, 1), (1, 2), (2, 3)]
    assert bench.service.sent == [
        ["START poll", "RETRY poll"],
        ["START poll", "RETRY poll"],
        ["START poll", "SUCCEED poll"],
        ["START Wait"],
    ]


def test_a_first_check_that_is_enough_waits_for_nothing(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_condition(
            str.upper, initial_state="on", wait_strategy=until("ON")
        )

    assert bench.result(handler) == "ON"
    assert bench.service.sent == [["START upper", "SUCCEED upper"]]


def test_a_state_of_none_is_a_state(bench: Any) -> None:
    seen: list[Any] = []

    def check(state: Any) -> Any:
        seen.append(state)
        return None if len(seen) < 3 else "there"

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_condition(
            "poll", check, initial_state="first", wait_strategy=until("there")
        )

    assert bench.result(handler) == "there"
    assert seen == ["first", None, None]


def test_the_first_state_is_seen_as_it_would_be_recorded(bench: Any) -> None:
    first = {"list": [1]}
    seen: list[Any] = []

    def check(state: Any) -> Any:
        seen.append((state == first, state is first))
        return state

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_condition(
            "poll", check, initial_state=first, wait_strategy=until(first)
        )

    assert bench.result(handler) == first
    assert seen == [(True, False)]


def test_a_check_that_was_cut_off_gets_the_same_state_again(bench: Any) -> None:
    seen: list[Any] = []

    async def check(state: int) -> int:
        seen.append(state)
        if bench.invocations == 1:
            await bench.clock.advance(0)
            await bench.clock.advance(10)
        return 9

    def crash(request: Any) -> Any:
        bench.service.apply(request)
        raise ConnectionResetError

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_condition(
            "poll", check, initial_state=7, wait_strategy=until(9)
        )

    bench.service.script[1] = crash
    with pytest.raises(ConnectionResetError):
        bench.invoke(handler)
    assert bench.result(handler) == 9
    assert seen == [7, 7]
    assert bench.service.sent == [["START poll"], ["SUCCEED poll"]]


def failing(bench: Any, check: Any, strategy: Any, **options: Any) -> list[Any]:
    """The error's fields, live and replayed."""
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(Exception) as raised:  # noqa: PT011
            await context.wait_for_condition(
                "poll", check, initial_state=0, wait_strategy=strategy, **options
            )
        error: Any = raised.value
        seen.append((type(error), getattr(error, "error_type", None), str(error)))
        await context.wait(1)

    bench.result(handler)
    return seen


def test_a_check_that_raises_is_not_repeated(bench: Any) -> None:
    def check(state: int) -> int:
        raise ValueError("gone")

    seen = failing(bench, check, until(1))
    assert seen == [(WaitForConditionError, "ValueError", "ValueError: gone")] * 2
    assert bench.service.sent[0] == ["START poll", "FAIL poll"]


def test_attempts_that_are_used_up_are_an_error_and_no_state(bench: Any) -> None:
    strategy = create_wait_strategy(
        should_continue_polling=lambda state: state < 99,
        max_attempts=2,
        jitter=JitterStrategy.NONE,
    )
    seen = failing(bench, lambda state: state + 1, strategy)
    assert seen[0] == seen[1]
    assert seen[0][0] is WaitForConditionError
    assert "the condition was not met after 2 attempts" in seen[0][2]


def test_a_strategy_that_raises_ends_it(bench: Any) -> None:
    def strategy(state: int, attempt: int) -> WaitDecision:
        raise LookupError("no plan")

    seen = failing(bench, lambda state: state, strategy)
    assert seen == [(WaitForConditionError, "LookupError", "LookupError: no plan")] * 2


def test_a_state_that_cannot_be_written_or_is_too_large_ends_it(bench: Any) -> None:
    seen = failing(bench, lambda state: object(), until(1))
    assert [entry[0] for entry in seen] == [SerDesError] * 2
    other = type(bench)()
    seen = failing(other, lambda state: "x" * 262_143, until(1))
    assert [entry[0] for entry in seen] == [SerDesError] * 2
    assert seen[0][2].startswith("the state of WaitForCondition 'poll' takes 262,145 bytes")


def test_the_jitter_is_the_hosts(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        strategy = create_wait_strategy(
            should_continue_polling=lambda state: True, initial_delay=40
        )
        return await context.wait_for_condition(
            "poll", lambda state: state, initial_state=0, wait_strategy=strategy
        )

    bench.environment["random"] = lambda: 0.25
    bench.invoke(handler)
    assert bench.service.named("poll").next_attempt_at_ms == bench.clock.ms + 10_000


def test_arguments_beside_the_state_are_refused(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.wait_for_condition(  # type: ignore[call-overload]
                "poll", str, "more", initial_state=0, wait_strategy=until(1)
            )
        return str(raised.value)

    assert bench.result(handler) == "wait_for_condition() passes the state alone to its check"
