"""What the driver sends, and what it makes of the service's answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import CheckpointError, DurableContext
from durable_core.lowlevel import (
    CheckpointResponse,
    InvocationOutput,
    InvocationStatus,
    Operation,
    OperationStatus,
    OperationType,
    StatePage,
)

PENDING = InvocationOutput(InvocationStatus.PENDING)


async def one() -> int:
    return 1


def refusal(message: str = "no", *, is_retryable: bool) -> Any:
    def refuse(*_: Any) -> Any:
        raise CheckpointError(message, code="Code", is_retryable=is_retryable)

    return refuse


async def two_steps(event: Any, context: DurableContext) -> list[int]:
    return [await context.step("a", one), await context.step("b", one)]


@pytest.fixture(params=[False, True], ids=["at once", "awaited"])
def either(bench: Any, request: pytest.FixtureRequest) -> Any:
    """A bench whose service answers directly, or with an awaitable."""
    bench.service.is_async = request.param
    return bench


def test_a_step_costs_one_call_and_the_next_has_the_new_token(either: Any) -> None:
    assert either.result(two_steps) == [1, 1]
    assert either.service.sent == [["START a", "SUCCEED a"], ["START b", "SUCCEED b"]]
    assert [request.checkpoint_token for request in either.service.requests] == [
        "token-1",
        "token-2",
    ]


def test_every_call_has_a_client_token_of_its_own(either: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("a", one)
        await context.wait("w", 5)
        await context.step("b", one)

    either.finish(handler)
    tokens = [request.client_token for request in either.service.requests]
    assert len(set(tokens)) == len(tokens) == 3
    assert all(0 < len(token) <= 64 for token in tokens)


# A token that is withheld


def test_an_answer_without_a_token_ends_the_invocation_and_nothing_more_is_sent(
    either: Any,
) -> None:
    seen: list[str] = []

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("a", one)
        seen.append("went on")
        await context.step("b", one)

    def withheld(request: Any) -> CheckpointResponse:
        return either.service.apply(request)._replace(checkpoint_token=None)

    either.service.script[1] = withheld
    assert either.invoke(handler) == PENDING
    assert either.service.sent == [["START a", "SUCCEED a"]]
    assert seen == []
    either.service.script.clear()
    assert either.invoke(handler).status == "SUCCEEDED"
    assert either.service.sent[1:] == [["START b", "SUCCEED b"]]


def test_an_attempt_that_runs_when_the_token_is_withheld_goes_nowhere(bench: Any) -> None:
    seen: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("cancelled")

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(context.step("endless", endless), context.step("a", one))

    bench.service.script[1] = lambda request: CheckpointResponse(None)
    assert bench.invoke(handler) == PENDING
    assert seen == ["cancelled"]
    assert len(bench.service.requests) == 1


# Answers in pages


def test_the_pages_of_an_answer_are_followed_with_the_new_token(either: Any) -> None:
    service = either.service

    def paged(request: Any) -> CheckpointResponse:
        whole = service.apply(request)
        service.pages["m1"] = lambda: StatePage((), "m2")
        service.pages["m2"] = lambda: StatePage(whole.operations)
        return whole._replace(operations=(), next_marker="m1")

    service.script[1] = paged
    assert either.result(two_steps) == [1, 1]
    assert service.loaded == [("token-2", "m1"), ("token-2", "m2")]


def test_the_pages_of_an_answer_without_a_token_cannot_be_read(bench: Any) -> None:
    bench.service.script[1] = lambda request: CheckpointResponse(None, (), "m1")
    assert bench.invoke(two_steps) == PENDING
    assert bench.service.loaded == []


# Refusals


def test_a_retryable_refusal_is_raised_to_the_host(either: Any) -> None:
    either.service.script[1] = refusal(is_retryable=True)
    with pytest.raises(CheckpointError) as raised:
        either.invoke(two_steps)
    assert raised.value.code == "Code"
    assert len(either.service.requests) == 1


def test_a_fatal_refusal_fails_the_execution(either: Any) -> None:
    either.service.script[1] = refusal("too large", is_retryable=False)
    output = either.invoke(two_steps)
    assert (output.status, output.error.type) == ("FAILED", "durable_core.CheckpointError")
    assert output.error.message == "too large"
    assert len(either.service.requests) == 1


@pytest.mark.parametrize("is_retryable", [True, False])
def test_a_page_of_an_answer_may_be_refused_too(either: Any, is_retryable: bool) -> None:  # noqa: FBT001
    service = either.service
    service.script[1] = lambda request: service.apply(request)._replace(next_marker="m")
    service.pages["m"] = refusal(is_retryable=is_retryable)
    if is_retryable:
        with pytest.raises(CheckpointError):
            either.invoke(two_steps)
    else:
        assert either.invoke(two_steps).status == "FAILED"
    assert len(service.requests) == 1


@pytest.mark.parametrize("is_retryable", [True, False])
def test_a_first_page_may_be_refused_too(either: Any, is_retryable: bool) -> None:  # noqa: FBT001
    either.service.pages["m"] = refusal(is_retryable=is_retryable)
    given = either.input()._replace(next_marker="m")
    if is_retryable:
        with pytest.raises(CheckpointError):
            either.invoke(two_steps, given)
    else:
        output = either.invoke(two_steps, given)
        assert (output.status, output.error.type) == ("FAILED", "durable_core.CheckpointError")
    assert either.service.requests == []


def test_what_else_a_service_raises_ends_the_invocation_with_it(either: Any) -> None:
    def broken(request: Any) -> Any:
        raise LookupError("a bug in the store")

    either.service.script[1] = broken
    with pytest.raises(LookupError, match="a bug in the store"):
        either.invoke(two_steps)


def test_an_operation_that_the_answer_does_not_report_is_retryable(either: Any) -> None:
    either.service.script[1] = lambda request: CheckpointResponse("token-1")
    with pytest.raises(CheckpointError) as raised:
        either.invoke(two_steps)
    assert raised.value.is_retryable
    assert str(raised.value).startswith("the service took START of Step 'a' (")


# A timer that had just ended


CANCEL_REFUSED = "Cannot cancel a WAIT that does not exist or has already completed."


async def cancels(event: Any, context: DurableContext) -> str:
    """Cancel a timer that the service knows."""
    async with asyncio.timeout(60):
        await context.step("first", one)
        await context.wait("w", 5)
    await context.step("last", one)
    return "done"


def test_a_cancelled_timer_sends_cancel(either: Any) -> None:
    assert either.result(cancels) == "done"
    assert ["CANCEL Wait", "START last", "SUCCEED last"] in either.service.sent


def test_a_batch_refused_for_its_cancel_is_sent_again_without_it(either: Any) -> None:
    assert either.invoke(cancels) == PENDING
    either.forward()
    number = len(either.service.requests) + 1
    either.service.script[number] = refusal(CANCEL_REFUSED, is_retryable=False)
    assert either.result(cancels) == "done"
    assert either.service.sent[number - 1 :] == [
        ["CANCEL Wait", "START last", "SUCCEED last"],
        ["START last", "SUCCEED last"],
    ]


def test_a_batch_refused_again_without_its_cancel_is_refused(either: Any) -> None:
    either.invoke(cancels)
    either.forward()
    number = len(either.service.requests) + 1
    either.service.script[number] = refusal(CANCEL_REFUSED, is_retryable=False)
    either.service.script[number + 1] = refusal(CANCEL_REFUSED, is_retryable=False)
    output = either.invoke(cancels)
    assert (output.status, output.error.message) == ("FAILED", CANCEL_REFUSED)


def test_a_batch_with_a_cancel_refused_for_another_reason_is_refused(either: Any) -> None:
    either.invoke(cancels)
    either.forward()
    number = len(either.service.requests) + 1
    either.service.script[number] = refusal("Invalid parent operation id.", is_retryable=False)
    assert either.invoke(cancels).error.message == "Invalid parent operation id."


# The state an invocation starts from


def test_a_first_page_may_be_empty_and_the_execution_on_a_later_one(either: Any) -> None:
    whole = either.input()
    either.service.pages["m1"] = lambda: StatePage((), "m2")
    either.service.pages["m2"] = lambda: StatePage(whole.operations)
    output = either.invoke(two_steps, whole._replace(operations=(), next_marker="m1"))
    assert output.result == "[1,1]"
    assert either.service.loaded == [("token-1", "m1"), ("token-1", "m2")]


def test_a_state_without_its_execution_fails(bench: Any) -> None:
    output = bench.invoke(two_steps, bench.input()._replace(operations=()))
    assert output.status == "FAILED"
    assert output.error.type == "durable_core.CheckpointError"
    assert "holds no EXECUTION operation" in output.error.message
    assert bench.service.requests == []


def test_an_empty_input_is_none(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return [event]

    for payload in (None, ""):
        bench.service.execution = Operation(
            "e0",
            OperationType.EXECUTION,
            OperationStatus.STARTED,
            bench.clock.ms,
            input_payload=payload,
        )
        assert bench.invoke(handler).result == "[null]"


def test_an_input_that_cannot_be_read_fails(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return event

    bench.service.execution = bench.service.execution._replace(input_payload="{not json")
    output = bench.invoke(handler)
    assert (output.status, output.error.type) == ("FAILED", "durable_core.SerDesError")


# Results


def test_a_result_over_6_megabytes_goes_through_an_execution_checkpoint(either: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        await context.step("a", one)
        return "x" * (6 * 1024 * 1024 - 20)

    output = either.invoke(handler)
    assert output == InvocationOutput(InvocationStatus.SUCCEEDED, "")
    closed = either.service.closed_with
    assert closed.payload == '"' + "x" * (6 * 1024 * 1024 - 20) + '"'
    assert closed.id == f"execution-result-{either.clock.ms}"
    tokens = [request.client_token for request in either.service.requests]
    assert len(set(tokens)) == 2
    assert either.service.requests[-1].checkpoint_token == "token-2"  # noqa: S105


def test_a_result_just_below_goes_into_the_response(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        return "x" * (6 * 1024 * 1024 - 200)

    output = bench.invoke(handler)
    assert len(output.result) == 6 * 1024 * 1024 - 198
    assert bench.service.requests == []


def test_a_result_is_measured_as_the_response_is_written(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        return '"' * (2 * 1024 * 1024)

    assert bench.invoke(handler) == InvocationOutput(InvocationStatus.SUCCEEDED, "")


@pytest.mark.parametrize("is_retryable", [True, False])
def test_a_large_result_may_be_refused(either: Any, is_retryable: bool) -> None:  # noqa: FBT001
    async def handler(event: Any, context: DurableContext) -> str:
        return "x" * (6 * 1024 * 1024 - 20)

    either.service.script[1] = refusal(is_retryable=is_retryable)
    if is_retryable:
        with pytest.raises(CheckpointError):
            either.invoke(handler)
    else:
        assert either.invoke(handler).status == "FAILED"


def test_a_result_that_cannot_be_written_fails(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return object()

    output = bench.invoke(handler)
    assert (output.status, output.error.type) == ("FAILED", "durable_core.SerDesError")


def test_a_result_of_none_is_null(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        pass

    assert bench.invoke(handler) == InvocationOutput(InvocationStatus.SUCCEEDED, "null")


def test_the_queue_is_drained_before_the_handlers_end_is_told(either: Any) -> None:
    async def child(context: DurableContext) -> int:
        return await context.step("a", one)

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.run_in_child_context("c", child)

    assert either.invoke(handler).result == "1"
    assert either.service.sent == [["START c", "START a", "SUCCEED a"], ["SUCCEED c"]]
