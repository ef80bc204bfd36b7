"""Wrong calls say what is wrong with them, at once, and name the operation."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import pytest

from durable_core import (
    CallbackSubmitterError,
    DurableContext,
    RetryPresets,
    SerDesError,
    StepError,
    ValidationError,
    WaitDecision,
    WaitForConditionError,
    create_retry_strategy,
    create_wait_strategy,
)


async def one(number: int) -> int:
    return number


def plain(number: int) -> int:
    return number


async def fails() -> None:
    raise LookupError("the real reason")


async def body(context: DurableContext, number: int) -> int:
    return await context.step(one, number)


async def same(state: Any) -> Any:
    return state


def refused(bench: Any, handler: Any) -> str:
    """What the handler says that it caught, in one invocation."""
    output = bench.invoke(handler)
    assert output.status == "SUCCEEDED", output
    text: str = json.loads(output.result)
    return text


# Strategies


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        (RetryPresets.none, "RetryPresets.none"),
        (RetryPresets.fixed, "RetryPresets.fixed"),
        (create_retry_strategy, "create_retry_strategy"),
    ],
)
@pytest.mark.parametrize("method", ["step", "with_retry", "wait_for_callback"])
def test_a_preset_that_was_not_called_is_refused_at_the_call(
    bench: Any, strategy: Any, name: str, method: str
) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            getattr(context, method)("x", body, 1, retry_strategy=strategy)
        return str(caught.value)

    told = refused(bench, handler)
    assert told == f"retry_strategy is {name} itself, which makes a strategy: call it, {name}(…)"


def test_a_wait_strategy_that_was_not_made_is_refused_at_the_call(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        told: list[str] = []
        for strategy in (create_wait_strategy, 5, WaitDecision):
            with pytest.raises(ValidationError) as caught:
                context.wait_for_condition(
                    "x",
                    same,
                    initial_state=1,
                    wait_strategy=strategy,  # type: ignore[arg-type]
                )
            told.append(str(caught.value))
        return told

    told = bench.result(handler)
    assert "call it, create_wait_strategy(…)" in told[0]
    assert "found 5" in told[1]
    assert "wait_strategy must be a function of (state, attempt)" in told[2]


def test_a_strategy_that_is_an_object_is_asked(bench: Any) -> None:
    class Never:
        def __call__(self, error: Exception, attempt: int) -> Any:
            return RetryPresets.none()(error, attempt)

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(StepError) as caught:
            await context.step("x", fails, retry_strategy=Never())
        return str(caught.value)

    assert refused(bench, handler) == "LookupError: the real reason"


def test_what_a_strategy_returned_is_named_with_the_error_it_was_asked_about(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            await context.step("x", fails, retry_strategy=lambda e, n: True)  # type: ignore[arg-type,return-value]
        return str(caught.value)

    assert refused(bench, handler) == (
        "the retry_strategy of Step 'x' must return RetryDecision.retry(delay) or "
        "RetryDecision.stop(); it returned True, asked about LookupError('the real reason')"
    )


def test_a_group_names_what_its_strategy_returned(bench: Any) -> None:
    async def group(context: DurableContext) -> None:
        await context.step("s", fails, retry_strategy=RetryPresets.none())

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            await context.with_retry("x", group, retry_strategy=lambda e, n: None)  # type: ignore[arg-type,return-value]
        return str(caught.value)

    assert "it returned None, asked about ChildContextError(" in refused(bench, handler)


def test_an_async_strategy_is_no_strategy(bench: Any) -> None:
    async def decides(error: Exception, attempt: int) -> Any:
        return None

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            await context.step("x", fails, retry_strategy=decides)  # type: ignore[arg-type]
        return str(caught.value)

    assert "it returned <coroutine" in refused(bench, handler)


def test_a_wait_strategy_that_returns_no_decision_is_named(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            await context.wait_for_condition(
                "job", same, initial_state=1, wait_strategy=lambda state, attempt: False
            )  # type: ignore[call-overload]
        return str(caught.value)

    assert refused(bench, handler) == (
        "the wait_strategy of WaitForCondition 'job' must return WaitDecision.wait(delay) or "
        "WaitDecision.stop(); it returned False"
    )


# Calls that a function cannot take


@pytest.mark.parametrize("fn", [one, plain])
def test_arguments_that_a_step_cannot_take_are_no_failure_to_retry(bench: Any, fn: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            await context.step("x", fn, 1, "2")
        return str(caught.value)

    told = refused(bench, handler)
    assert told.startswith(
        f"Step 'x' calls {fn.__name__}(int, str), which {fn.__name__}(number: 'int') does not "
        "take: too many positional arguments ("
    )
    assert "test_misuse.py:" in told


def test_a_type_error_of_the_function_itself_is_retried(bench: Any) -> None:
    calls: list[int] = []

    async def flaky() -> str:
        calls.append(1)
        if len(calls) < 2:
            raise TypeError("transient")
        return "done"

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.step("x", flaky)

    assert bench.result(handler) == "done"


def test_a_type_error_of_code_without_lines_is_retried(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        return await context.step("x", int, None)  # type: ignore[arg-type,return-value]

    assert bench.invoke(handler).status == "PENDING"


def test_arguments_that_a_childs_body_cannot_take_are_named(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            await context.run_in_child_context("c", body)  # type: ignore[call-overload]
        return str(caught.value)

    told = refused(bench, handler)
    assert told.startswith("RunInChildContext 'c' calls body(durable_core._context.context.")
    assert "missing a required argument: 'number'" in told


def test_arguments_that_a_submitter_cannot_take_are_named(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            await context.wait_for_callback("c", one, 5)  # type: ignore[call-overload]
        return str(caught.value)

    told = refused(bench, handler)
    assert told.startswith("Step 'c submitter' calls one(str, int), which one(number: 'int')")


# Names in messages


def test_durations_name_their_operation(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        told: list[str] = []
        for call in (
            lambda: context.wait("pause", -5),
            lambda: context.wait("pause", seconds=-5),
            lambda: context.wait(0),
            lambda: context.create_callback("approve", timeout=0),
            lambda: context.wait_for_callback("hook", one, heartbeat_timeout=-1),  # type: ignore[arg-type]
        ):
            with pytest.raises(ValidationError) as caught:
                call()
            told.append(str(caught.value).partition(" must be")[0])
        return told

    assert bench.result(handler) == [
        "the duration of wait() 'pause'",
        "the duration of wait() 'pause'",
        "the duration of wait()",
        "timeout of create_callback() 'approve'",
        "heartbeat_timeout of wait_for_callback() 'hook'",
    ]


def test_a_condition_that_gives_up_is_named(bench: Any) -> None:
    forever: Any = create_wait_strategy(should_continue_polling=lambda _: True, max_attempts=1)

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(WaitForConditionError) as caught:
            await context.wait_for_condition("job", same, initial_state=1, wait_strategy=forever)
        return caught.value.message or ""

    assert refused(bench, handler) == (
        "WaitForCondition 'job': the condition was not met after 1 attempt; max_attempts is 1"
    )


def test_a_condition_without_a_state_or_a_strategy_says_what_it_needs(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(ValidationError, match=r"wait_for_condition\(\) needs initial_state="):
            context.wait_for_condition("job", same)  # type: ignore[call-overload]

    bench.result(handler)


def test_a_payload_that_json_does_not_carry_names_the_option_there_is(bench: Any) -> None:
    @dataclass
    class Order:
        number: int

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(SerDesError) as caught:
            context.invoke("pay", "payment", Order(1))
        return str(caught.value)

    told = refused(bench, handler)
    assert told.startswith("the payload of 'pay' cannot be recorded")
    assert "pass payload_serdes= that the called function can read" in told
    assert "leave out serdes=" not in told


# Replays


def test_a_divergence_in_an_item_shows_the_names_that_lead_there(bench: Any) -> None:
    names = ["reserve", "renamed"]

    async def item(context: DurableContext, sku: str, index: int) -> int:
        found = await context.step(names[0], one, index)
        await context.wait("w", 5)
        return found

    async def handler(event: Any, context: DurableContext) -> Any:
        await context.map("lines", ["a"], item, item_namer=lambda sku, _: f"sku-{sku}")

    assert bench.invoke(handler).status == "PENDING"
    bench.forward()
    names.pop(0)
    message = bench.invoke(handler).error.message
    assert message.startswith("at operation 'lines/sku-a/renamed': the journal has Step 'reserve'")


@dataclass
class Before:
    number: int


@dataclass
class After:
    number: int
    more: int


def test_a_recorded_result_that_no_longer_fits_its_type_leads_the_message(bench: Any) -> None:
    kinds: list[Any] = [Before, After]

    async def load(number: int) -> Any:
        return kinds[0](**dataclasses.asdict(Before(number)))

    async def handler(event: Any, context: DurableContext) -> Any:
        load.__annotations__["return"] = kinds[0]
        found = await context.step("load", load, 1)
        await context.wait("w", 5)
        return found.number

    assert bench.invoke(handler).status == "PENDING"
    bench.forward()
    kinds.pop(0)
    error = bench.invoke(handler).error
    assert error.type == "durable_core.NonDeterministicExecutionError"
    assert error.message.startswith(
        "the handler raised this on its replay: the result of 'load' cannot be read back: the "
        "annotation is After; at more: Field required\nTherefore 1 recorded operation(s)"
    )
    assert "give new fields a default" in error.message
    assert "ask for the same operations" not in error.message


def test_a_submitter_that_failed_leaves_no_forgotten_callback(bench: Any) -> None:
    async def submitter(callback_id: str) -> None:
        raise LookupError("no")

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(CallbackSubmitterError) as caught:
            await context.wait_for_callback("c", submitter, retry_strategy=RetryPresets.none())
        return str(caught.value)

    assert refused(bench, handler) == "LookupError: no"
