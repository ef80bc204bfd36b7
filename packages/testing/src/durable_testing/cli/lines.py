"""Plain progress: one line on stderr for each thing that happens."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from durable_core.lowlevel import (
    Operation,
    OperationStatus,
    OperationType,
    error_from_wire,
)
from durable_testing.cli.around import Around, called_by
from durable_testing.cli.durations import in_words
from durable_testing.cli.rows import answer_with, error_line, kind_of, look_at
from durable_testing.model import EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from durable_core.lowlevel import OperationDetails
    from durable_testing.model import HistoryEvent, ServiceModel

MIN_PATH: Final = 20
MAX_PATH: Final = 60
"""Longer ones push the rest of their line out of its columns."""
_STARTS: Final = (EventType.STEP_STARTED, EventType.CONTEXT_STARTED)
_TOLD_AT_ONCE: Final = (OperationType.STEP, OperationType.CONTEXT)
_WORDS: Final = {
    "Started": "started",
    "Succeeded": "succeeded",
    "Failed": "failed",
    "TimedOut": "timed out",
    "Stopped": "stopped",
    "Cancelled": "cancelled",
    "Paused": "paused",
    "Resumed": "resumed",
    "Completed": "completed",
}


class LineView:
    """Prints the events of one execution as they come; those it had before are not repeated."""

    __slots__ = ("_arn", "_columns", "_model", "_now_ms", "_seen", "_starting", "_told", "_zero_ms")

    def __init__(
        self,
        model: ServiceModel,
        execution_arn: str,
        now_ms: Callable[[], int],
        seen: int,
        database: Path,
    ) -> None:
        self._model = model
        self._arn = execution_arn
        self._now_ms = now_ms
        self._zero_ms = now_ms()
        self._seen = seen
        self._columns = Columns(database)
        self._starting: dict[str, Operation] = {}
        self._told: set[str] = set()

    def changed(self) -> None:
        """Print what is new."""
        events = self._model.history(self._arn)
        if len(events) == self._seen:
            return
        new, self._seen = events[self._seen :], len(events)
        records = {record.id: record for record in self._model.operations(self._arn)}
        for event, after in zip_longest(new, new[1:]):
            if event.type in _STARTS and event.operation_id in self._told:
                self._told.discard(event.operation_id)  # a further attempt is told as any event
                continue
            line = self._columns.line_of(event, records)
            # What fails the execution is told by the event of that.
            is_told = after is not None and after.type is EventType.EXECUTION_FAILED
            if line is not None and not is_told:
                self._print(event.at_ms, line)

    def starting(self, execution_arn: str, details: OperationDetails, /) -> None:
        """Print the start of a step or context now: its code may print too, and comes next."""
        if execution_arn != self._arn:
            return
        operation = Operation(
            details.operation_id,
            OperationType(details.type),
            OperationStatus.STARTED,
            self._now_ms(),
            name=details.name,
            parent_id=details.parent_id,
            subtype=details.subtype,
        )
        self._starting[operation.id] = operation
        if operation.type in _TOLD_AT_ONCE and not details.is_replayed:
            self._told.add(operation.id)
            subject = self._columns.subject(operation, self._starting)
            self._print(operation.started_at_ms, f"{subject} started")

    def _print(self, at_ms: int, line: str) -> None:
        seconds = max(at_ms - self._zero_ms, 0) / 1000
        print(f"[{seconds:8.3f}] {line}", file=sys.stderr, flush=True)  # noqa: T201  a command line talks


class Columns:
    """Puts events in words, in columns; that of the paths grows with them."""

    __slots__ = ("_around", "_width")

    def __init__(self, database: Path) -> None:
        self._around = Around(database)
        self._width = MIN_PATH

    def make_room(self, records: Mapping[str, Operation]) -> None:
        """Make the column of the paths as wide as it will have to be."""
        for operation in records.values():
            self._fit(path_of(operation, records))

    def line_of(self, event: HistoryEvent, records: Mapping[str, Operation]) -> str | None:
        """Return an event in words; None for one that only says that an invocation went well."""
        what = _outcome_words(event)
        operation = records.get(event.operation_id or "")
        if event.type is EventType.INVOCATION_COMPLETED:
            error = _error_of(event)
            return None if error is None else f"invocation failed  {error}"
        if operation is None or operation.type is OperationType.EXECUTION:
            subject = f"execution {event.name or ''}".rstrip()
        else:
            subject = self.subject(operation, records)
        details = "  ".join(_details(event, operation, self._around))
        return f"{subject} {what}  {details}".rstrip()

    def subject(self, operation: Operation, records: Mapping[str, Operation]) -> str:
        """Return which operation it is: path and kind."""
        path = self._fit(path_of(operation, records))
        return f"{path:<{self._width}} {kind_of(operation):<9}"

    def _fit(self, path: str) -> str:
        if self._width < len(path) <= MAX_PATH:
            self._width = len(path)
        return path


def path_of(operation: Operation, records: Mapping[str, Operation]) -> str:
    """Return an operation's name behind those of the contexts it is in."""
    names: list[str] = []
    place: Operation | None = operation
    while place is not None:
        names.append(place.name or place.id[:8])
        place = records.get(place.parent_id or "")
    return "/".join(reversed(names))


def _outcome_words(event: HistoryEvent) -> str:
    if event.type is EventType.STEP_SUCCEEDED and _retry_delay(event):
        return "not met yet"
    return next(words for ending, words in _WORDS.items() if event.type.endswith(ending))


def _details(event: HistoryEvent, operation: Operation | None, around: Around) -> list[str]:
    details: list[str] = []
    if event.type is EventType.WAIT_STARTED and operation is not None:
        span_ms = (operation.scheduled_end_ms or event.at_ms) - event.at_ms
        details.append(f"{in_words(span_ms)} to go")
    if event.type is EventType.CALLBACK_STARTED and operation is not None:
        details.append(answer_with(operation, around))
    details += [look_at(name, around) for name in called_by((event,)).values()]
    error = _error_of(event)
    if error is not None:
        details.append(error)
    if delay := _retry_delay(event):
        attempt = event.details["RetryDetails"].get("CurrentAttempt", 0) + 1
        details.append(f"attempt {attempt} in {delay} s")
    return details


def _retry_delay(event: HistoryEvent) -> int | None:
    """Return in how many seconds there is another attempt; None when there is none."""
    retry: Any = event.details.get("RetryDetails") or {}
    return retry.get("NextAttemptDelaySeconds") or None


def _error_of(event: HistoryEvent) -> str | None:
    carried: Any = event.details.get("Error")
    if carried is None:
        return None
    error = error_from_wire(carried.get("Payload") or {})
    return None if error is None else error_line(error)
