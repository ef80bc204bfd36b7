"""How operations change that already exist, and the events that say so (service 10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import (
    ErrorObject,
    Operation,
    OperationStatus,
    OperationType,
    Trigger,
    next_status,
)
from durable_testing.model.history import NO_DETAILS, Details, EventType, carried, carried_error

if TYPE_CHECKING:
    from durable_testing.model.execution import Execution

EVENT_OF: dict[tuple[OperationType, OperationStatus], EventType] = {
    (OperationType.CONTEXT, OperationStatus.STARTED): EventType.CONTEXT_STARTED,
    (OperationType.CONTEXT, OperationStatus.SUCCEEDED): EventType.CONTEXT_SUCCEEDED,
    (OperationType.CONTEXT, OperationStatus.FAILED): EventType.CONTEXT_FAILED,
    (OperationType.STEP, OperationStatus.STARTED): EventType.STEP_STARTED,
    (OperationType.STEP, OperationStatus.SUCCEEDED): EventType.STEP_SUCCEEDED,
    (OperationType.STEP, OperationStatus.FAILED): EventType.STEP_FAILED,
    (OperationType.WAIT, OperationStatus.STARTED): EventType.WAIT_STARTED,
    (OperationType.WAIT, OperationStatus.SUCCEEDED): EventType.WAIT_SUCCEEDED,
    (OperationType.WAIT, OperationStatus.CANCELLED): EventType.WAIT_CANCELLED,
    (OperationType.CALLBACK, OperationStatus.STARTED): EventType.CALLBACK_STARTED,
    (OperationType.CALLBACK, OperationStatus.SUCCEEDED): EventType.CALLBACK_SUCCEEDED,
    (OperationType.CALLBACK, OperationStatus.FAILED): EventType.CALLBACK_FAILED,
    (OperationType.CALLBACK, OperationStatus.TIMED_OUT): EventType.CALLBACK_TIMED_OUT,
    (OperationType.CHAINED_INVOKE, OperationStatus.STARTED): EventType.CHAINED_INVOKE_STARTED,
    (OperationType.CHAINED_INVOKE, OperationStatus.SUCCEEDED): EventType.CHAINED_INVOKE_SUCCEEDED,
    (OperationType.CHAINED_INVOKE, OperationStatus.FAILED): EventType.CHAINED_INVOKE_FAILED,
    (OperationType.CHAINED_INVOKE, OperationStatus.TIMED_OUT): EventType.CHAINED_INVOKE_TIMED_OUT,
    (OperationType.CHAINED_INVOKE, OperationStatus.STOPPED): EventType.CHAINED_INVOKE_STOPPED,
}


def outcome_details(operation: Operation) -> Details:
    """Return the details of an event that ends an operation."""
    if operation.type is OperationType.WAIT:
        return _wait_details(operation)
    if operation.status is OperationStatus.SUCCEEDED:
        return {"Result": carried(operation.result)}
    return {"Error": carried_error(operation.error)}


def _wait_details(operation: Operation) -> Details:
    due_ms = operation.scheduled_end_ms
    if operation.status is not OperationStatus.SUCCEEDED or due_ms is None:
        return NO_DETAILS
    return {"Duration": (due_ms - operation.started_at_ms) // 1000}


def settle_operation(
    execution: Execution,
    operation: Operation,
    trigger: Trigger,
    at_ms: int,
    *,
    result: str | None = None,
    error: ErrorObject | None = None,
) -> None:
    """End an open wait, callback or chained invoke."""
    status = next_status(operation.type, operation.status, trigger)
    stamp = execution.stamp(at_ms)
    ended = operation._replace(status=status, ended_at_ms=stamp, result=result, error=error)
    execution.put(ended)
    execution.append(EVENT_OF[ended.type, status], stamp, ended, outcome_details(ended))
    execution.callbacks.pop(ended.id, None)
    execution.dispatches.pop(ended.id, None)
