"""Callbacks: an id that is durable before it is handed out, and each kind of answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import (
    CallbackError,
    CallbackFailedError,
    CallbackSubmitterError,
    CallbackTimeoutError,
    DurableContext,
    JsonSerDes,
    RetryDecision,
    RetryPresets,
    ValidationError,
)
from durable_core.lowlevel import ErrorObject, Event, OperationType


async def approval(event: Any, context: DurableContext) -> Any:
    result, callback_id = await context.create_callback("ok", timeout=60, heartbeat_timeout=9.5)
    return [callback_id, await result]


def test_the_id_is_the_services_and_the_answer_is_raw_text(bench: Any) -> None:
    assert bench.invoke(approval).status == "PENDING"
    (update,) = bench.service.requests[0].updates
    assert (update.timeout_seconds, update.heartbeat_timeout_seconds) == (60, 10)
    bench.service.happen("ok", Event.COMPLETE, result='{"raw": 1}')
    assert bench.result(approval) == ["callback-ok", '{"raw": 1}']
    assert bench.service.sent == [["START ok"]]


def test_a_callback_without_options_has_none(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        result, _ = await context.create_callback()
        return await result

    bench.invoke(handler)
    (update,) = bench.service.requests[0].updates
    assert (update.name, update.timeout_seconds, update.heartbeat_timeout_seconds) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize("timeout", [0, -1, 100_000_000])
def test_a_timeout_the_service_does_not_take_is_refused(bench: Any, timeout: int) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.create_callback("c", timeout=timeout)
        return str(raised.value)

    assert bench.result(handler).startswith("timeout ")


def test_a_heartbeat_does_not_wake_the_workflow_with_an_answer(bench: Any) -> None:
    bench.invoke(approval)
    record = bench.service.named("ok")
    bench.service.records[record.id] = record._replace(scheduled_end_ms=None)
    bench.service.unseen.append(record.id)
    assert bench.invoke(approval).status == "PENDING"


def test_a_serdes_reads_the_answer(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        result, _ = await context.create_callback("ok", serdes=JsonSerDes())
        return await result

    bench.invoke(handler)
    bench.service.happen("ok", Event.COMPLETE, result='{"n": 1}')
    assert bench.result(handler) == {"n": 1}


def answered(name: str, trigger: Event, bench: Any, **fields: Any) -> Any:
    """A step body during which the outside answers."""

    async def answer() -> None:
        bench.service.happen(name, trigger, **fields)

    return answer


@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.parametrize(
    ("trigger", "error", "kind"),
    [
        (Event.FAIL, ErrorObject("rejected", "Denied", "by ann"), CallbackFailedError),
        (Event.FAIL, None, CallbackFailedError),
        (Event.TIME_OUT, ErrorObject("late", "Callback.Timeout"), CallbackTimeoutError),
        (Event.TIME_OUT, ErrorObject("mute", "Callback.Heartbeat"), CallbackTimeoutError),
    ],
)
def test_an_answer_that_is_no_success_raises_its_class_live_and_replayed(
    bench: Any,
    trigger: Event,
    error: ErrorObject | None,
    kind: type[CallbackError],
    is_live: bool,  # noqa: FBT001
) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        result, _ = await context.create_callback("ok")
        if is_live:
            await context.step("answer", answered("ok", trigger, bench, error=error))
        with pytest.raises(CallbackError) as raised:
            await result
        caught = raised.value
        seen.append((type(caught), caught.error_type, caught.message, caught.data))
        if isinstance(caught, CallbackTimeoutError):
            assert caught.heartbeat is (caught.error_type == "Callback.Heartbeat")
        await context.wait(1)

    if not is_live:
        bench.invoke(handler)
        bench.service.happen("ok", trigger, error=error)
    bench.result(handler)
    expected = error or ErrorObject()
    assert seen == [(kind, expected.type, expected.message, expected.data)] * 2


def test_two_are_created_before_either_is_awaited(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        first, second = context.create_callback("a"), context.create_callback("b")
        (a, a_id), (b, b_id) = await first, await second
        return [a_id, b_id, *await asyncio.gather(a, b)]

    bench.invoke(handler)
    assert bench.service.sent == [["START a", "START b"]]
    bench.service.happen("b", Event.COMPLETE, result="B")
    assert bench.invoke(handler).status == "PENDING"
    bench.service.happen("a", Event.COMPLETE, result="A")
    assert bench.result(handler) == ["callback-a", "callback-b", "A", "B"]


def test_an_answer_that_comes_with_the_creation_follows_it(bench: Any) -> None:
    """The answer may be there before anybody awaited the id."""
    seen: list[str] = []

    async def handler(event: Any, context: DurableContext) -> Any:
        creation = context.create_callback("ok")
        await context.step("answer", answered_once)
        seen.append(f"created: {creation.done()}")
        result, callback_id = await creation
        return [callback_id, await result]

    async def answered_once() -> None:
        await bench.clock.advance(0)
        bench.clock.ms += 1
        bench.service.happen("ok", Event.COMPLETE, result="quick")

    assert bench.result(handler) == ["callback-ok", "quick"]
    assert seen == ["created: True"]


def test_a_creation_and_its_answer_in_one_report_are_delivered_in_that_order(bench: Any) -> None:
    def at_once(request: Any) -> Any:
        bench.service.apply(request)
        bench.service.tokens -= 1
        bench.service.happen("ok", Event.COMPLETE, result="at once")
        return bench.service.apply(request._replace(updates=()))

    bench.service.script[1] = at_once
    assert bench.result(approval) == ["callback-ok", "at once"]
    assert bench.invocations == 1


def test_a_finished_callback_is_replayed_id_first(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        answer = await approval(event, context)
        await context.wait(1)
        return answer

    bench.invoke(handler)
    bench.service.happen("ok", Event.COMPLETE, result="yes")
    assert bench.result(handler) == ["callback-ok", "yes"]


def test_an_answer_that_nobody_awaits_is_reported(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.create_callback("ok")
        await context.step("answer", answered("ok", Event.COMPLETE, bench, result="x"))

    output = bench.invoke(handler)
    assert (output.status, output.error.type) == ("FAILED", "RuntimeWarning")
    assert output.error.message.startswith("Callback 'ok' was started but never awaited")


def test_a_callback_without_an_id_is_a_fault_of_the_service(bench: Any) -> None:
    def without(request: Any) -> Any:
        answer = bench.service.apply(request)
        return answer._replace(operations=(answer.operations[0]._replace(callback_id=None),))

    bench.service.script[1] = without
    with pytest.raises(AssertionError, match="without its id"):
        bench.invoke(approval)


# wait_for_callback


def test_the_submitter_gets_the_id_and_the_answer_comes_back(bench: Any) -> None:
    told: list[Any] = []

    def submit(callback_id: str, who: str) -> None:
        told.append((callback_id, who))

    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_callback("ask", submit, "ann", timeout=60)

    assert bench.invoke(handler).status == "PENDING"
    assert bench.service.sent == [
        ["START ask", "START ask create callback id"],
        ["START ask submitter", "SUCCEED ask submitter"],
    ]
    ask = bench.service.named("ask")
    assert (ask.type, ask.subtype) == (OperationType.CONTEXT, "WaitForCallback")
    assert bench.service.named("ask submitter").parent_id == ask.id
    bench.service.happen("ask create callback id", Event.COMPLETE, result="fine")
    assert bench.result(handler) == "fine"
    assert told == [("callback-ask create callback id", "ann")]


def test_without_a_name_its_parts_have_none(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_callback(None, lambda callback_id: None)

    bench.invoke(handler)
    assert bench.service.sent == [
        ["START WaitForCallback", "START Callback"],
        ["START Step", "SUCCEED Step"],
    ]


@pytest.mark.parametrize(
    ("trigger", "error", "kind"),
    [
        (Event.FAIL, ErrorObject("rejected", "Denied", "by ann"), CallbackFailedError),
        (Event.FAIL, None, CallbackFailedError),
        (Event.TIME_OUT, ErrorObject("late", "Callback.Timeout"), CallbackTimeoutError),
        (Event.TIME_OUT, ErrorObject("mute", "Callback.Heartbeat"), CallbackTimeoutError),
    ],
)
def test_its_errors_are_the_callbacks_live_and_replayed(
    bench: Any, trigger: Event, error: ErrorObject | None, kind: type[CallbackError]
) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(CallbackError) as raised:
            await context.wait_for_callback("ask", lambda callback_id: None)
        caught = raised.value
        seen.append((type(caught), caught.message, caught.data, caught.operation_name))
        if error is not None:
            assert caught.error_type == error.type
        await context.wait(1)

    bench.invoke(handler)
    bench.service.happen("ask create callback id", trigger, error=error)
    bench.result(handler)
    assert seen[0] == seen[1]
    expected = error or ErrorObject()
    assert seen[0] == (kind, expected.message, expected.data, "ask")


def test_a_submitter_that_fails_for_good_is_told_apart(bench: Any) -> None:
    seen: list[Any] = []
    tries: list[int] = []

    async def submit(callback_id: str) -> None:
        tries.append(len(tries))
        raise LookupError("no mail today")

    def twice(error: Exception, attempt: int) -> RetryDecision:
        return RetryDecision.retry(1) if attempt < 2 else RetryDecision.stop()

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(CallbackSubmitterError) as raised:
            await context.wait_for_callback("ask", submit, retry_strategy=twice)
        caught = raised.value
        assert caught.is_caused_by(LookupError)
        seen.append((caught.error_type, caught.message, caught.data, caught.stack_trace))
        await context.wait(1)

    bench.result(handler)
    assert tries == [0, 1]
    assert seen[0] == seen[1]
    assert seen[0][:3] == ("LookupError", "no mail today", None)
    assert any("no mail today" in line for line in seen[0][3])


def test_a_failed_submitter_that_data_of_the_outside_looks_like(bench: Any) -> None:
    async def submit(callback_id: str) -> None:
        raise LookupError("no mail today")

    async def handler(event: Any, context: DurableContext) -> None:
        await context.wait_for_callback("ask", submit, retry_strategy=RetryPresets.none())

    output = bench.finish(handler)
    assert (output.error.type, output.error.message) == ("LookupError", "no mail today")


def test_wait_for_callback_reads_its_answer_by_its_serdes(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        result = await context.wait_for_callback(
            "ask", lambda callback_id: None, serdes=JsonSerDes()
        )
        await context.wait(1)
        return result

    bench.invoke(handler)
    bench.service.happen("ask create callback id", Event.COMPLETE, result='{"n": 1}')
    assert bench.result(handler) == {"n": 1}
