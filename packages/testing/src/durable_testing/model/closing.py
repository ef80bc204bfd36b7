"""How an execution ends, and what else that ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import ErrorObject, OperationStatus
from durable_testing.model.config import DAY_MS
from durable_testing.model.effects import ExecutionClosed
from durable_testing.model.history import NO_DETAILS, Details, EventType, carried, carried_error
from durable_testing.model.lifecycle import ExecutionTrigger, next_execution_status

if TYPE_CHECKING:
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState

CLOSING_EVENT: dict[ExecutionTrigger, EventType] = {
    ExecutionTrigger.SUCCEED: EventType.EXECUTION_SUCCEEDED,
    ExecutionTrigger.FAIL: EventType.EXECUTION_FAILED,
    ExecutionTrigger.TIME_OUT: EventType.EXECUTION_TIMED_OUT,
    ExecutionTrigger.STOP: EventType.EXECUTION_STOPPED,
}


def close(
    state: ServiceState,
    execution: Execution,
    trigger: ExecutionTrigger,
    stamp_ms: int,
    *,
    result: str | None = None,
    error: ErrorObject | None = None,
) -> None:
    """Close an execution: its last event, no more timers, no more tokens."""
    execution.status = next_execution_status(execution.status, trigger)
    execution.ended_at_ms = stamp_ms
    execution.result = result
    execution.error = error
    record = execution.records[execution.id]
    status = OperationStatus(execution.status.value)
    execution.put(record._replace(status=status, ended_at_ms=stamp_ms))
    del execution.unseen[execution.id]
    execution.append(CLOSING_EVENT[trigger], stamp_ms, record, _details(trigger, result, error))
    execution.token = None
    execution.replayable = None
    execution.is_invocation_due = False
    execution.retry_at_ms = None
    execution.timeout_at_ms = None
    execution.timers.clear()
    state.expire(execution, stamp_ms + execution.retention_days * DAY_MS)
    state.mark(execution)
    state.effects.append(ExecutionClosed(execution.arn, execution.status))
    if execution.parent_arn is not None:
        state.closed_children.append(execution)


def _details(trigger: ExecutionTrigger, result: str | None, error: ErrorObject | None) -> Details:
    if trigger is ExecutionTrigger.SUCCEED:
        return {"Result": carried(result)}
    # AWS's ExecutionTimedOut has no error, whatever the execution says (service 2.4).
    return NO_DETAILS if trigger is ExecutionTrigger.TIME_OUT else {"Error": carried_error(error)}
