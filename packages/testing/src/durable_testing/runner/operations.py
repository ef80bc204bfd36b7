"""The operations of an execution, as tests look at them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from durable_core import DefaultSerDes, SerDesError
from durable_core.lowlevel import (
    OperationStatus,
    OperationSubType,
    OperationType,
    error_from_wire,
    to_datetime,
)
from durable_testing.model import EventType
from durable_testing.runner.errors import ExecutionFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from durable_core.lowlevel import ErrorObject, Operation
    from durable_testing.model import HistoryEvent

UNNAMED: Final = "(unnamed)"
_KINDS: Final = {
    OperationSubType.RUN_IN_CHILD_CONTEXT: "context",
    OperationSubType.MAP_ITERATION: "item",
    OperationSubType.PARALLEL_BRANCH: "branch",
    OperationSubType.WAIT_FOR_CALLBACK: "callback",
    OperationSubType.WAIT_FOR_CONDITION: "condition",
    OperationSubType.CHAINED_INVOKE: "invoke",
}
_NO_RUNNING_ATTEMPT: Final = (OperationStatus.PENDING, OperationStatus.READY)


class RecordedOperation:
    """An operation of an execution.

    Attributes:
        record: The record, as the service has it.
        path: The names from the top, as `operation_at` takes them: `checkout/charge`,
            `checkout/charge[1]` for the second of a name.
        parent: The context around it; None at the top.
        children: The operations in it, in the order they were started.
        events: Its own history events.
    """

    __slots__ = ("children", "events", "parent", "path", "record")

    def __init__(self, record: Operation, parent: RecordedOperation | None, path: str) -> None:
        self.record = record
        self.parent = parent
        self.path = path
        self.children: list[RecordedOperation] = []
        self.events: list[HistoryEvent] = []

    @property
    def name(self) -> str | None:
        """Its name; None for one without."""
        return self.record.name

    @property
    def operation_id(self) -> str:
        """Its id."""
        return self.record.id

    @property
    def type(self) -> OperationType:
        """What it is on the wire."""
        return self.record.type

    @property
    def subtype(self) -> str | None:
        """What it is to the SDK."""
        return self.record.subtype

    @property
    def kind(self) -> str:
        """What it is, in a word: `step`, `wait`, `callback`, `invoke`, `map` and so on."""
        subtype = self.record.subtype
        if subtype is None:
            return self.record.type.lower().removeprefix("chained_")
        return next((word for known, word in _KINDS.items() if known == subtype), subtype.lower())

    @property
    def status(self) -> OperationStatus:
        """Where it stands."""
        return self.record.status

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.record.status is OperationStatus.SUCCEEDED

    @property
    def value(self) -> Any:
        """What it returned, as recorded: an instance of a class of yours as plain data.

        Raises:
            ExecutionFailedError: It has not succeeded.
        """
        if not self.succeeded:
            said = f": {short_error(self.error)}" if self.error is not None else ""
            raise ExecutionFailedError(
                f"{self.kind} {self.path!r} has no value, it is {self.status}{said}"
            )
        return decoded(self.record.result)

    @property
    def error(self) -> ErrorObject | None:
        """What it failed with, the last time it did: `.type`, `.message`, `.data`."""
        return self.record.error

    @property
    def attempts(self) -> int:
        """How often its function was run so far; 0 for what has none."""
        record = self.record
        if record.type is not OperationType.STEP:
            return 0
        is_running = not record.is_terminal and record.status not in _NO_RUNNING_ATTEMPT
        return record.attempt + is_running

    @property
    def attempt_errors(self) -> list[ErrorObject]:
        """What each failed attempt failed with, in turn."""
        failed = (event for event in self.events if event.type is EventType.STEP_FAILED)
        errors = (error_from_wire(_carried(event, "Error")) for event in failed)
        return [error for error in errors if error is not None]

    @property
    def started_at(self) -> datetime:
        """When it was started."""
        return to_datetime(self.record.started_at_ms)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it has not."""
        ended_at_ms = self.record.ended_at_ms
        return None if ended_at_ms is None else to_datetime(ended_at_ms)

    @property
    def duration(self) -> timedelta | None:
        """How long it took; None while it is not over."""
        return None if self.ended_at is None else self.ended_at - self.started_at

    @property
    def wait_seconds(self) -> int | None:
        """How long a wait was asked to take; None for what is no wait."""
        end_ms = self.record.scheduled_end_ms
        return None if end_ms is None else round((end_ms - self.record.started_at_ms) / 1000)

    @property
    def callback_id(self) -> str | None:
        """What the outside answers a callback, or a `wait_for_callback`, with."""
        if self.record.subtype == OperationSubType.WAIT_FOR_CALLBACK:
            found = (child.callback_id for child in self.children)
            return next((callback_id for callback_id in found if callback_id), None)
        return self.record.callback_id

    @property
    def function_name(self) -> str | None:
        """Which function an invoke calls."""
        return next((e.details["FunctionName"] for e in self._invoke_starts()), None)

    @property
    def payload(self) -> Any:
        """What an invoke sends."""
        carried = (_carried(event, "Input") for event in self._invoke_starts())
        return decoded(next(carried, None))

    def _invoke_starts(self) -> Iterator[HistoryEvent]:
        return (e for e in self.events if e.type is EventType.CHAINED_INVOKE_STARTED)

    def walk(self) -> Iterator[RecordedOperation]:
        """Yield it and everything in it, from the top, in start order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def __repr__(self) -> str:
        said = f", {short_error(self.error)}" if self.error is not None else ""
        return f"<{self.kind} {self.path!r} {self.status}{said}>"


def operation_tree(
    records: Sequence[Operation], events: Iterable[HistoryEvent]
) -> list[RecordedOperation]:
    """Return the operations at the top, each with those in it."""
    known: dict[str, RecordedOperation] = {}
    counts: dict[tuple[str | None, str], int] = {}
    top: list[RecordedOperation] = []
    for record in records:
        if record.type is OperationType.EXECUTION:
            continue
        parent = known.get(record.parent_id or "")
        siblings = top if parent is None else parent.children
        label = record.name or UNNAMED
        count = counts.get((record.parent_id, label), 0)
        counts[record.parent_id, label] = count + 1
        own = f"{label}[{count}]" if count else label
        path = own if parent is None else f"{parent.path}/{own}"
        known[record.id] = operation = RecordedOperation(record, parent, path)
        siblings.append(operation)
    for event in events:
        owner = known.get(event.operation_id or "")
        if owner is not None:
            owner.events.append(event)
    return top


def short_error(error: ErrorObject | None) -> str:
    """Return an error as `CardDeclined: no funds`: its class and first line."""
    if error is None:
        return ""
    kind = (error.type or "").rpartition(".")[2]
    text = (error.message or "").strip().partition("\n")[0]
    return ": ".join(part for part in (kind, text) if part) or "an error without a message"


def decoded(text: str | None) -> Any:
    """Return what a payload holds; one that is no JSON is the text itself."""
    if text is None or text == "":
        return text or None
    try:
        return DefaultSerDes().deserialize(text)
    except (SerDesError, json.JSONDecodeError):
        return text


def _carried(event: HistoryEvent, member: str) -> Any:
    carried: Any = event.details.get(member) or {}
    return carried.get("Payload")
