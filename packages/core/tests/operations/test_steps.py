"""Steps: one result, kept; attempts, retries, interruptions."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from durable_core import (
    ChildContextError,
    ContextScopeError,
    DurableContext,
    JitterStrategy,
    JsonSerDes,
    RetryDecision,
    RetryPresets,
    SerDesError,
    StepError,
    StepInterruptedError,
    StepSemantics,
    ValidationError,
    create_retry_strategy,
    current_step,
)
from durable_core.lowlevel import MAX_PAYLOAD_BYTES, CheckpointResponse, OperationStatus

ONCE = StepSemantics.AT_MOST_ONCE_PER_RETRY


class Calls:
    """Counts calls and fails the first few."""

    def __init__(self, failures: int = 0, error: type[Exception] = ValueError) -> None:
        self.attempts: list[int] = []
        self.failures = failures
        self.error = error

    async def __call__(self, *args: Any) -> Any:
        self.attempts.append(current_step().attempt)
        if len(self.attempts) <= self.failures:
            raise self.error(f"failure {len(self.attempts)}")
        return args[0] if args else "done"


def every(seconds: float) -> Any:
    return lambda error, attempt: RetryDecision.retry(seconds)


def test_a_result_is_kept_and_the_body_is_not_run_again(bench: Any) -> None:
    body = Calls()

    async def handler(event: Any, context: DurableContext) -> Any:
        result = await context.step("s", body, {"n": 1})
        await context.wait(1)
        return result

    assert bench.result(handler) == {"n": 1}
    assert body.attempts == [1]
    assert bench.invocations == 2
    assert bench.service.sent == [["START s", "SUCCEED s"], ["START Wait"]]
    assert bench.service.named("s").result == '{"n":1}'


def test_the_value_is_the_decoded_one_live_as_replayed(bench: Any) -> None:
    shared = {"list": [1]}
    seen: list[Any] = []

    async def body() -> dict[str, Any]:
        return shared

    async def handler(event: Any, context: DurableContext) -> None:
        value = await context.step("s", body)
        seen.append((value == {"list": [1]}, value is shared))
        await context.wait(1)

    bench.result(handler)
    assert seen == [(True, False), (True, False)]


def test_retries_carry_the_error_and_the_delay_and_count_attempts(bench: Any) -> None:
    body = Calls(failures=2)

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", body, retry_strategy=every(6.5))

    assert bench.invoke(handler).status == "PENDING"
    first = bench.service.named("s")
    assert (first.status, first.attempt) == (OperationStatus.PENDING, 1)
    assert first.next_attempt_at_ms == bench.clock.ms + 7000
    assert first.error.message == "failure 1"
    assert bench.result(handler) == "done"
    assert body.attempts == [1, 2, 3]
    assert bench.service.sent == [
        ["START s", "RETRY s"],
        ["START s", "RETRY s"],
        ["START s", "SUCCEED s"],
    ]
    assert bench.service.named("s").attempt == 3


def test_the_jitter_is_drawn_by_the_host_and_recorded(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        strategy = create_retry_strategy(initial_delay=40, jitter=JitterStrategy.FULL)
        return await context.step("s", Calls(failures=9), retry_strategy=strategy)

    bench.environment["random"] = lambda: 0.25
    bench.invoke(handler)
    assert bench.service.named("s").next_attempt_at_ms == bench.clock.ms + 10_000


def test_a_step_unasked_is_tried_six_times(bench: Any) -> None:
    body = Calls(failures=99)

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", body)

    assert bench.finish(handler).error.message == "failure 6"
    assert body.attempts == [1, 2, 3, 4, 5, 6]


def test_a_strategy_that_stops_makes_the_error_final(bench: Any) -> None:
    asked: list[Any] = []

    def strategy(error: Exception, attempt: int) -> RetryDecision:
        asked.append((str(error), attempt))
        return RetryDecision.stop()

    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(StepError) as raised:
            await context.step("s", Calls(failures=1), retry_strategy=strategy)
        error = raised.value
        assert error.is_caused_by(ValueError)
        return [error.message, error.error_type, error.operation_name, str(error)]

    assert bench.result(handler) == ["failure 1", "ValueError", "s", "ValueError: failure 1"]
    assert asked == [("failure 1", 1)]
    assert bench.service.sent == [["START s", "FAIL s"]]


def test_a_strategy_that_raises_ends_the_step_with_its_own_error(bench: Any) -> None:
    def strategy(error: Exception, attempt: int) -> RetryDecision:
        raise LookupError("no such tier")

    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(StepError) as raised:
            await context.step("s", Calls(failures=1), retry_strategy=strategy)
        return [raised.value.error_type, raised.value.message]

    assert bench.result(handler) == ["LookupError", "no such tier"]


@pytest.mark.parametrize("error", [SerDesError, ContextScopeError, ValidationError])
def test_what_no_attempt_can_mend_is_not_retried_and_comes_back_as_itself(
    bench: Any, error: type[Exception]
) -> None:
    body = Calls(failures=1, error=error)
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(error) as raised:
            await context.step("s", body, retry_strategy=every(1))
        seen.append((type(raised.value), str(raised.value)))
        await context.wait(1)

    bench.result(handler)
    assert body.attempts == [1]
    assert seen == [(error, "failure 1")] * 2


def test_a_value_that_cannot_be_written_fails_at_once(bench: Any) -> None:
    body = Calls()

    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(SerDesError) as raised:
            await context.step("s", body, object())
        return str(raised.value)

    assert "object" in bench.result(handler)
    assert body.attempts == [1]


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_a_result_over_256_kilobytes_is_refused_with_the_remedy(bench: Any, letter: str) -> None:
    most = (MAX_PAYLOAD_BYTES - 2) // len(letter.encode())

    async def handler(event: Any, context: DurableContext) -> Any:
        fits = await context.step("fits", Calls(), letter * most)
        with pytest.raises(SerDesError) as raised:
            await context.step("large", Calls(), letter * (most + 1))
        with pytest.raises(SerDesError, match=r"of Step '[0-9a-f]{8}' takes"):
            await context.step(Calls(), letter * (most + 1))
        return [len(fits), str(raised.value)]

    length, message = bench.result(handler)
    assert length == most
    assert message.startswith("the result of Step 'large' takes 262,14")
    assert "FileSystemSerDes" in message


def test_a_serdes_of_the_steps_own_is_used_both_ways(bench: Any) -> None:
    class Reversed:
        def serialize(self, value: str, context: Any) -> str:
            return value[::-1]

        def deserialize(self, data: str | None, context: Any) -> str:
            return (data or "")[::-1]

    async def handler(event: Any, context: DurableContext) -> Any:
        result = await context.step("s", Calls(), "abc", serdes=Reversed())
        await context.wait(1)
        return result

    assert bench.result(handler) == "abc"
    assert bench.service.named("s").result == "cba"


def test_a_recorded_result_that_cannot_be_read_is_raised(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        message = ""
        try:
            await context.step("s", Calls(), 1)
        except SerDesError as error:
            message = str(error)
        await context.wait(1)
        return message

    bench.invoke(handler)
    record = bench.service.named("s")
    bench.service.records[record.id] = record._replace(result="{broken")
    assert "'s'" in bench.result(handler)


def test_what_the_service_records_is_what_the_workflow_sees(bench: Any) -> None:
    """A record that differs from what was sent is decoded anew."""

    def amended(request: Any) -> CheckpointResponse:
        answer = bench.service.apply(request)
        record = answer.operations[0]._replace(result='"amended"')
        bench.service.records[record.id] = record
        return answer._replace(operations=(record,))

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", Calls(), "sent", serdes=JsonSerDes())

    bench.service.script[1] = amended
    assert bench.result(handler) == "amended"


# A crash in the middle of an attempt


def started(bench: Any, handler: Any) -> None:
    """Leave a step STARTED, as a process that died in it does."""

    def crash(request: Any) -> Any:
        bench.service.apply(request)
        raise ConnectionResetError

    bench.service.script[len(bench.service.requests) + 1] = crash
    with pytest.raises(ConnectionResetError):
        bench.invoke(handler)


def test_an_attempt_that_was_cut_off_runs_again_without_a_second_start(bench: Any) -> None:
    body = Calls()

    async def slow() -> Any:
        if bench.invocations == 1:
            await bench.clock.advance(0)
            await bench.clock.advance(10)
        return await body()

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", slow)

    started(bench, handler)
    assert bench.service.named("s").status == "STARTED"
    assert bench.result(handler) == "done"
    assert bench.service.sent == [["START s"], ["SUCCEED s"]]
    assert body.attempts[-1] == 1


def test_at_most_once_starts_only_when_its_start_is_durable(bench: Any) -> None:
    seen: list[Any] = []

    async def body() -> str:
        seen.append(bench.service.named("s").status)
        return "ran"

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", body, semantics=ONCE)

    assert bench.result(handler) == "ran"
    assert seen == ["STARTED"]
    assert bench.service.sent == [["START s"], ["SUCCEED s"]]


def test_at_most_once_that_was_cut_off_asks_its_strategy_with_the_interruption(bench: Any) -> None:
    body = Calls()
    asked: list[Any] = []

    def strategy(error: Exception, attempt: int) -> RetryDecision:
        asked.append((type(error), str(error), attempt))
        return RetryDecision.retry(3)

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", body, semantics=ONCE, retry_strategy=strategy)

    started(bench, handler)
    assert body.attempts == []
    assert bench.result(handler) == "done"
    assert asked == [
        (
            StepInterruptedError,
            "step 's' was cut off in attempt 1: whether its effect happened is not known",
            1,
        )
    ]
    assert bench.service.sent == [["START s"], ["RETRY s"], ["START s"], ["SUCCEED s"]]
    assert body.attempts == [2]


@pytest.mark.parametrize("name", ["s", None])
def test_at_most_once_and_never_retried_ends_with_the_interruption(
    bench: Any, name: str | None
) -> None:
    body = Calls()
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(StepInterruptedError) as raised:
            await context.step(name, body, semantics=ONCE, retry_strategy=RetryPresets.none())
        seen.append((raised.value.message, raised.value.error_type))
        await context.wait(1)

    started(bench, handler)
    bench.result(handler)
    assert body.attempts == []
    assert seen[0] == seen[1]
    assert seen[0][1] == "durable_core.StepInterruptedError"
    label = "'s'" if name else bench.service.requests[0].updates[0].id[:8]
    assert seen[0][0].startswith(f"step {label} was cut off in attempt 1")


def test_at_most_once_is_dropped_before_its_start_is_durable_and_never_runs(bench: Any) -> None:
    body = Calls()

    async def group(context: DurableContext) -> None:
        once = context.step("once", body, semantics=ONCE)
        failing = context.run_in_child_context("fails", fails)
        await asyncio.gather(failing, once)

    async def fails(context: DurableContext) -> None:
        raise ValueError

    async def handler(event: Any, context: DurableContext) -> str:
        try:
            await context.run_in_child_context("group", group)
        except ChildContextError:
            return await context.step("after", Calls(), "went on")

    assert bench.result(handler) == "went on"
    assert body.attempts == []
    assert bench.service.named("once").status == "STARTED"


# Retries while waiting


def test_a_retry_that_is_not_due_keeps_the_execution_waiting(bench: Any) -> None:
    body = Calls(failures=1)

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", body, retry_strategy=every(60))

    assert bench.invoke(handler).status == "PENDING"
    bench.forward(1000)
    assert bench.invoke(handler).status == "PENDING"
    assert body.attempts == [1]
    bench.forward()
    assert json.loads(bench.invoke(handler).result) == "done"
    assert body.attempts == [1, 2]


def test_a_retry_that_lost_a_race_is_not_run(bench: Any) -> None:
    body = Calls(failures=9)

    async def handler(event: Any, context: DurableContext) -> Any:
        flaky = context.step("s", body, retry_strategy=every(5))
        return await context.promise.race([flaky, context.wait("w", 1)], cancel_losers=True)

    assert bench.result(handler) is None
    assert body.attempts == [1]


def test_cancelling_who_awaits_does_not_undo_the_step(bench: Any) -> None:
    body = Calls()
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> Any:
        step = context.step("s", body)
        waiting = asyncio.ensure_future(wait_for(step))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        seen.append(step.cancelled())
        return await step

    async def wait_for(step: Any) -> Any:
        return await step

    assert bench.result(handler) == "done"
    assert seen == [False]


def test_an_interrupted_error_has_a_place_in_the_step_errors() -> None:
    assert issubclass(StepInterruptedError, StepError)
