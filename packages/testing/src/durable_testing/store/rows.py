"""Executions as rows, both ways. A column a field; JSON only for what has no fixed shape.

The answer kept for a client that asks again is not stored: when an execution is read back, the
invocation it was for is over.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from durable_core.lowlevel import (
    ErrorObject,
    ExecutionStatus,
    Operation,
    OperationStatus,
    OperationType,
)
from durable_testing.model.effects import ChainedInvoke
from durable_testing.model.execution import CallbackDeadlines, Execution, is_pending
from durable_testing.model.history import EventType, HistoryEvent
from durable_testing.model.requests import StartMode
from durable_testing.store.locks import place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = tuple[Any, ...]

IDENTITY_COLUMNS: Final = ("arn", "id", "name", "function_name")
STATE_COLUMNS: Final = (
    "version", "mode", "tenant_id", "trace_header", "parent_arn", "parent_operation_id",
    "status", "result", "error", "started_at_ms", "ended_at_ms", "retention_days", "expires_at_ms",
    "billed_operations", "bytes_written", "last_stamp_ms", "reported_ms", "timeout_seconds",
    "timeout_at_ms", "timeout_left_ms", "pause_requested_ms", "pause_reason",
    "is_timeout_paused", "pause_token", "resume_token", "invocations", "invocation_id",
    "invocation_began_ms", "is_invocation_due", "is_superseded", "owes_invocation", "retry_at_ms",
    "failures", "strikes", "token", "token_number", "touch", "handler_seen", "seen_at_build",
)  # fmt: skip
EXECUTION_COLUMNS: Final = ("key", "family", *IDENTITY_COLUMNS, *STATE_COLUMNS)
OPERATION_COLUMNS: Final = ("execution", "sequence", "touched", "extra", *Operation._fields)
CHANGING_COLUMNS: Final = (
    "touched", "extra", "status", "ended_at_ms", "result", "error", "attempt",
    "next_attempt_at_ms", "replay_children",
)  # fmt: skip
"""Of an operation: the rest is as it was at its start."""
EVENT_COLUMNS: Final = ("execution", *HistoryEvent._fields)

_execution_values: Callable[[Execution], Row] = attrgetter(*IDENTITY_COLUMNS, *STATE_COLUMNS)
_STATUS_PLACE, _MODE_PLACE, _ERROR_PLACE = map(
    (*IDENTITY_COLUMNS, *STATE_COLUMNS).index, ("status", "mode", "error")
)
_OPERATION_ERROR: Final = Operation._fields.index("error") - 3
"""After the id, the type and the status."""


class ExecutionRows(NamedTuple):
    """What changed of one execution."""

    execution: Row
    operations: list[Row]
    events: list[Row]


_dump: Final = json.JSONEncoder(separators=(",", ":")).encode


def _dump_error(error: ErrorObject | None) -> str | None:
    return None if error is None else _dump(error)


def _load_error(text: str | None) -> ErrorObject | None:
    return None if text is None else _error_of(json.loads(text))


def _error_of(fields: list[Any]) -> ErrorObject:
    message, kind, data, stack = fields
    return ErrorObject(message, kind, data, None if stack is None else tuple(stack))


def take_rows(execution: Execution, family: int) -> ExecutionRows:
    """Return the rows to write, and take note that they were taken.

    `family` stands for the execution whose chained invokes, direct or not, started this one.
    """
    key = place_of(execution.arn)
    values = list(_execution_values(execution))
    # Plain strings: SQLite's driver takes an enum's member by a slow way round.
    values[_STATUS_PLACE] = execution.status.value
    values[_MODE_PLACE] = execution.mode.value
    values[_ERROR_PLACE] = _dump_error(execution.error)
    operations = [_operation_row(execution, key, name) for name in execution.unsaved]
    events = [
        (
            key,
            event.id,
            event.type.value,
            *event[2:-1],
            _dump(event.details) if event.details else "{}",
        )
        for event in execution.events[execution.saved_events :]
    ]
    execution.unsaved.clear()
    execution.saved_events = len(execution.events)
    return ExecutionRows((key, family, *values), operations, events)


def _operation_row(execution: Execution, key: int, operation_id: str) -> Row:
    operation = execution.records[operation_id]
    extra = execution.callbacks.get(operation_id) or execution.dispatches.get(operation_id)
    operation_id, kind, status, *values = operation
    values[_OPERATION_ERROR] = _dump_error(operation.error)
    return (
        key,
        execution.sequence[operation_id],
        execution.touched[operation_id],
        None if extra is None else _dump(extra),
        operation_id,
        kind.value,
        status.value,
        *values,
    )


_READERS: dict[str, Callable[[Any], Any]] = {
    "status": ExecutionStatus,
    "mode": StartMode,
    "error": _load_error,
    "is_timeout_paused": bool,
    "is_invocation_due": bool,
    "is_superseded": bool,
    "owes_invocation": bool,
}


def restore(row: Row, operations: Iterable[Row], events: Iterable[Row]) -> Execution:
    """Return the execution its rows were taken from; rows in the order of their columns."""
    fields = dict(zip(EXECUTION_COLUMNS, row, strict=True))
    execution = Execution(*(fields[column] for column in IDENTITY_COLUMNS))
    for column in STATE_COLUMNS:
        value = fields[column]
        setattr(execution, column, _READERS[column](value) if column in _READERS else value)
    for operation_row in operations:
        _restore_operation(execution, operation_row)
    execution.events = [
        HistoryEvent(id_, EventType(kind), *rest, details=json.loads(details))
        for _, id_, kind, *rest, details in events
    ]
    execution.saved_events = len(execution.events)
    return execution


def _restore_operation(execution: Execution, row: Row) -> None:
    _, sequence, touched, extra, *fields = row
    operation = _operation_of(fields)
    if extra is not None:
        if operation.type is OperationType.CALLBACK:
            execution.callbacks[operation.id] = CallbackDeadlines(*json.loads(extra))
        else:
            execution.dispatches[operation.id] = ChainedInvoke(*json.loads(extra))
    execution.records[operation.id] = operation
    execution.order.append(operation.id)
    execution.sequence[operation.id] = sequence
    execution.touched[operation.id] = touched
    if touched > execution.handler_seen:
        execution.unseen[operation.id] = None
    execution.pending += is_pending(operation)


def _operation_of(fields: Sequence[Any]) -> Operation:
    operation_id, kind, status, *values = fields
    values[_OPERATION_ERROR] = _load_error(values[_OPERATION_ERROR])
    operation = Operation(operation_id, OperationType(kind), OperationStatus(status), *values)
    return operation._replace(replay_children=bool(operation.replay_children))
