"""From a history to the records an invocation would be given: what the events say, folded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from durable_core.lowlevel import (
    Operation,
    OperationStatus,
    OperationType,
    error_from_wire,
    parse_timestamp,
)
from durable_testing.model import EventType, HistoryEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from durable_core.lowlevel import ErrorObject

_TYPES: Final = {
    "Context": OperationType.CONTEXT,
    "Step": OperationType.STEP,
    "Wait": OperationType.WAIT,
    "Callback": OperationType.CALLBACK,
    "ChainedInvoke": OperationType.CHAINED_INVOKE,
}
_ENDINGS: Final = {
    "Started": OperationStatus.STARTED,
    "Succeeded": OperationStatus.SUCCEEDED,
    "Failed": OperationStatus.FAILED,
    "Cancelled": OperationStatus.CANCELLED,
    "TimedOut": OperationStatus.TIMED_OUT,
    "Stopped": OperationStatus.STOPPED,
}
_TIMES: Final = frozenset(
    {
        "ScheduledEndTimestamp",
        "StartTimestamp",
        "EndTimestamp",
        "PauseRequestTimestamp",
        "ResumeRequestTimestamp",
    }
)
_PINNED_SUFFIX: Final = " "
_SHORT_BATCH: Final = '"statuses":'
_BATCHES: Final = ("Map", "Parallel")


class HistoryError(Exception):
    """The history cannot be replayed; the message says why and what to do."""


def event_from_wire(wire: Mapping[str, Any]) -> HistoryEvent:
    """Read an event of `GetDurableExecutionHistory`: boto3's, the AWS CLI's JSON, or ours."""
    try:
        kind = EventType(wire["EventType"])
        details: dict[str, Any] = wire.get(f"{kind}Details") or {}
        return HistoryEvent(
            wire["EventId"],
            kind,
            parse_timestamp(wire["EventTimestamp"]) or 0,
            wire.get("Id"),
            wire.get("Name"),
            wire.get("SubType"),
            wire.get("ParentId"),
            {
                key: parse_timestamp(value) if key in _TIMES else value
                for key, value in details.items()
            },
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise HistoryError(f"this is no event of a durable execution: {wire!r}") from error


def records_of(events: Iterable[HistoryEvent]) -> tuple[Operation, ...]:
    """Return the records after these events, in start order, the EXECUTION operation first.

    Histories do not say which contexts are replayed over their children (`ReplayChildren`); it is
    told by what such contexts record.

    Raises:
        HistoryError: The events hold no data, or do not begin at the beginning.
    """
    records: dict[str, Operation] = {}
    for _, record in changes_of(events):
        if record is not None:
            records[record.id] = record
    return tuple(records.values())


def changes_of(
    events: Iterable[HistoryEvent],
) -> Iterator[tuple[HistoryEvent, Operation | None]]:
    """Yield each event with the record as it is after it; None: it changes none.

    Raises:
        HistoryError: The events hold no data, or do not begin at the beginning.
    """
    records: dict[str, Operation] = {}
    for event in events:
        record: Operation | None = None
        if event.type is EventType.EXECUTION_STARTED:
            record = _execution(event)
        elif event.operation_id is not None and not event.type.startswith("Execution"):
            if not records:
                raise HistoryError("the history does not begin with ExecutionStarted")
            record = _after(records.get(event.operation_id), event)
        if record is not None:
            records[record.id] = record
        yield event, record
    if not records:
        raise HistoryError("the history has no events")


def _execution(event: HistoryEvent) -> Operation:
    return Operation(
        event.operation_id or "execution",
        OperationType.EXECUTION,
        OperationStatus.STARTED,
        event.at_ms,
        name=event.name,
        input_payload=_payload(event, "Input"),
    )


def _after(before: Operation | None, event: HistoryEvent) -> Operation:
    kind = next(name for name in _TYPES if event.type.startswith(name))
    status = _ENDINGS[event.type.removeprefix(kind)]
    if before is None:
        before = Operation(
            event.operation_id or "",
            _TYPES[kind],
            OperationStatus.STARTED,
            event.at_ms,
            event.parent_id,
            event.name,
            event.subtype,
            scheduled_end_ms=event.details.get("ScheduledEndTimestamp"),
            callback_id=event.details.get("CallbackId"),
        )
    if status is OperationStatus.STARTED:
        return before._replace(status=status, next_attempt_at_ms=None)
    return _ended(before, event, status)


def _ended(before: Operation, event: HistoryEvent, status: OperationStatus) -> Operation:
    attempt = before.attempt + 1 if before.type is OperationType.STEP else 0
    result, error = _payload(event, "Result"), _error(event)
    retry: dict[str, Any] = event.details.get("RetryDetails") or {}
    if delay := retry.get("NextAttemptDelaySeconds"):
        return before._replace(
            status=OperationStatus.PENDING,
            attempt=attempt,
            result=result,
            error=error,
            next_attempt_at_ms=event.at_ms + delay * 1000,
        )
    ended = before._replace(
        status=status,
        ended_at_ms=event.at_ms,
        attempt=attempt,
        result=result,
        error=error,
        next_attempt_at_ms=None,
    )
    return ended._replace(replay_children=_replays_children(ended, event))


def _replays_children(context: Operation, event: HistoryEvent) -> bool:
    """Whether a context's result comes from running its body again over its children."""
    if context.type is not OperationType.CONTEXT or context.status is not OperationStatus.SUCCEEDED:
        return False
    known = event.details.get("ReplayChildren")
    if known is not None:
        return bool(known)
    text = context.result
    if text is None:
        return False
    is_short_batch = context.subtype in _BATCHES and _SHORT_BATCH in text
    # A summary in words is no result; one that is JSON cannot be told from one.
    return text.endswith(_PINNED_SUFFIX) or is_short_batch or not _is_json(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _payload(event: HistoryEvent, member: str) -> str | None:
    carried: dict[str, Any] = event.details.get(member) or {}
    payload = carried.get("Payload")
    if payload is None and carried.get("Truncated"):
        raise HistoryError(
            f"event {event.id} ({event.type}) has no data: get the history with "
            "--include-execution-data"
        )
    return payload


def _error(event: HistoryEvent) -> ErrorObject | None:
    carried: dict[str, Any] | None = event.details.get("Error")
    if carried is None:
        return None
    if carried.get("Payload") is None and carried.get("Truncated"):
        _payload(event, "Error")
    return error_from_wire(carried.get("Payload") or {})
