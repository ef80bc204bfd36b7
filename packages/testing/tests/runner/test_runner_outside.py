"""The outside of a run: doubles of steps, answers to callbacks, functions that are invoked."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from durable_core import (
    CallbackFailedError,
    CallbackTimeoutError,
    DurableContext,
    InvokeError,
    JsonSerDes,
    RetryPresets,
    StepError,
    create_wait_strategy,
    current_step,
)
from durable_testing import (
    DurableTestRunner,
    ExecutionBlockedError,
    ExecutionFailedError,
    OpenedCallback,
    ScriptError,
)


class CardDeclinedError(Exception):
    pass


async def charge(amount: int) -> str:
    return f"really charged {amount}"


async def ask(callback_id: str) -> None: ...


async def paying(event: Any, context: DurableContext) -> str:
    return await context.step("charge", charge, 7)


def test_a_step_runs_its_own_function_unless_told_otherwise() -> None:
    assert DurableTestRunner(paying).run_sync().value == "really charged 7"


def test_a_double_returns_a_value_in_place_of_the_function() -> None:
    runner = DurableTestRunner(paying)
    runner.step("charge").returns("paid")

    assert runner.run_sync().value == "paid"


def test_a_double_fails_so_many_times_before_the_real_function_runs() -> None:
    runner = DurableTestRunner(paying)
    runner.step("charge").fails_with(CardDeclinedError("no funds"), times=2)

    result = runner.run_sync()

    assert result.value == "really charged 7"
    charged = result.operation("charge")
    assert charged.attempts == 3
    assert [error.message for error in charged.attempt_errors] == ["no funds", "no funds"]
    assert charged.attempt_errors[0].type is not None
    assert charged.attempt_errors[0].type.endswith("CardDeclinedError")


def test_a_double_that_always_fails_exhausts_the_retries_in_virtual_time() -> None:
    runner = DurableTestRunner(paying)
    runner.step("charge").fails_with(CardDeclinedError("no funds"))

    result = runner.run_sync()

    assert result.failed
    assert result.operation("charge").attempts == 6
    assert result.virtual_duration > timedelta(seconds=5)


def test_doubles_are_played_in_turn() -> None:
    async def handler(event: Any, context: DurableContext) -> list[Any]:
        return [await context.step("charge", charge, n) for n in range(4)]

    runner = DurableTestRunner(handler)
    runner.step("charge").returns_in_turn(["a", "b"]).calls(lambda amount: amount * 10, times=1)

    assert runner.run_sync().value == ["a", "b", 20, "really charged 3"]


def test_a_double_sees_the_step_it_stands_for() -> None:
    async def double(amount: int) -> str:
        return f"attempt {current_step().attempt} of {current_step().name} for {amount}"

    runner = DurableTestRunner(paying)
    runner.step("charge").fails_with(CardDeclinedError, times=1).calls(double)

    assert runner.run_sync().value == "attempt 2 of charge for 7"


def test_the_same_doubles_are_there_in_each_run() -> None:
    runner = DurableTestRunner(paying)
    runner.step("charge").returns("first", times=1)

    assert [runner.run_sync().value, runner.run_sync().value] == ["first", "first"]


def test_a_script_refuses_what_could_never_come_into_play() -> None:
    script = DurableTestRunner(paying).step("charge").returns("always")

    with pytest.raises(ValueError, match="already does something in all further calls"):
        script.returns("never")
    with pytest.raises(ValueError, match="times must be at least 1, not 0"):
        DurableTestRunner(paying).step("charge").returns(1, times=0)


def test_the_submitter_of_a_callback_has_a_double_too() -> None:
    async def must_not_run(callback_id: str) -> None:
        raise AssertionError(callback_id)

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.wait_for_callback("approve", must_not_run)

    asked: list[str] = []
    runner = DurableTestRunner(handler)
    runner.step("approve submitter").calls(asked.append)
    runner.callback("approve").succeeds_with("ann")

    result = runner.run_sync()

    assert result.value == "ann"
    assert asked == [result.operation("approve").callback_id]


async def approving(event: Any, context: DurableContext) -> Any:
    return await context.wait_for_callback("approve", ask, timeout=timedelta(days=1))


def test_a_callback_is_answered_by_name_after_a_while() -> None:
    runner = DurableTestRunner(approving)
    runner.callback("approve").succeeds_with("ann", after=timedelta(hours=2))

    result = runner.run_sync()

    assert result.value == "ann"
    assert timedelta(hours=2) <= result.virtual_duration < timedelta(hours=2, seconds=1)


def test_an_answer_that_is_no_text_goes_as_json() -> None:
    runner = DurableTestRunner(approving)
    runner.callback("approve").succeeds_with({"by": "ann"})

    assert json.loads(runner.run_sync().value) == {"by": "ann"}


def test_a_callback_with_a_serdes_gets_its_value() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_callback("approve", ask, serdes=JsonSerDes())

    runner = DurableTestRunner(handler)
    runner.callback("approve").succeeds_with({"by": "ann"})

    assert runner.run_sync().value == {"by": "ann"}


def test_a_callback_fails_with_what_the_outside_says() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        try:
            await context.wait_for_callback("approve", ask)
        except CallbackFailedError as error:
            return [error.error_type, error.message, error.is_caused_by(CardDeclinedError)]

    runner = DurableTestRunner(handler)
    runner.callback("approve").fails_with(CardDeclinedError("no"))

    name = f"{CardDeclinedError.__module__}.CardDeclinedError"
    assert runner.run_sync().value == [name, "no", True]


def test_a_callback_times_out_in_virtual_time() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        try:
            await context.wait_for_callback("approve", ask, timeout=timedelta(days=30))
        except CallbackTimeoutError as error:
            return error.heartbeat

    runner = DurableTestRunner(handler)
    runner.callback("approve").times_out()

    result = runner.run_sync()

    assert result.value is False
    assert result.virtual_duration > timedelta(days=30)


def test_a_callback_that_is_to_time_out_needs_a_timeout() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_callback("approve", ask)

    runner = DurableTestRunner(handler)
    runner.callback("approve").times_out()

    with pytest.raises(ValueError, match="'approve' is to time out, but has neither a timeout"):
        runner.run_sync()


def test_heartbeats_keep_a_callback_open_until_they_end() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        try:
            return await context.wait_for_callback(
                "approve", ask, heartbeat_timeout=timedelta(minutes=10)
            )
        except CallbackTimeoutError as error:
            return error.heartbeat

    kept = DurableTestRunner(handler)
    kept.callback("approve").heartbeats(every=timedelta(minutes=9), times=5).succeeds_with(
        "late", after=timedelta(minutes=50)
    )
    lost = DurableTestRunner(handler)
    lost.callback("approve").succeeds_with("late", after=timedelta(minutes=50))

    assert kept.run_sync().value == "late"
    result = lost.run_sync()
    assert result.value is True
    assert timedelta(minutes=10) <= result.virtual_duration < timedelta(minutes=11)


def test_callbacks_are_scripted_by_functions() -> None:
    seen: list[OpenedCallback] = []

    def answer(callback: OpenedCallback) -> None:
        seen.append(callback)
        callback.succeed({"by": "ann"}, after=timedelta(hours=2))

    runner = DurableTestRunner(approving, callbacks={"approve": answer})

    result = runner.run_sync()

    assert json.loads(result.value) == {"by": "ann"}
    assert [(each.name, each.timeout, each.heartbeat_timeout) for each in seen] == [
        ("approve", timedelta(days=1), None)
    ]
    assert seen[0].callback_id == result.operation("approve").callback_id


def test_callbacks_of_one_name_are_answered_in_turn_and_the_last_answer_stays() -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        return [await context.wait_for_callback("vote", ask) for _ in range(4)]

    runner = DurableTestRunner(handler)
    runner.callback("vote").succeeds_with("yes").succeeds_with("no")

    assert runner.run_sync().value == ["yes", "no", "no", "no"]


def test_a_star_answers_callbacks_without_a_script_of_their_own() -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        result, _ = await context.create_callback()
        named, _ = await context.create_callback("named")
        return [await result, await named]

    runner = DurableTestRunner(handler)
    runner.callback("named").succeeds_with("mine")
    runner.callback("*").succeeds_with("anybody's")

    assert runner.run_sync().value == ["anybody's", "mine"]


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        try:
            return await context.wait_for_callback("approve", ask, timeout=timedelta(hours=1))
        except CallbackTimeoutError:
            await context.wait(timedelta(days=1))
            return "nobody"

    runner = DurableTestRunner(handler)
    runner.callback("approve").succeeds_with("late", after=timedelta(hours=2))

    assert runner.run_sync().value == "nobody"


def test_an_error_in_a_callback_script_fails_the_run() -> None:
    def broken(callback: OpenedCallback) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        DurableTestRunner(approving, callbacks={"approve": broken}).run_sync()


def test_a_run_that_waits_for_nobody_says_at_once_for_whom() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        await context.step("charge", charge, 1)
        both = [context.wait_for_callback(name, ask) for name in ("approve", "sign")]
        return await asyncio.gather(*both)

    runner = DurableTestRunner(handler)
    runner.callback("sing").succeeds_with("typo")

    with pytest.raises(ExecutionBlockedError) as blocked:
        runner.run_sync()

    message = str(blocked.value)
    assert "callback 'approve' is open" in message
    assert "callback 'sign' is open" in message
    assert "never asked for: runner.callback('sing')" in message
    assert "✓ charge" in message
    assert blocked.value.result.status == "RUNNING"


async def shipping(event: Any, context: DurableContext) -> Any:
    return await context.invoke("ship", "shipping", {"order": 7})


def test_a_function_returns_what_it_is_told() -> None:
    runner = DurableTestRunner(shipping)
    runner.function("shipping", returns={"tracking": "1Z"})

    result = runner.run_sync()

    assert result.value == {"tracking": "1Z"}
    assert result.operation("ship").function_name == "shipping"
    assert result.operation("ship").payload == {"order": 7}


def test_a_function_raises_what_it_is_told() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        try:
            await context.invoke("ship", "shipping", {})
        except InvokeError as error:
            return [error.message, error.is_caused_by(CardDeclinedError)]

    runner = DurableTestRunner(handler)
    runner.function("shipping", raises=CardDeclinedError("no truck"))

    assert runner.run_sync().value == ["no truck", True]


def test_a_function_is_called_with_the_payload() -> None:
    runner = DurableTestRunner(shipping)
    runner.function("shipping", calls=lambda payload: payload["order"] + 1)

    assert runner.run_sync().value == 8


def test_a_plain_function_and_a_workflow_are_registered_with_their_code() -> None:
    async def child(event: Any, context: DurableContext) -> Any:
        await context.wait(timedelta(hours=1))
        return {"durable": await context.wait_for_callback("inner", ask), **event}

    async def handler(event: Any, context: DurableContext) -> Any:
        plain = await context.invoke("plain", "plain", [1, 2])
        return [plain, await context.invoke("child", "child:live", {"a": 1})]

    runner = DurableTestRunner(handler, functions={"plain": sum, "child": child})
    runner.callback("inner").succeeds_with("deep")

    result = runner.run_sync()

    assert result.value == [3, {"durable": "deep", "a": 1}]
    assert result.virtual_duration > timedelta(hours=1)


def test_a_function_of_which_nothing_is_known_ends_the_run_at_once() -> None:
    runner = DurableTestRunner(shipping)
    runner.function("billing", returns=1)

    with pytest.raises(ScriptError, match=r"'ship' calls the function 'shipping'.*Known: billing"):
        runner.run_sync()


def test_a_function_that_is_called_too_often_ends_the_run() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return [await context.invoke("ship", "shipping", {}) for _ in range(3)]

    runner = DurableTestRunner(handler)
    runner.function("shipping").returns_in_turn([1, 2])

    with pytest.raises(ScriptError, match="'shipping' was called 3 times"):
        runner.run_sync()


def test_what_was_scripted_and_never_asked_for_is_named() -> None:
    runner = DurableTestRunner(paying)
    runner.step("chrage").returns("typo")
    runner.step("charge").fails_with(CardDeclinedError("no funds"))

    result = runner.run_sync()

    assert result.unused == ("runner.step('chrage')",)
    with pytest.raises(ExecutionFailedError, match=r"never used: runner.step\('chrage'\)"):
        result.assert_succeeded()


def test_a_double_of_a_condition_stands_for_its_check() -> None:
    async def check(state: int) -> int:
        raise AssertionError(state)

    async def handler(event: Any, context: DurableContext) -> int:
        strategy = create_wait_strategy(should_continue_polling=lambda state: state < 3)
        return await context.wait_for_condition(
            "ready", check, initial_state=0, wait_strategy=strategy
        )

    runner = DurableTestRunner(handler)
    runner.step("ready").calls(lambda state: state + 1)

    result = runner.run_sync()

    assert result.value == 3
    assert result.operation("ready").attempts == 3


def test_a_step_that_fails_for_good_raises_in_the_workflow() -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        try:
            return await context.step("charge", charge, 1, retry_strategy=RetryPresets.none())
        except StepError as error:
            return str(error.message)

    runner = DurableTestRunner(handler)
    runner.step("charge").fails_with(CardDeclinedError("no funds"))

    assert runner.run_sync().value == "no funds"
