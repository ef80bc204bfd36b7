"""The events of an execution's history: an append-only log (service 4)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from durable_core.lowlevel import ErrorObject, error_to_wire

Details: TypeAlias = Mapping[str, Any]


class EventType(StrEnum):
    """The members of the service's `EventType`."""

    EXECUTION_STARTED = "ExecutionStarted"
    EXECUTION_SUCCEEDED = "ExecutionSucceeded"
    EXECUTION_FAILED = "ExecutionFailed"
    EXECUTION_TIMED_OUT = "ExecutionTimedOut"
    EXECUTION_STOPPED = "ExecutionStopped"
    EXECUTION_PAUSED = "ExecutionPaused"
    EXECUTION_RESUMED = "ExecutionResumed"
    CONTEXT_STARTED = "ContextStarted"
    CONTEXT_SUCCEEDED = "ContextSucceeded"
    CONTEXT_FAILED = "ContextFailed"
    STEP_STARTED = "StepStarted"
    STEP_SUCCEEDED = "StepSucceeded"
    STEP_FAILED = "StepFailed"
    WAIT_STARTED = "WaitStarted"
    WAIT_SUCCEEDED = "WaitSucceeded"
    WAIT_CANCELLED = "WaitCancelled"
    CALLBACK_STARTED = "CallbackStarted"
    CALLBACK_SUCCEEDED = "CallbackSucceeded"
    CALLBACK_FAILED = "CallbackFailed"
    CALLBACK_TIMED_OUT = "CallbackTimedOut"
    CHAINED_INVOKE_STARTED = "ChainedInvokeStarted"
    CHAINED_INVOKE_SUCCEEDED = "ChainedInvokeSucceeded"
    CHAINED_INVOKE_FAILED = "ChainedInvokeFailed"
    CHAINED_INVOKE_TIMED_OUT = "ChainedInvokeTimedOut"
    CHAINED_INVOKE_STOPPED = "ChainedInvokeStopped"
    INVOCATION_COMPLETED = "InvocationCompleted"


NO_DETAILS: Details = {}


class HistoryEvent(NamedTuple):
    """One event; `details` has the wire's member names, its timestamps in milliseconds."""

    id: int
    """From 1, without a gap."""
    type: EventType
    at_ms: int
    operation_id: str | None = None
    name: str | None = None
    subtype: str | None = None
    parent_id: str | None = None
    details: Details = NO_DETAILS


_TIMESTAMPS = frozenset(
    {
        "ScheduledEndTimestamp",
        "StartTimestamp",
        "EndTimestamp",
        "PauseRequestTimestamp",
        "ResumeRequestTimestamp",
    }
)
_DATA = frozenset({"Input", "Result", "Error", "Reason"})


def carried(payload: str | None) -> dict[str, Any]:
    """Return the `{Payload, Truncated}` form of a payload."""
    return {"Truncated": False} if payload is None else {"Payload": payload, "Truncated": False}


def carried_error(error: ErrorObject | None) -> dict[str, Any]:
    """Return the `{Payload, Truncated}` form of an error."""
    return {"Payload": error_to_wire(error) if error else {}, "Truncated": False}


def event_to_wire(
    event: HistoryEvent, *, include_data: bool, stamp: type[int] | None = None
) -> dict[str, Any]:
    """Write an event as the API answers it.

    Timestamps are epoch seconds, or milliseconds with `stamp=int`. Without data the payloads are
    left out and marked `Truncated` (service 4).
    """

    def at(milliseconds: int) -> float:
        return milliseconds / 1000 if stamp is None else stamp(milliseconds)

    wire: dict[str, Any] = {
        "EventId": event.id,
        "EventType": event.type.value,
        "EventTimestamp": at(event.at_ms),
    }
    identity = (event.operation_id, event.name, event.subtype, event.parent_id)
    named = zip(("Id", "Name", "SubType", "ParentId"), identity, strict=True)
    wire |= {key: value for key, value in named if value is not None}
    wire[f"{event.type}Details"] = {
        key: _member(key, value, at, include_data=include_data)
        for key, value in event.details.items()
    }
    return wire


def _member(key: str, value: Any, at: Any, *, include_data: bool) -> Any:
    if key in _TIMESTAMPS:
        return at(value)
    if key in _DATA and not include_data:
        return {"Truncated": True}
    return value
