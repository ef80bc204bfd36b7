"""The answers' bodies (1.3-1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import error_to_wire, operation_to_wire
from durable_testing.model import event_to_wire
from durable_testing.server.wire import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_core.lowlevel import (
        CheckpointResponse,
        ErrorObject,
        Operation,
        StatePage,
    )
    from durable_testing.model import (
        ExecutionDescription,
        ExecutionPage,
        ExecutionSummary,
        HistoryPage,
        PauseDetails,
    )

Wire = dict[str, Any]


def checkpoint_answer(response: CheckpointResponse) -> Wire:
    """`CheckpointDurableExecution`."""
    body: Wire = {"NewExecutionState": _page(response.operations, response.next_marker)}
    if response.checkpoint_token is not None:
        body["CheckpointToken"] = response.checkpoint_token
    return body


def state_answer(page: StatePage) -> Wire:
    """`GetDurableExecutionState`."""
    return _page(page.operations, page.next_marker)


def execution_answer(execution: ExecutionDescription, *, include_data: bool) -> Wire:
    """`GetDurableExecution`."""
    body = {
        "DurableExecutionArn": execution.execution_arn,
        "DurableExecutionName": execution.name,
        "FunctionArn": execution.function_arn,
        "StartTimestamp": seconds(execution.started_at_ms),
        "Status": execution.status.value,
        "Version": execution.version,
        "ExecutionDataIncluded": include_data,
        "DurableConfig": {
            "ExecutionTimeout": execution.execution_timeout_seconds,
            "RetentionPeriodInDays": execution.retention_days,
        },
    }
    optional = {
        "EndTimestamp": _seconds_or_none(execution.ended_at_ms),
        "ExpectedExecutionTimeoutTimestamp": _seconds_or_none(execution.expected_timeout_at_ms),
        "TraceHeader": execution.trace_header and {"XAmznTraceId": execution.trace_header},
        "PauseDetails": execution.pause and _pause(execution.pause, include_data=include_data),
    }
    if include_data:
        optional |= {
            "InputPayload": execution.input_payload,
            "Result": execution.result,
            "Error": None if execution.error is None else error_to_wire(execution.error),
        }
    return body | {key: value for key, value in optional.items() if value is not None}


def history_answer(page: HistoryPage, *, include_data: bool) -> Wire:
    """`GetDurableExecutionHistory`."""
    events = [event_to_wire(event, include_data=include_data) for event in page.events]
    return _marked({"Events": events}, page.next_marker)


def list_answer(page: ExecutionPage) -> Wire:
    """`ListDurableExecutionsByFunction`."""
    return _marked(
        {"DurableExecutions": [_summary(each) for each in page.executions]}, page.next_marker
    )


def function_error(error: ErrorObject | None) -> Wire:
    """Return the body of an invoke whose function failed (1.10)."""
    if error is None:
        return {}
    body: Wire = {"errorMessage": error.message, "errorType": error.type}
    if error.stack_trace is not None:
        body["stackTrace"] = list(error.stack_trace)
    return {key: value for key, value in body.items() if value is not None}


def _page(operations: Iterable[Operation], next_marker: str | None) -> Wire:
    wire = [operation_to_wire(operation, in_event=False) for operation in operations]
    return _marked({"Operations": wire}, next_marker)


def _marked(body: Wire, next_marker: str | None) -> Wire:
    return body if next_marker is None else {**body, "NextMarker": next_marker}


def _seconds_or_none(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else seconds(milliseconds)


def _pause(pause: PauseDetails, *, include_data: bool) -> Wire:
    body: Wire = {
        "PauseRequestTimestamp": seconds(pause.requested_at_ms),
        "ExecutionTimeoutPaused": pause.is_timeout_paused,
    }
    if include_data and pause.reason is not None:
        body["Reason"] = pause.reason
    return body


def _summary(execution: ExecutionSummary) -> Wire:
    body: Wire = {
        "DurableExecutionArn": execution.execution_arn,
        "DurableExecutionName": execution.name,
        "FunctionArn": execution.function_arn,
        "Status": execution.status.value,
        "StartTimestamp": seconds(execution.started_at_ms),
    }
    if execution.ended_at_ms is not None:
        body["EndTimestamp"] = seconds(execution.ended_at_ms)
    return body
