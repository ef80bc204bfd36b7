"""How an invocation's trace ends: the Workflow, what nobody waited for, the flush."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from durable_core import NonDeterministicExecutionError
from durable_core.lowlevel import OperationDetails, error_type_name
from durable_otel.attributes import (
    ERROR_TYPE,
    EXECUTION_ARN,
    EXECUTION_STATUS,
    INVOCATION_STATUS,
    OK,
    error_status,
)
from durable_otel.clock import NS_PER_MS
from durable_otel.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_core.lowlevel import InvocationDetails, InvocationOutcome, Operation
    from durable_otel.beginning import Beginning
    from durable_otel.flusher import Flusher
    from durable_otel.settings import Settings
    from durable_otel.views import Facts, SpanView

DEADLINE_SUBTYPE = "Deadline"
MIN_REMAINING_SECONDS = 0.2
_STATUSES = {"RETRY": "RETRYING"}


def describe_invocation(span: trace.Span, outcome: InvocationOutcome) -> None:
    """Set how the invocation ended, what it replayed and what it waits for."""
    status = outcome.status
    span.set_attributes(
        {
            INVOCATION_STATUS: _STATUSES.get(status, status),
            "durable_otel.replay.operations": outcome.replayed_operations,
            "durable_otel.checkpoint.calls": outcome.checkpoint_calls,
            "durable_otel.checkpoint.updates": outcome.checkpoint_updates,
            "durable_otel.checkpoint.bytes": outcome.checkpoint_bytes,
        }
    )
    for waiting in outcome.suspended_on:
        attributes: dict[str, Any] = {
            "durable_otel.operation.id": waiting.operation_id,
            "durable_otel.operation.type": str(waiting.type),
        }
        if waiting.name is not None:
            attributes["durable_otel.operation.name"] = waiting.name
        if waiting.resumes_at_ms is not None:
            attributes["durable_otel.resumes_at_ms"] = waiting.resumes_at_ms
        span.add_event("durable.suspend", attributes)
    if outcome.suspended_on:
        kinds = sorted({str(waiting.type) for waiting in outcome.suspended_on})
        span.set_attribute("durable_otel.suspended_on", kinds)
    if status in ("SUCCEEDED", "PENDING"):
        span.set_status(OK)
    elif outcome.error is not None:
        span.set_attribute(ERROR_TYPE, error_type_name(type(outcome.error)))
    if status == "FAILED":
        span.set_status(error_status(str(outcome.error or "")))


def export_workflow(
    begun: Beginning, invocation: InvocationDetails, outcome: InvocationOutcome, name: str
) -> None:
    """Export the span of the whole execution: once, in the invocation that ends it."""
    facts = begun.facts
    start_ns = invocation.started_at_ms * NS_PER_MS + facts.ledger.ahead_ns
    start_ns = min(start_ns, facts.memory.first_ns, begun.root.low_ns)
    attributes: dict[str, Any] = {EXECUTION_ARN: facts.arn, EXECUTION_STATUS: outcome.status}
    if invocation.execution_name is not None:
        attributes["durable_otel.execution.name"] = invocation.execution_name
    span = facts.starter.start(
        name,
        begun.ancestor,
        attributes,
        start_ns=start_ns,
        span_id=facts.workflow.span_id,
    )
    if outcome.status == "SUCCEEDED":
        span.set_status(OK)
    else:
        error = outcome.error
        if error is not None:
            span.set_attribute(ERROR_TYPE, error_type_name(type(error)))
        span.set_status(error_status(str(error or "")))
    span.end(max(facts.clock.now(), begun.root.high_ns))


class Leftovers:
    """In the execution view: operations whose end no hook tells of.

    They lost a race, were cancelled, or were never awaited. Each is exported when what encloses it
    ends, as far as it came.
    """

    def __init__(
        self,
        facts: Facts,
        view: SpanView,
        operations: Mapping[str, Operation],
        open_nodes: Mapping[str, Node],
    ) -> None:
        self._facts = facts
        self._view = view
        self._open_nodes = open_nodes
        self._records = operations
        self._unseen: dict[str | None, dict[str, None]] = {}
        for record in operations.values():
            self._unseen.setdefault(record.parent_id, {})[record.id] = None
        self._started: dict[str | None, dict[str, OperationDetails]] = {}

    def seen(self, operation: OperationDetails) -> None:
        """A hook told of it."""
        operation_id, parent_id = operation.operation_id, operation.parent_id
        unseen = self._unseen.get(parent_id)
        if unseen is not None:
            unseen.pop(operation_id, None)
        if operation.status in ("STARTED", "PENDING", "READY"):
            self._started.setdefault(parent_id, {})[operation_id] = operation
        else:
            self._started.get(parent_id, {}).pop(operation_id, None)

    def export(self, node: Node, end_ns: int, error: BaseException | None = None) -> None:
        """Export what is left in what `node` stands for, and what is left in that."""
        parent_id = None if node.operation is None else node.operation.operation_id
        for operation in self._started.pop(parent_id, {}).values():
            known = self._open_nodes.get(operation.operation_id)
            # A context that has ended before the service knows: its own end is still told.
            if known is None or not known.ended_as:
                self._export_one(node, self._known(operation), end_ns, error)
        # A divergence leaves records unclaimed that ended, and were exported, long ago.
        has_diverged = isinstance(error, NonDeterministicExecutionError)
        for operation_id in self._unseen.pop(parent_id, {}):
            record = self._records[operation_id]
            if record.subtype != DEADLINE_SUBTYPE and not (has_diverged and record.is_terminal):
                self._export_one(node, _details(record), end_ns, error)

    def _known(self, operation: OperationDetails) -> OperationDetails:
        record = self._records.get(operation.operation_id)
        return operation if record is None else _details(record)

    def _export_one(
        self, parent: Node, operation: OperationDetails, end_ns: int, error: BaseException | None
    ) -> None:
        facts = self._facts
        start_ns = facts.memory.starts_ns.get(operation.operation_id, 0)
        if not start_ns:
            start_ns = (operation.started_at_ms or 0) * NS_PER_MS + facts.ledger.ahead_ns
        node = Node(parent, operation, min(start_ns, end_ns), is_taken_up=True)
        node.is_dead = operation.ended_at_ms is not None
        self._view.open(node)
        if operation.type == "CONTEXT":
            self.export(node, end_ns, error)
        self._view.close(node, operation, end_ns)


def flush(flusher: Flusher, settings: Settings, invocation: InvocationDetails) -> None:
    """Flush the providers that can be, within the time that is left."""
    seconds = settings.flush_timeout
    remaining = getattr(invocation.host, "get_remaining_time_in_millis", None)
    if remaining is not None:
        seconds = min(seconds, remaining() / 1000 - MIN_REMAINING_SECONDS)
    if seconds <= 0:
        return
    providers: list[Any] = [settings.tracer_provider or trace.get_tracer_provider()]
    if settings.metrics:
        providers.append(settings.meter_provider or global_meter_provider())
    able = [provider for provider in providers if hasattr(provider, "force_flush")]
    if able:
        flusher.flush(able, seconds)


def global_meter_provider() -> Any:
    """The application's meter provider."""
    from opentelemetry import metrics  # noqa: PLC0415 - who records no metrics loads none

    return metrics.get_meter_provider()


def _details(record: Operation) -> OperationDetails:
    error = record.error
    return OperationDetails(
        record.id,
        record.type,
        record.subtype,
        record.name,
        record.parent_id,
        record.status,
        is_replayed=True,
        attempt=record.attempt or None,
        started_at_ms=record.started_at_ms,
        ended_at_ms=record.ended_at_ms,
        scheduled_end_ms=record.scheduled_end_ms,
        error_type=None if error is None else error.type,
        error_message=None if error is None else error.message,
    )
