"""Stop, pause, resume and delete (service 1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from durable_core.lowlevel import ErrorObject, ExecutionStatus
from durable_testing.model.closing import close
from durable_testing.model.config import DAY_MS, MAX_EXECUTION_DAYS
from durable_testing.model.history import EventType, carried
from durable_testing.model.lifecycle import ExecutionTrigger, next_execution_status, refusal
from durable_testing.model.shapes import check_error_text, check_text
from durable_testing.model.timers import fire

if TYPE_CHECKING:
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState

STOPPED: Final = ErrorObject("Execution stopped by user request")
"""The error of an execution that was stopped without one."""
MAX_REASON: Final = 1024
"""Characters in the reason of a pause or its end (service 1.8)."""
DELETION_MS: Final = 1000
"""How long a deleted execution is still seen as DELETING."""


def stop_execution(
    state: ServiceState, execution_arn: str, error: ErrorObject | None, now_ms: int
) -> int:
    """Stop an execution; one that is closed stays as it is. Returns when it closed."""
    check_error_text("error", error)
    ended_at_ms = state.look(execution_arn).ended_at_ms
    if ended_at_ms is not None:
        return ended_at_ms
    execution = state.execution(execution_arn)
    fire(state, execution, now_ms)
    if execution.ended_at_ms is not None:
        return execution.ended_at_ms
    given = error if error is not None and any(error) else STOPPED
    stamp = execution.stamp(now_ms)
    close(state, execution, ExecutionTrigger.STOP, stamp, error=given)
    return stamp


def pause_execution(
    state: ServiceState,
    execution_arn: str,
    now_ms: int,
    reason: str | None,
    client_token: str | None,
    *,
    is_timeout_paused: bool,
) -> None:
    """Ask for a pause; it is in force once no invocation holds the execution."""
    check_text("reason", reason, MAX_REASON)
    execution = state.execution(execution_arn)
    fire(state, execution, now_ms)
    is_paused = execution.status in (ExecutionStatus.PAUSING, ExecutionStatus.PAUSED)
    if is_paused and client_token is not None and client_token == execution.pause_token:
        return
    execution.status = next_execution_status(execution.status, ExecutionTrigger.PAUSE)
    execution.pause_token = client_token
    execution.pause_requested_ms = now_ms
    execution.pause_reason = reason
    execution.is_timeout_paused = is_timeout_paused
    if is_timeout_paused and execution.timeout_at_ms is not None:
        execution.timeout_left_ms = execution.timeout_at_ms - now_ms
        _set_timeout(state, execution, execution.started_at_ms + MAX_EXECUTION_DAYS * DAY_MS)
    state.mark(execution)
    if execution.invocation_id is None:
        owes = execution.is_invocation_due
        execution.is_invocation_due = False
        come_to_rest(state, execution, execution.stamp(now_ms), owes_invocation=owes)


def come_to_rest(
    state: ServiceState, execution: Execution, stamp_ms: int, *, owes_invocation: bool = False
) -> None:
    """Put a pause that was asked for in force; without one nothing happens."""
    if execution.status is not ExecutionStatus.PAUSING:
        return
    execution.status = next_execution_status(execution.status, ExecutionTrigger.COME_TO_REST)
    execution.owes_invocation = owes_invocation
    details: dict[str, Any] = {
        "PauseRequestTimestamp": execution.pause_requested_ms,
        "ExecutionTimeoutPaused": execution.is_timeout_paused,
    }
    if execution.pause_reason is not None:
        details["Reason"] = carried(execution.pause_reason)
    record = execution.records[execution.id]
    execution.append(EventType.EXECUTION_PAUSED, stamp_ms, record, details)
    state.mark(execution)


def resume_execution(
    state: ServiceState,
    execution_arn: str,
    now_ms: int,
    reason: str | None,
    client_token: str | None,
) -> None:
    """Take a pause back, and go on with what it held up."""
    check_text("reason", reason, MAX_REASON)
    execution = state.execution(execution_arn)
    fire(state, execution, now_ms)
    is_running = execution.status is ExecutionStatus.RUNNING
    if is_running and client_token is not None and client_token == execution.resume_token:
        return
    execution.status = next_execution_status(execution.status, ExecutionTrigger.RESUME)
    execution.resume_token = client_token
    execution.pause_requested_ms = None
    if execution.timeout_left_ms is not None:
        _set_timeout(state, execution, now_ms + execution.timeout_left_ms)
        execution.timeout_left_ms = None
    details: dict[str, Any] = {"ResumeRequestTimestamp": now_ms}
    if reason is not None:
        details["Reason"] = carried(reason)
    stamp = execution.stamp(now_ms)
    record = execution.records[execution.id]
    execution.append(EventType.EXECUTION_RESUMED, stamp, record, details)
    state.mark(execution)
    if execution.owes_invocation or execution.has_news:
        state.wake(execution)


def delete_execution(state: ServiceState, execution_arn: str, now_ms: int) -> int:
    """Delete a closed execution; it is gone a moment later. Returns when that was asked for."""
    execution = state.execution(execution_arn)
    fire(state, execution, now_ms)
    if execution.is_open:
        raise refusal(execution.status, ExecutionTrigger.DELETE)
    execution.status = next_execution_status(execution.status, ExecutionTrigger.DELETE)
    state.expire(execution, now_ms + DELETION_MS)
    state.mark(execution)
    return now_ms


def _set_timeout(state: ServiceState, execution: Execution, at_ms: int) -> None:
    execution.timeout_at_ms = at_ms
    state.arm(execution, at_ms)
