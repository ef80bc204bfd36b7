"""The JSON form of the records, both ways. Unknown members are ignored (service 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from durable_core._protocol.records import (
    ErrorObject,
    InvocationInput,
    InvocationOutput,
    Operation,
    OperationStatus,
    OperationType,
    OperationUpdate,
    StatePage,
)

Wire: TypeAlias = Mapping[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS_BELOW = 100_000_000_000
"""Numbers above are milliseconds, below are seconds: 1e11 s is the year 5138 (service 2.2)."""

DETAILS_KEY: dict[OperationType, str] = {
    OperationType.EXECUTION: "ExecutionDetails",
    OperationType.CONTEXT: "ContextDetails",
    OperationType.STEP: "StepDetails",
    OperationType.WAIT: "WaitDetails",
    OperationType.CALLBACK: "CallbackDetails",
    OperationType.CHAINED_INVOKE: "ChainedInvokeDetails",
}
_TYPES: dict[str, OperationType] = {kind.value: kind for kind in OperationType}
_STATUSES: dict[str, OperationStatus] = {status.value: status for status in OperationStatus}
_DETAILS_BY_TYPE: dict[str, str] = {kind.value: key for kind, key in DETAILS_KEY.items()}


def parse_timestamp(value: float | str | datetime | None) -> int | None:
    """Milliseconds since the epoch from any form the wire uses (service 2.2)."""
    if value is None:
        return None
    if type(value) is float or isinstance(value, int | float):
        return int(value) if value > _SECONDS_BELOW else round(value * 1000)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value - EPOCH) // _MILLISECOND


def to_datetime(milliseconds: int) -> datetime:
    """The same instant as an aware datetime in UTC."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def error_from_wire(wire: Wire | None) -> ErrorObject | None:
    """Read an `ErrorObject`; None stays None."""
    if wire is None:
        return None
    stack: list[str] | None = wire.get("StackTrace")
    return ErrorObject(
        wire.get("ErrorMessage"),
        wire.get("ErrorType"),
        wire.get("ErrorData"),
        None if stack is None else tuple(stack),
    )


def error_to_wire(error: ErrorObject) -> dict[str, Any]:
    """Write an `ErrorObject`; absent fields are left out."""
    wire: dict[str, Any] = {}
    if error.message is not None:
        wire["ErrorMessage"] = error.message
    if error.type is not None:
        wire["ErrorType"] = error.type
    if error.data is not None:
        wire["ErrorData"] = error.data
    if error.stack_trace is not None:
        wire["StackTrace"] = list(error.stack_trace)
    return wire


_NO_DETAILS: dict[str, Any] = {}


def operation_from_wire(wire: Wire) -> Operation:
    """Read an `Operation` from an event, a checkpoint response or a state page."""
    get = wire.get
    kind = wire["Type"]
    details: dict[str, Any] = get(_DETAILS_BY_TYPE[kind]) or _NO_DETAILS
    detail = details.get
    started = wire["StartTimestamp"]
    ended = get("EndTimestamp")
    error = detail("Error")
    next_attempt = detail("NextAttemptTimestamp")
    scheduled_end = detail("ScheduledEndTimestamp")
    # Not by the constructor, which takes twice as long: it is what loading a history consists of.
    return Operation._make(
        (
            wire["Id"],
            _TYPES[kind],
            _STATUSES[wire["Status"]],
            started
            if type(started) is int and started > _SECONDS_BELOW
            else parse_timestamp(started) or 0,
            get("ParentId"),
            get("Name"),
            get("SubType"),
            ended if type(ended) is int and ended > _SECONDS_BELOW else parse_timestamp(ended),
            detail("Result"),
            error if error is None else error_from_wire(error),
            detail("Attempt") or 0,
            None if next_attempt is None else parse_timestamp(next_attempt),
            None if scheduled_end is None else parse_timestamp(scheduled_end),
            detail("CallbackId"),
            detail("ReplayChildren") is True,
            detail("InputPayload"),
        )
    )


def operations_from_wire(wires: list[Wire] | None) -> tuple[Operation, ...]:
    """Read a list of operations, in the order given; None is an empty one."""
    return tuple(map(operation_from_wire, wires)) if wires else ()


def _step_details(operation: Operation, stamp: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"Attempt": operation.attempt}
    if operation.next_attempt_at_ms is not None:
        details["NextAttemptTimestamp"] = stamp(operation.next_attempt_at_ms)
    return details


def _own_details(operation: Operation, stamp: Any) -> dict[str, Any]:
    """The members that only an operation's own type has."""
    match operation.type:
        case OperationType.STEP:
            return _step_details(operation, stamp)
        case OperationType.WAIT if operation.scheduled_end_ms is not None:
            return {"ScheduledEndTimestamp": stamp(operation.scheduled_end_ms)}
        case OperationType.CALLBACK:
            return {"CallbackId": operation.callback_id}
        case OperationType.CONTEXT if operation.replay_children:
            return {"ReplayChildren": True}
        case OperationType.EXECUTION if operation.input_payload is not None:
            return {"InputPayload": operation.input_payload}
        case _:
            return {}


def _details(operation: Operation, stamp: Any) -> dict[str, Any]:
    """The members of an operation's `…Details`."""
    details: dict[str, Any] = {}
    if operation.result is not None:
        details["Result"] = operation.result
    if operation.error is not None:
        details["Error"] = error_to_wire(operation.error)
    details.update(_own_details(operation, stamp))
    return details


def operation_to_wire(operation: Operation, *, in_event: bool) -> dict[str, Any]:
    """Write an `Operation`: epoch milliseconds in an event, seconds in an API answer (2.2)."""

    def stamp(milliseconds: int) -> float:
        return milliseconds if in_event else milliseconds / 1000

    wire: dict[str, Any] = {
        "Id": operation.id,
        "Type": operation.type.value,
        "Status": operation.status.value,
        "StartTimestamp": stamp(operation.started_at_ms),
    }
    if operation.parent_id is not None:
        wire["ParentId"] = operation.parent_id
    if operation.name is not None:
        wire["Name"] = operation.name
    if operation.subtype is not None:
        wire["SubType"] = operation.subtype
    if operation.ended_at_ms is not None:
        wire["EndTimestamp"] = stamp(operation.ended_at_ms)
    if details := _details(operation, stamp):
        wire[DETAILS_KEY[operation.type]] = details
    return wire


def _chained_invoke_options(update: OperationUpdate) -> dict[str, Any]:
    options: dict[str, Any] = {"FunctionName": update.function_name}
    if update.tenant_id is not None:
        options["TenantId"] = update.tenant_id
    if update.trace_header is not None:
        options["XAmznTraceId"] = update.trace_header
    return options


def _callback_options(update: OperationUpdate) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if update.timeout_seconds is not None:
        options["TimeoutSeconds"] = update.timeout_seconds
    if update.heartbeat_timeout_seconds is not None:
        options["HeartbeatTimeoutSeconds"] = update.heartbeat_timeout_seconds
    return options


_OPTIONS_FROM = OperationUpdate._fields.index("replay_children")
_NO_OPTIONS = tuple(
    OperationUpdate._field_defaults[field] for field in OperationUpdate._fields[_OPTIONS_FROM:]
)


def update_to_wire(update: OperationUpdate) -> dict[str, Any]:
    """Write an `OperationUpdate`; absent fields are left out."""
    wire: dict[str, Any] = {
        "Id": update.id,
        "Type": update.type._value_,
        "Action": update.action._value_,
    }
    if update.parent_id is not None:
        wire["ParentId"] = update.parent_id
    if update.name is not None:
        wire["Name"] = update.name
    if update.subtype is not None:
        wire["SubType"] = update.subtype
    if update.payload is not None:
        wire["Payload"] = update.payload
    if update.error is not None:
        wire["Error"] = error_to_wire(update.error)
    if update[_OPTIONS_FROM:] != _NO_OPTIONS:
        _add_options(wire, update)
    return wire


def _add_options(wire: dict[str, Any], update: OperationUpdate) -> None:
    """Add the `…Options` of an update."""
    if update.replay_children:
        wire["ContextOptions"] = {"ReplayChildren": True}
    if update.next_attempt_delay_seconds is not None:
        wire["StepOptions"] = {"NextAttemptDelaySeconds": update.next_attempt_delay_seconds}
    if update.wait_seconds is not None:
        wire["WaitOptions"] = {"WaitSeconds": update.wait_seconds}
    if update.function_name is not None:
        wire["ChainedInvokeOptions"] = _chained_invoke_options(update)
    if options := _callback_options(update):
        wire["CallbackOptions"] = options


def page_from_wire(wire: Wire) -> StatePage:
    """Read a `GetDurableExecutionState` answer; an empty marker means no more."""
    return StatePage(operations_from_wire(wire.get("Operations")), wire.get("NextMarker") or None)


def invocation_from_wire(event: Wire) -> InvocationInput:
    """Read an invocation event (service 2.1). The caller has checked that it is one."""
    state: Wire = event.get("InitialExecutionState") or {}
    page = page_from_wire(state)
    return InvocationInput(
        event["DurableExecutionArn"],
        event["CheckpointToken"],
        page.operations,
        page.next_marker,
        frozenset(event.get("UpdatedOperationIds") or ()),
    )


def output_to_wire(output: InvocationOutput) -> dict[str, Any]:
    """Write an invocation's response envelope (service 2.3)."""
    wire: dict[str, Any] = {"Status": output.status.value}
    if output.result is not None:
        wire["Result"] = output.result
    if output.error is not None:
        wire["Error"] = error_to_wire(output.error)
    return wire
