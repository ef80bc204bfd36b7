"""One execution: its records, its history, its clock, and what the handler has seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from durable_core.lowlevel import ExecutionStatus, Operation, OperationStatus, OperationType
from durable_testing.model.history import (
    NO_DETAILS,
    Details,
    EventType,
    HistoryEvent,
    carried_error,
)
from durable_testing.model.lifecycle import OPEN_STATUSES
from durable_testing.model.requests import StartMode

if TYPE_CHECKING:
    from durable_core.lowlevel import CheckpointResponse, ErrorObject
    from durable_testing.model.effects import ChainedInvoke

_STARTED = OperationStatus.STARTED
_PENDING = OperationStatus.PENDING
_AWAITED = (OperationType.WAIT, OperationType.CALLBACK, OperationType.CHAINED_INVOKE)


class CallbackDeadlines(NamedTuple):
    """When an open callback times out: the earlier of the two, the timeout on a tie."""

    timeout_at_ms: int | None = None
    heartbeat_seconds: int | None = None
    heartbeat_at_ms: int | None = None

    @property
    def due_ms(self) -> int | None:
        """The earlier deadline."""
        if self.timeout_at_ms is None or self.heartbeat_at_ms is None:
            return self.heartbeat_at_ms if self.timeout_at_ms is None else self.timeout_at_ms
        return min(self.timeout_at_ms, self.heartbeat_at_ms)

    @property
    def is_heartbeat(self) -> bool:
        """Whether the heartbeat is the earlier one."""
        return self.due_ms != self.timeout_at_ms


class Replayable(NamedTuple):
    """The last checkpoint and its answer, for a client that did not get it (service 1.3)."""

    client_token: str
    inbound_token: str
    at_ms: int
    response: CheckpointResponse


class Timer(NamedTuple):
    """Something due; compares by time, the operations first and in start order."""

    due_ms: int
    is_own: bool
    sequence: int
    operation_id: str
    """Empty: the execution's own timeout or its next invocation."""


def is_pending(operation: Operation) -> bool:
    """Whether PENDING may be returned because of it (service 2.3)."""
    _, kind, status = operation[:3]
    return status is _PENDING or (status is _STARTED and kind in _AWAITED)


class Execution:
    """The state of one execution; every module of the model changes it through its methods."""

    __slots__ = (
        "arn", "billed_operations", "bytes_written", "callbacks", "dispatches", "ended_at_ms",
        "error", "events", "expires_at_ms", "failures", "function_name", "handler_seen", "id",
        "invocation_began_ms", "invocation_id", "invocations", "is_invocation_due",
        "is_superseded", "is_timeout_paused", "last_stamp_ms", "mode", "name", "order",
        "owes_invocation", "parent_arn", "parent_operation_id", "pause_reason",
        "pause_requested_ms", "pause_token", "pending", "records", "replayable", "reported_ms",
        "result", "resume_token", "retention_days", "retry_at_ms", "saved_events",
        "seen_at_build", "sequence", "started_at_ms", "status", "strikes", "tenant_id",
        "timeout_at_ms", "timeout_left_ms", "timeout_seconds", "timers", "token", "token_number",
        "touch", "touched", "trace_header", "unsaved", "unseen", "version",
    )  # fmt: skip

    def __init__(self, arn: str, execution_id: str, name: str, function_name: str) -> None:
        self.arn = arn
        self.id = execution_id
        self.name = name
        self.function_name = function_name
        self.version = ""
        self.mode = StartMode.EMBEDDED
        self.tenant_id: str | None = None
        self.trace_header: str | None = None
        self.parent_arn: str | None = None
        self.parent_operation_id: str | None = None
        self.status = ExecutionStatus.RUNNING
        self.result: str | None = None
        self.error: ErrorObject | None = None
        self.started_at_ms = 0
        self.ended_at_ms: int | None = None
        self.retention_days = 0
        self.expires_at_ms: int | None = None
        self.billed_operations = 0
        self.bytes_written = 0
        self._init_clock()
        self._init_invocation()
        self._init_journal()

    def _init_clock(self) -> None:
        self.last_stamp_ms = 0
        self.reported_ms = -1
        self.timeout_seconds = 0
        self.timeout_at_ms: int | None = None
        self.timeout_left_ms: int | None = None
        self.pause_requested_ms: int | None = None
        self.pause_reason: str | None = None
        self.is_timeout_paused = False
        self.pause_token: str | None = None
        self.resume_token: str | None = None
        self.timers: list[Timer] = []

    def _init_invocation(self) -> None:
        self.invocations = 0
        self.invocation_id: str | None = None
        self.invocation_began_ms = 0
        self.is_invocation_due = False
        self.is_superseded = False
        self.owes_invocation = False
        self.retry_at_ms: int | None = None
        self.failures = 0
        self.strikes = 0
        self.token: str | None = None
        self.token_number = 0
        self.replayable: Replayable | None = None

    def _init_journal(self) -> None:
        self.records: dict[str, Operation] = {}
        self.order: list[str] = []
        self.sequence: dict[str, int] = {}
        self.touched: dict[str, int] = {}
        self.touch = 0
        self.handler_seen = 0
        self.seen_at_build = 0
        self.unseen: dict[str, None] = {}
        self.pending = 0
        self.callbacks: dict[str, CallbackDeadlines] = {}
        self.dispatches: dict[str, ChainedInvoke] = {}
        self.events: list[HistoryEvent] = []
        self.saved_events = 0
        self.unsaved: dict[str, None] = {}

    @property
    def is_open(self) -> bool:
        """Whether it has not reached its end."""
        return self.status in OPEN_STATUSES

    @property
    def has_news(self) -> bool:
        """Whether something changed that no invocation was told about (service 2.3)."""
        return self.touch > self.handler_seen and self.touch > self.seen_at_build

    def stamp(self, at_ms: int) -> int:
        """Return the time to record for what happens at `at_ms`.

        It never goes back, and is later than all that was reported to the handler: completions of
        different reports never share a journal key.
        """
        stamp = max(at_ms, self.last_stamp_ms, self.reported_ms + 1)
        self.last_stamp_ms = stamp
        return stamp

    def report(self) -> None:
        """Take note that the handler is being told the present state."""
        self.reported_ms = self.last_stamp_ms

    def put(self, operation: Operation) -> None:
        """Set a record: the handler hears of it, the store keeps it."""
        operation_id, kind, status = operation[:3]
        before = self.records.get(operation_id)
        if before is None:
            self.sequence[operation_id] = len(self.order)
            self.order.append(operation_id)
        elif is_pending(before):
            self.pending -= 1
        if status is _PENDING or (status is _STARTED and kind in _AWAITED):
            self.pending += 1
        self.records[operation_id] = operation
        self.touch += 1
        self.touched[operation_id] = self.touch
        self.unseen[operation_id] = None
        self.unsaved[operation_id] = None

    def mark_seen(self, through: int) -> None:
        """Move the watermark: the handler has seen every change up to that number."""
        if through >= self.touch:
            self.unseen.clear()
        elif through > self.handler_seen:
            for operation_id in [key for key in self.unseen if self.touched[key] <= through]:
                del self.unseen[operation_id]
        self.handler_seen = max(self.handler_seen, through)

    def append(
        self,
        kind: EventType,
        at_ms: int,
        operation: Operation | None = None,
        details: Details = NO_DETAILS,
    ) -> None:
        """Append an event."""
        number = len(self.events) + 1
        if operation is None:
            event = HistoryEvent(number, kind, at_ms, details=details)
        else:
            operation_id, _, _, _, parent_id, name, subtype = operation[:7]
            event = HistoryEvent(
                number, kind, at_ms, operation_id, name, subtype, parent_id, details
            )
        self.events.append(event)

    def complete_invocation(self, stamp_ms: int, error: ErrorObject | None = None) -> None:
        """End the invocation in flight: free the gate and say so in the history."""
        details: dict[str, Any] = {
            "StartTimestamp": self.invocation_began_ms,
            "EndTimestamp": stamp_ms,
            "RequestId": self.invocation_id,
        }
        if error is not None:
            details["Error"] = carried_error(error)
        self.invocation_id = None
        self.is_superseded = False
        self.token = None
        self.append(EventType.INVOCATION_COMPLETED, stamp_ms, details=details)

    def due_of(self, operation_id: str) -> int | None:
        """When an open operation changes by itself; None for one that does not."""
        operation = self.records[operation_id]
        if operation.status is _PENDING:
            return operation.next_attempt_at_ms
        if operation.status is not _STARTED:
            return None
        if operation.type is OperationType.WAIT:
            return operation.scheduled_end_ms
        deadlines = self.callbacks.get(operation_id)
        return None if deadlines is None else deadlines.due_ms
