"""The operations on executions and callbacks (service 1.3-1.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import CheckpointRequest
from durable_testing.model import HistoryQuery, ListQuery
from durable_testing.server.answers import (
    checkpoint_answer,
    execution_answer,
    history_answer,
    list_answer,
    state_answer,
)
from durable_testing.server.calls import (
    Answer,
    Call,
    callback_id,
    execution_arn,
    local_execution_arn,
)
from durable_testing.server.schemas import (
    CheckpointBody,
    ErrorShape,
    FunctionPath,
    GetParameters,
    HistoryParameters,
    ListParameters,
    PauseBody,
    ResumeBody,
    StateParameters,
)
from durable_testing.server.violations import read_body, read_parameters
from durable_testing.server.wire import seconds
from durable_testing.store.outside import OutsideRequest, RequestKind

if TYPE_CHECKING:
    from durable_core.lowlevel import ErrorObject


async def checkpoint(call: Call) -> Answer:
    """`CheckpointDurableExecution`."""
    arn = execution_arn(call)
    body = read_body(CheckpointBody, call.body)
    updates = tuple(update.record() for update in body.updates or ())
    request = CheckpointRequest(arn, body.checkpoint_token, updates, body.client_token or "")
    response = await call.backend.apply(lambda model, now: model.checkpoint(request, now))
    return Answer(checkpoint_answer(response))


async def get_state(call: Call) -> Answer:
    """`GetDurableExecutionState`."""
    arn = execution_arn(call)
    query = read_parameters(StateParameters, call.query)
    page = await call.backend.apply(
        lambda model, now: model.get_state(
            arn, query.checkpoint_token, now, marker=query.marker, max_items=query.max_items
        )
    )
    return Answer(state_answer(page))


async def get_execution(call: Call) -> Answer:
    """`GetDurableExecution`."""
    arn = local_execution_arn(call)
    query = read_parameters(GetParameters, call.query)
    description = await call.backend.apply(lambda model, _: model.get_execution(arn))
    return Answer(execution_answer(description, include_data=query.include_execution_data))


async def get_history(call: Call) -> Answer:
    """`GetDurableExecutionHistory`."""
    arn = local_execution_arn(call)
    query = read_parameters(HistoryParameters, call.query)
    page = await call.backend.apply(
        lambda model, _: model.get_history(
            arn, HistoryQuery(query.reverse_order, query.marker, query.max_items)
        )
    )
    return Answer(history_answer(page, include_data=query.include_execution_data))


async def list_executions(call: Call) -> Answer:
    """`ListDurableExecutionsByFunction`."""
    function = read_parameters(FunctionPath, {"FunctionName": call.label}).function_name
    query = read_parameters(ListParameters, call.query)
    filters = ListQuery(
        query.qualifier,
        query.durable_execution_name,
        tuple(query.statuses or ()),
        query.started_after,
        query.started_before,
        query.reverse_order,
        query.marker,
        query.max_items,
    )
    page = await call.backend.apply(lambda model, _: model.list_executions(function, filters))
    return Answer(list_answer(page))


async def stop(call: Call) -> Answer:
    """`StopDurableExecution`."""
    arn = local_execution_arn(call)
    request = OutsideRequest(RequestKind.STOP, arn, error=_error(call))
    return Answer({"StopTimestamp": _seconds(await call.backend.deliver(request))})


async def pause(call: Call) -> Answer:
    """`PauseDurableExecution`."""
    arn = local_execution_arn(call)
    body = read_body(PauseBody, call.body)
    await call.backend.deliver(
        OutsideRequest(
            RequestKind.PAUSE,
            arn,
            reason=body.reason,
            is_timeout_paused=body.execution_timeout_paused is not False,
            client_token=body.client_token,
        )
    )
    return Answer({}, 202)


async def resume(call: Call) -> Answer:
    """`ResumeDurableExecution`."""
    arn = local_execution_arn(call)
    body = read_body(ResumeBody, call.body)
    await call.backend.deliver(
        OutsideRequest(RequestKind.RESUME, arn, reason=body.reason, client_token=body.client_token)
    )
    return Answer({}, 202)


async def delete(call: Call) -> Answer:
    """`DeleteDurableExecution`."""
    arn = local_execution_arn(call)
    asked_at_ms = await call.backend.deliver(OutsideRequest(RequestKind.DELETE, arn))
    return Answer({"DeletionRequestTimestamp": _seconds(asked_at_ms)}, 202)


async def succeed_callback(call: Call) -> Answer:
    """`SendDurableExecutionCallbackSuccess`; the body is the result as it is."""
    callback = callback_id(call)
    try:
        result = call.body.decode() or None
    except UnicodeDecodeError:
        # Refused, but first things first: the callback may be unknown, or the body too long.
        await call.backend.apply(
            lambda model, now: model.callback_succeed(callback, call.body, now)
        )
    else:
        request = OutsideRequest(RequestKind.CALLBACK_SUCCEED, callback, result=result)
        await call.backend.deliver(request)
    return Answer({})


async def fail_callback(call: Call) -> Answer:
    """`SendDurableExecutionCallbackFailure`."""
    callback = callback_id(call)
    request = OutsideRequest(RequestKind.CALLBACK_FAIL, callback, error=_error(call))
    await call.backend.deliver(request)
    return Answer({})


async def heartbeat_callback(call: Call) -> Answer:
    """`SendDurableExecutionCallbackHeartbeat`."""
    await call.backend.deliver(OutsideRequest(RequestKind.CALLBACK_HEARTBEAT, callback_id(call)))
    return Answer({})


def _error(call: Call) -> ErrorObject:
    return read_body(ErrorShape, call.body).record()


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else seconds(milliseconds)
