"""Chained invokes: what is sent, and each way they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import (
    DurableContext,
    InvokeError,
    PassThroughSerDes,
    SerDesError,
    ValidationError,
)
from durable_core.lowlevel import ErrorObject, Event, Instrumentation, OperationStatus


def test_a_payload_goes_out_as_json_and_a_result_comes_back(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.invoke("charge", "charge-fn:live", {"n": 1}, tenant_id="t-1")

    assert bench.invoke(handler).status == "PENDING"
    (update,) = bench.service.requests[0].updates
    assert (update.type, update.subtype) == ("CHAINED_INVOKE", "ChainedInvoke")
    assert (update.name, update.function_name, update.payload) == (
        "charge",
        "charge-fn:live",
        '{"n":1}',
    )
    assert (update.tenant_id, update.trace_header) == ("t-1", None)
    bench.service.happen("charge", Event.COMPLETE, result='{"paid":true}')
    assert bench.result(handler) == {"paid": True}
    assert bench.service.sent == [["START charge"]]


@pytest.mark.parametrize("result", [None, ""])
def test_no_result_is_none(bench: Any, result: str | None) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return [await context.invoke("i", "f", 1)]

    bench.invoke(handler)
    bench.service.happen("i", Event.COMPLETE, result=result)
    assert bench.result(handler) == [None]


@pytest.mark.parametrize(
    ("trigger", "error", "shown"),
    [
        (Event.FAIL, ErrorObject("no money", "PaymentError", "d", ("a",)), "PaymentError"),
        (Event.TIME_OUT, ErrorObject("timed out", "Function.TimedOut"), "Function.TimedOut"),
        (Event.STOP, ErrorObject("stopped"), None),
        (Event.FAIL, None, None),
    ],
)
def test_a_function_that_does_not_succeed_raises_what_was_recorded(
    bench: Any, trigger: Event, error: ErrorObject | None, shown: str | None
) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(InvokeError) as raised:
            await context.invoke("i", "f", 1)
        caught = raised.value
        seen.append((caught.error_type, caught.message, caught.data, caught.stack_trace))
        assert caught.operation_name == "i"
        await context.wait(1)

    bench.invoke(handler)
    bench.service.happen("i", trigger, error=error)
    bench.result(handler)
    assert seen[0] == seen[1]
    assert seen[0][0] == shown
    assert seen[0][1:] == ((error.message, error.data, error.stack_trace) if error else (None,) * 3)


def test_a_function_that_cannot_be_resolved_fails_in_the_answer(bench: Any) -> None:
    def unresolved(request: Any) -> Any:
        answer = bench.service.apply(request)
        record = answer.operations[0]._replace(
            status=OperationStatus.FAILED,
            ended_at_ms=bench.clock.ms,
            error=ErrorObject("Function not found", "ResourceNotFoundException"),
        )
        bench.service.records[record.id] = record
        return answer._replace(operations=(record,))

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(InvokeError) as raised:
            await context.invoke("i", "f")
        return str(raised.value)

    bench.service.script[1] = unresolved
    assert bench.result(handler) == "ResourceNotFoundException: Function not found"
    assert bench.invocations == 1


@pytest.mark.parametrize(
    ("args", "name", "payload"),
    [
        (("f",), None, "null"),
        (("n", "f"), "n", "null"),
        ((None, "f"), None, "null"),
        (("f", 7), None, "7"),
        (("n", "f", "text"), "n", '"text"'),
        ((None, "f", "text"), None, '"text"'),
        (("n", "f", None), "n", "null"),
    ],
)
def test_name_function_and_payload_are_told_apart(
    bench: Any, args: Any, name: str | None, payload: str
) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.invoke(*args)

    bench.invoke(handler)
    (update,) = bench.service.requests[0].updates
    assert (update.name, update.function_name, update.payload) == (name, "f", payload)


@pytest.mark.parametrize(
    ("args", "options", "part"),
    [
        ((), {}, "invoke() takes"),
        ((1,), {}, "invoke() takes"),
        (("n", 1, 2), {}, "invoke() takes"),
        (("not a function", 1), {}, "needs a function's name"),
        (("f", 1), {"tenant_id": "#"}, "tenant_id must be"),
        (("n\n", "f", 1), {}, "printable ASCII"),
        (("f", ["x" * 1_048_576]), {}, "takes 1,048,580 bytes"),
        (("n", "f", ["x" * 1_048_576]), {}, "the payload of invoke 'n'"),
    ],
)
def test_any_other_call_is_refused(bench: Any, args: Any, options: Any, part: str) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.invoke(*args, **options)
        return str(raised.value)

    assert part in bench.result(handler)
    assert bench.service.requests == []


def test_a_payload_that_json_does_not_carry_is_refused(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(SerDesError) as raised:
            context.invoke("n", "f", {1: 2})
        return str(raised.value)

    assert "payload" in bench.result(handler)


def test_payload_and_result_may_have_a_serdes_each(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        text = PassThroughSerDes()
        return await context.invoke("i", "f", "<x/>", payload_serdes=text, result_serdes=text)

    bench.invoke(handler)
    assert bench.service.requests[0].updates[0].payload == "<x/>"
    bench.service.happen("i", Event.COMPLETE, result="<y/>")
    assert bench.result(handler) == "<y/>"


def test_two_run_at_once_and_the_first_to_end_is_seen_first(bench: Any) -> None:
    order: list[str] = []

    async def call(context: DurableContext, name: str) -> None:
        await context.invoke(name, "f")
        order.append(name)

    async def handler(event: Any, context: DurableContext) -> list[str]:
        order.clear()
        await asyncio.gather(call(context, "a"), call(context, "b"))
        return order

    bench.invoke(handler)
    assert bench.service.sent == [["START a", "START b"]]
    bench.clock.ms += 5
    bench.service.happen("b", Event.COMPLETE)
    bench.clock.ms += 5
    bench.service.happen("a", Event.COMPLETE)
    assert bench.result(handler) == ["b", "a"]


def test_a_plugin_may_send_a_trace_header_along(bench: Any) -> None:
    class Traces(Instrumentation):
        def propagate(self, operation: Any, carrier: Any, /) -> None:
            assert (operation.name, operation.is_replayed) == ("i", False)
            carrier["X-Amzn-Trace-Id"] = "Root=1-2"

    async def handler(event: Any, context: DurableContext) -> None:
        await context.invoke("i", "f")

    bench.plugins = [Traces()]
    bench.invoke(handler)
    assert bench.service.requests[0].updates[0].trace_header == "Root=1-2"
