"""What a runner and its scripts refuse at the call, and scripts that never came into play."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from durable_core import CallbackTimeoutError, DurableContext
from durable_testing import DurableTestRunner, Fault, OpenedCallback


async def ask(callback_id: str) -> None: ...


async def approving(event: Any, context: DurableContext) -> str:
    try:
        return await context.wait_for_callback("approve", ask, timeout=60)
    except CallbackTimeoutError:
        return "timed out"


async def stepping(event: Any, context: DurableContext) -> None:
    await context.step("ask", ask, "x")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"callbacks": {"a": 1}}, "callback 'a': give a function of the callback.*found 1"),
    ({"replay_check": "all"}, "replay_check must be True, False or 'every'; found 'all'"),
    ({"replay_check": 1}, "replay_check must be"),
    ({"state_page_size": 0}, "state_page_size must be a whole number, at least 1"),
    ({"state_page_size": "2"}, "state_page_size must be"),
    ({"seed": "x"}, "seed must be a whole number; found 'x'"),
    ({"faults": [1]}, "faults must be made by Fault.crash.*found 1"),
    ({"clock": 5}, "clock must be a VirtualClock"),
    ({"timeout": 0}, "timeout must be a timedelta or a number of seconds, more than 0; found 0"),
    ({"timeout": "5"}, "timeout must be a timedelta"),
    ({"execution_timeout": timedelta(seconds=-1)}, "execution_timeout must be"),
    ({"execution_timeout": float("inf")}, "execution_timeout must be"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_an_option_that_is_none_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DurableTestRunner(stepping, **options)


def test_timeouts_are_numbers_of_seconds_too() -> None:
    async def waiting(event: Any, context: DurableContext) -> None:
        await context.wait("long", 600)

    runner = DurableTestRunner(waiting, timeout=5, execution_timeout=90)

    result = runner.run_sync()

    assert result.status == "TIMED_OUT"
    assert result.virtual_duration == timedelta(seconds=90)


def test_a_callback_is_answered_after_a_number_of_seconds() -> None:
    runner = DurableTestRunner(approving)
    runner.callback("approve").succeeds_with("yes", after=5)
    by_function = DurableTestRunner(
        approving, callbacks={"approve": lambda callback: callback.succeed("yes", after=5.5)}
    )

    assert runner.run_sync().value == "yes"
    assert round(runner.run_sync().virtual_duration.total_seconds(), 1) == 5
    assert by_function.run_sync().value == "yes"
    assert round(by_function.run_sync().virtual_duration.total_seconds(), 1) == 5.5


@pytest.mark.parametrize("after", [-5, timedelta(seconds=-5), "5", float("nan"), True, None])
def test_an_answer_before_its_callback_is_refused_at_the_call(after: Any) -> None:
    script = DurableTestRunner(approving).callback("approve")
    refusal = "after must be a timedelta or a number of seconds, 0 or more; found"

    with pytest.raises(ValueError, match=refusal):
        script.succeeds_with("yes", after=after)
    with pytest.raises(ValueError, match=refusal):
        script.fails_with("no", after=after)
    with pytest.raises(ValueError, match="every must be"):
        script.heartbeats(every=after, times=2)


def test_an_answer_before_its_callback_ends_the_run_of_the_function_that_gives_it() -> None:
    def answer(callback: OpenedCallback) -> None:
        callback.succeed("yes", after=-5)

    with pytest.raises(ValueError, match=r"after must be a timedelta.*found -5"):
        DurableTestRunner(approving, callbacks={"approve": answer}).run_sync()


def test_time_is_not_advanced_backwards() -> None:
    async def back() -> None:
        async with DurableTestRunner(approving).start() as run:
            await run.advance(-1)

    with pytest.raises(ValueError, match=r"the time to advance by must be.*found -1"):
        asyncio.run(back())


def test_a_second_script_of_a_callback_is_refused() -> None:
    runner = DurableTestRunner(approving)
    runner.callback("approve").succeeds_with("yes")
    given = DurableTestRunner(approving, callbacks={"approve": lambda callback: callback.succeed()})

    for each in (runner, given):
        with pytest.raises(ValueError, match=r"'approve' is already answered.*in a chain"):
            each.callback("approve").times_out()


def test_an_answer_for_which_there_was_no_callback_is_named() -> None:
    runner = DurableTestRunner(approving)
    runner.callback("approve").succeeds_with("yes").times_out().succeeds_with("no")

    result = runner.run_sync()

    assert result.value == "yes"
    assert result.unused == (
        "runner.callback('approve'), answer 2",
        "runner.callback('approve'), answer 3",
    )


def test_a_fault_that_did_not_happen_is_named() -> None:
    faults = [Fault.crash(before_checkpoint=99), Fault.crash(after_checkpoint=1)]

    result = DurableTestRunner(stepping, faults=faults).run_sync()

    assert result.unused == ("fault: crash before checkpoint 99",)


def test_faults_are_told_apart_whatever_their_errors_say_of_equality() -> None:
    class AlikeError(Exception):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    faults = [
        Fault.invocation_error(AlikeError()),
        Fault.invocation_error(AlikeError(), invocation=9),
    ]

    result = DurableTestRunner(stepping, faults=faults).run_sync()

    assert result.unused == ("fault: invocation error invocation 9",)


@pytest.mark.parametrize("wrong", ["boom", 1, int, None])
def test_a_double_fails_with_exceptions_only(wrong: Any) -> None:
    runner = DurableTestRunner(stepping)

    with pytest.raises(ValueError, match="'ask' can only fail with an exception"):
        runner.step("ask").fails_with(wrong)


def test_a_double_calls_only_what_can_be_called() -> None:
    wrong: Any = 5
    runner = DurableTestRunner(stepping)

    with pytest.raises(ValueError, match="'ask' is to call something that can be called; found 5"):
        runner.step("ask").calls(wrong)
