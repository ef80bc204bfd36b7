"""From a history to spans: the whole trace of an execution, though nobody traced it.

Ids are those that `durable_otel` gives: derived from the execution. Attempts and invocations, whose
ids are random there, get derived ones of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from durable_core.lowlevel import OperationStatus, OperationType, error_from_wire
from durable_testing.model import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from durable_testing.model import HistoryEvent

WORKFLOW: Final = "workflow"
INVOCATION: Final = "invocation"
OPERATION: Final = "operation"
ATTEMPT: Final = "attempt"
_ERRORS: Final = ("FAILED", "TIMED_OUT", "STOPPED")
_TYPES: Final = {
    "Context": OperationType.CONTEXT,
    "Step": OperationType.STEP,
    "Wait": OperationType.WAIT,
    "Callback": OperationType.CALLBACK,
    "ChainedInvoke": OperationType.CHAINED_INVOKE,
}
_ENDS: Final = {
    "Succeeded": OperationStatus.SUCCEEDED,
    "Failed": OperationStatus.FAILED,
    "Cancelled": OperationStatus.CANCELLED,
    "TimedOut": OperationStatus.TIMED_OUT,
    "Stopped": OperationStatus.STOPPED,
}


@dataclass(slots=True)
class HistorySpan:
    """A span; times are milliseconds since the epoch, `end_ms` is None while it is open."""

    kind: str
    name: str
    span_id: str
    parent_id: str | None
    start_ms: int
    end_ms: int | None = None
    status: str = "STARTED"
    error: str | None = None
    depth: int = 0
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def has_failed(self) -> bool:
        """Whether it ended badly."""
        return self.status in _ERRORS


@dataclass(frozen=True, slots=True)
class HistoryTrace:
    """The spans of an execution: the workflow, its operations as a tree, its invocations."""

    execution_arn: str
    trace_id: str
    root_id: str
    spans: Sequence[HistorySpan]
    start_ms: int
    end_ms: int
    status: str


def derived_span_id(text: str) -> str:
    """The span id of what is named so; the first 8 bytes of a full BLAKE2b digest."""
    return blake2b(text.encode()).hexdigest()[:16]


def derived_trace_id(execution_arn: str, started_at_ms: int) -> str:
    """The trace of an execution that nobody called within a trace."""
    tail = blake2b(execution_arn.encode()).hexdigest()[:24]
    return f"{started_at_ms // 1000 & 0xFFFFFFFF:08x}{tail}"


def trace_of(
    execution_arn: str, events: Sequence[HistoryEvent], trace_id: str | None = None
) -> HistoryTrace:
    """Return the spans of an execution, as its history tells them.

    Raises:
        ValueError: The history is empty.
    """
    if not events:
        raise ValueError("the history has no events")
    builder = _Builder(execution_arn, events)
    first_ms, last_ms = events[0].at_ms, max(event.at_ms for event in events)
    return HistoryTrace(
        execution_arn,
        trace_id or derived_trace_id(execution_arn, first_ms),
        derived_span_id(f"execution-root:{execution_arn}"),
        builder.in_tree_order(),
        first_ms,
        last_ms,
        builder.workflow.status,
    )


class _Builder:
    def __init__(self, execution_arn: str, events: Iterable[HistoryEvent]) -> None:
        self._arn = execution_arn
        self._operations: dict[str, HistorySpan] = {}
        self._attempts: dict[str, list[HistorySpan]] = {}
        self._invocations: list[HistorySpan] = []
        self._below: dict[str, list[HistorySpan]] = {}
        self.workflow = HistorySpan(
            WORKFLOW, "Workflow", derived_span_id(f"workflow:{execution_arn}"), None, 0
        )
        self.workflow.status = "RUNNING"
        for event in events:
            self._take(event)

    def in_tree_order(self) -> list[HistorySpan]:
        """The workflow, its operations with what is in them, then the invocations."""
        ordered: list[HistorySpan] = []
        self._walk(self.workflow, 0, ordered)
        return ordered + self._invocations

    def _walk(self, span: HistorySpan, depth: int, ordered: list[HistorySpan]) -> None:
        span.depth = depth
        ordered.append(span)
        for child in self._below.get(span.span_id, []):
            self._walk(child, depth + 1, ordered)

    def _take(self, event: HistoryEvent) -> None:
        kind = event.type.value
        if event.type is EventType.EXECUTION_STARTED:
            self.workflow.start_ms = event.at_ms
            self.workflow.attributes["durable.execution.arn"] = self._arn
        elif event.type is EventType.INVOCATION_COMPLETED:
            self._invoked(event)
        elif kind.startswith("Execution"):
            end = _ENDS.get(kind.removeprefix("Execution"))
            if end is not None:
                self._end(self.workflow, event, end.value)
                self.workflow.attributes["durable.execution.status"] = end.value
        elif event.operation_id is not None:
            self._operated(event, event.operation_id)

    def _invoked(self, event: HistoryEvent) -> None:
        number = len(self._invocations) + 1
        start_ms = event.details.get("StartTimestamp") or event.at_ms
        span = HistorySpan(
            INVOCATION,
            "Invocation",
            derived_span_id(f"{self._arn}:invocation:{number}"),
            None,
            start_ms,
            event.details.get("EndTimestamp") or event.at_ms,
            "COMPLETED",
            attributes={
                "durable.execution.arn": self._arn,
                "durable.invocation.first": number == 1,
            },
        )
        if _error_of(event):
            span.status, span.error = "FAILED", _error_of(event)
        self._invocations.append(span)

    def _operated(self, event: HistoryEvent, operation_id: str) -> None:
        kind = next((name for name in _TYPES if event.type.startswith(name)), None)
        if kind is None:
            return
        span = self._operations.get(operation_id)
        if span is None:
            span = self._operations[operation_id] = self._begin(event, operation_id, _TYPES[kind])
        ending = event.type.removeprefix(kind)
        if _TYPES[kind] is OperationType.STEP:
            self._attempted(event, span, operation_id, ending)
        retry: dict[str, Any] = event.details.get("RetryDetails") or {}
        end = _ENDS.get(ending)
        if end is not None and not retry.get("NextAttemptDelaySeconds"):
            self._end(span, event, end.value)
            span.attributes["durable.operation.status"] = end.value

    def _begin(
        self, event: HistoryEvent, operation_id: str, operation_type: OperationType
    ) -> HistorySpan:
        parent = self._operations.get(event.parent_id or "", self.workflow)
        attributes: dict[str, Any] = {
            "durable.execution.arn": self._arn,
            "durable.operation.id": operation_id,
            "durable.operation.type": operation_type.value,
            "durable.operation.status": "STARTED",
        }
        if event.subtype is not None:
            attributes["durable.operation.subtype"] = str(event.subtype)
        if event.name is not None:
            attributes["durable.operation.name"] = event.name
        span = HistorySpan(
            OPERATION,
            event.name or operation_id,
            derived_span_id(f"{self._arn}:{operation_id}"),
            parent.span_id,
            event.at_ms,
            attributes=attributes,
        )
        self._below.setdefault(parent.span_id, []).append(span)
        return span

    def _attempted(
        self, event: HistoryEvent, span: HistorySpan, operation_id: str, ending: str
    ) -> None:
        attempts = self._attempts.setdefault(operation_id, [])
        is_running = bool(attempts) and attempts[-1].end_ms is None
        if not is_running:
            number = len(attempts) + 1
            attempt = HistorySpan(
                ATTEMPT,
                f"{span.name} attempt {number}",
                derived_span_id(f"{self._arn}:{operation_id}:attempt:{number}"),
                span.span_id,
                event.at_ms,
                attributes={**span.attributes, "durable.attempt.number": number},
            )
            del attempt.attributes["durable.operation.status"]
            attempts.append(attempt)
            self._below.setdefault(span.span_id, []).append(attempt)
            span.attributes["durable.attempt.number"] = number
        if (end := _ENDS.get(ending)) is not None:
            self._end(attempts[-1], event, end.value)
            attempts[-1].attributes["durable.attempt.outcome"] = end.value

    def _end(self, span: HistorySpan, event: HistoryEvent, status: str) -> None:
        span.end_ms = event.at_ms
        span.status = status
        span.error = _error_of(event)


def _error_of(event: HistoryEvent) -> str | None:
    carried: dict[str, Any] = event.details.get("Error") or {}
    error = error_from_wire(carried.get("Payload"))
    if error is None:
        return None
    kind = (error.type or "").rpartition(".")[2]
    text = (error.message or "").strip().partition("\n")[0]
    return ": ".join(part for part in (kind, text) if part) or "an error without a message"
