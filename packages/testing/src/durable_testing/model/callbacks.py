"""Callbacks answered from outside (service 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import ErrorObject, Event, Operation, OperationStatus, next_status
from durable_testing.model.errors import ErrorCode, ServiceError, invalid_parameter
from durable_testing.model.settling import settle_operation
from durable_testing.model.shapes import check_error_text, check_text, shape_error, too_long
from durable_testing.model.timers import fire
from durable_testing.model.tokens import is_callback_id
from durable_testing.model.validation import check_error_size

if TYPE_CHECKING:
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState


def succeed_callback(
    state: ServiceState, callback_id: str, result: str | bytes | None, now_ms: int
) -> None:
    """Answer a callback; an empty body is no result."""
    if isinstance(result, str):
        check_text("result", result)
    body = result.encode() if isinstance(result, str) else result or b""
    limit = state.config.max_callback_result_bytes
    if len(body) > limit:
        raise shape_error(too_long("result", limit))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise invalid_parameter("Callback result could not be decoded as UTF-8.") from None
    execution, operation = _find(state, callback_id, now_ms)
    settle_operation(execution, operation, Event.COMPLETE, now_ms, result=text or None)
    execution.bytes_written += len(body)
    _announce(state, execution)


def fail_callback(
    state: ServiceState, callback_id: str, error: ErrorObject | None, now_ms: int
) -> None:
    """Answer a callback with a failure; no error is an empty one."""
    error = error or ErrorObject()
    check_error_text("error", error)
    size = check_error_size(state.config, error)
    execution, operation = _find(state, callback_id, now_ms)
    settle_operation(execution, operation, Event.FAIL, now_ms, error=error)
    execution.bytes_written += size
    _announce(state, execution)


def heartbeat_callback(state: ServiceState, callback_id: str, now_ms: int) -> None:
    """Move a callback's heartbeat deadline, where it has one."""
    execution, operation = _find(state, callback_id, now_ms)
    next_status(operation.type, operation.status, Event.HEARTBEAT)
    deadlines = execution.callbacks[operation.id]
    if deadlines.heartbeat_seconds is None:
        return
    from_ms = max(now_ms, execution.last_stamp_ms)
    moved = deadlines._replace(heartbeat_at_ms=from_ms + deadlines.heartbeat_seconds * 1000)
    execution.callbacks[operation.id] = moved
    if moved.due_ms is not None:
        state.arm(execution, moved.due_ms, operation.id)
    execution.unsaved[operation.id] = None
    state.mark(execution)


def _find(state: ServiceState, callback_id: str, now_ms: int) -> tuple[Execution, Operation]:
    """Return the open callback of that id, after everything due has happened."""
    if not is_callback_id(callback_id):
        raise invalid_parameter("Invalid callback id")
    place = state.find_callback(callback_id)
    if place is not None and state.look(place[0]).is_open:
        execution = state.execution(place[0])
        fire(state, execution, now_ms)
        operation = execution.records[place[1]]
        if execution.is_open and operation.status is OperationStatus.STARTED:
            return execution, operation
    raise ServiceError(
        ErrorCode.CALLBACK_TIMEOUT, "The callback is either timed out or already completed"
    )


def _announce(state: ServiceState, execution: Execution) -> None:
    state.mark(execution)
    state.wake(execution)
