"""The plugin: turns what the hooks tell of one invocation into spans, each once."""

from __future__ import annotations

from asyncio import CancelledError
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import attach, detach

from durable_core.lowlevel import Instrumentation
from durable_otel.attempts import Attempt
from durable_otel.beginning import begin, context_with
from durable_otel.bodies import BodySpan
from durable_otel.carriers import XRAY_HEADER, xray_header
from durable_otel.clock import NS_PER_MS
from durable_otel.contexts import BodyOfContext
from durable_otel.endings import Leftovers, describe_invocation, export_workflow, flush
from durable_otel.nodes import Node, NodeBody
from durable_otel.settings import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping
    from contextlib import AbstractContextManager

    from durable_core.lowlevel import (
        AttemptOutcome,
        InvocationDetails,
        InvocationOutcome,
        OperationDetails,
    )
    from durable_otel.beginning import Beginning
    from durable_otel.flusher import Flusher
    from durable_otel.ledger import Ledger
    from durable_otel.settings import Settings
    from durable_otel.tracer import Tracers
    from durable_otel.views import Facts, SpanView

CONTEXT = "CONTEXT"
RUNNING_BODY: ContextVar[Node | None] = ContextVar("durable_otel_body", default=None)
"""The body whose code runs: virtual contexts are found by it, for no record names them."""
STAMP_NS = NS_PER_MS
"""The service's stamps are in whole milliseconds."""


class TracingPlugin(Instrumentation):
    """Traces one invocation.

    Every hook does nothing where the trace is not recorded, or before the invocation has begun.

    Attributes:
        begun: What the invocation started with.
        facts: What all its spans have in common.
        view: How they hang together.
    """

    begun: Beginning
    facts: Facts
    view: SpanView

    def __init__(
        self, settings: Settings, ledger: Ledger, flusher: Flusher, tracers: Tracers
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._flusher = flusher
        self._tracers = tracers
        self._has_begun = False
        self._is_recorded = False
        self._nodes: dict[str, Node] = {}
        self._open: dict[str, Node] = {}
        self._leftovers: Leftovers | None = None
        self._token: Any = None

    # The invocation

    def invocation_start(self, invocation: InvocationDetails, /) -> None:
        """Start its span, and make it current for the workflow's code."""
        self.begun = begun = begin(invocation, self._settings, self._ledger, self._tracers)
        self.facts, self.view = begun.facts, begun.view
        self._has_begun = True
        span = begun.facts.invocation
        self._is_recorded = span.is_recording()
        if self._settings.view is View.EXECUTION:
            self._leftovers = Leftovers(begun.facts, begun.view, invocation.operations, self._open)
        current: trace.Span = span
        if self._is_recorded:
            body = NodeBody(begun.root, begun.view.span_context_of, span)
            current = BodySpan(body, "Invocation")
        self._token = attach(context_with(current, begun.baggage))
        RUNNING_BODY.set(begun.root)

    def invocation_end(self, invocation: InvocationDetails, outcome: InvocationOutcome, /) -> None:
        """End what is open, the innermost first; the Workflow too if it has ended."""
        if not self._has_begun:
            return
        begun = self.begun
        detach(self._token)
        if self._is_recorded:
            self._end(begun, invocation, outcome)
        flush(self._flusher, self._settings, invocation)

    def _end(
        self, begun: Beginning, invocation: InvocationDetails, outcome: InvocationOutcome
    ) -> None:
        facts = begun.facts
        memory = facts.memory
        has_failed = outcome.status not in ("SUCCEEDED", "FAILED", "PENDING")
        for operation_id, node in reversed(self._open.copy().items()):
            left_ns = facts.clock.now()
            self._cut_off(node, left_ns)
            if has_failed and node.operation is not None and not node.is_dead:
                status = node.ended_as or node.operation.status
                memory.unsettled[operation_id] = node.operation._replace(status=status)
                memory.left_ns[operation_id] = left_ns
                if node.is_first:
                    memory.used_ids.add(operation_id)
        describe_invocation(facts.invocation, outcome)
        if outcome.status in ("SUCCEEDED", "FAILED") and self._leftovers is not None:
            self._leftovers.export(begun.root, facts.clock.now(), outcome.error)
        facts.outbox.close()
        memory.last_ns = facts.clock.now()
        facts.invocation.end(memory.last_ns)
        if outcome.status in ("SUCCEEDED", "FAILED"):
            export_workflow(begun, invocation, outcome, self._settings.workflow_span_name)
            self._ledger.forget(facts.arn)

    def _cut_off(self, node: Node, now_ns: int) -> None:
        """Leave an operation open at the end of the invocation, or of what encloses it."""
        operation = node.operation
        if operation is None:
            return
        if node.attempt is not None:
            node.attempt.end(now_ns)
        if not operation.is_virtual:
            starts_ns = self.facts.memory.starts_ns
            starts_ns.setdefault(operation.operation_id, node.start_ns)
        self.view.close(node, None, node.body_end_ns or now_ns)
        self._closed(operation.operation_id, node)

    def _opened(self, operation_id: str, node: Node) -> None:
        self._open[operation_id] = node
        parent = node.parent
        if parent is not None:
            children = parent.open_children
            if children is None:
                children = parent.open_children = {}
            children[operation_id] = node
        self.view.open(node)

    def _closed(self, operation_id: str, node: Node) -> None:
        self._open.pop(operation_id, None)
        parent = node.parent
        if parent is not None and parent.open_children:
            parent.open_children.pop(operation_id, None)

    # Operations

    def operation_start(self, operation: OperationDetails, /) -> None:
        """Start its span, or take it up again."""
        if not self._is_recorded:
            return
        parent = self._parent_of(operation)
        node = Node(parent, operation, self.facts.clock.now(), is_taken_up=operation.is_replayed)
        operation_id = operation.operation_id
        self._nodes[operation_id] = node
        if self._leftovers is not None:
            self._leftovers.seen(operation)
        if parent.is_dead:
            node.is_dead = node.is_silent = True
            return
        if parent.is_silent and not operation.is_replayed:
            _wake(parent)
        self._opened(operation_id, node)

    def operation_replayed(self, operation: OperationDetails, /) -> None:
        """Nothing, unless it ended in an invocation that failed before it knew."""
        if not self._is_recorded:
            return
        if self._leftovers is not None:
            self._leftovers.seen(operation)
        if operation.operation_id in self.facts.memory.unsettled:
            self._ended(operation)

    def operation_end(self, operation: OperationDetails, /) -> None:
        """End its span."""
        if self._is_recorded:
            self._ended(operation)

    def _ended(self, operation: OperationDetails) -> None:
        operation_id = operation.operation_id
        facts = self.facts
        now_ns = facts.clock.now()
        node = self._nodes.get(operation_id)
        if node is None or node.is_dead:
            node = self._take_up_dead(operation, now_ns)
            now_ns = facts.clock.now()
        elif operation_id not in self._open:
            return
        parent = node.parent
        if parent is not None and parent.is_silent and not operation.is_replayed:
            _wake(parent)
        if not node.is_taken_up and operation.started_at_ms is not None:
            lead_ns = node.start_ns - operation.started_at_ms * NS_PER_MS
            if lead_ns >= STAMP_NS:
                facts.ledger.see_ahead(lead_ns)
        end_ns = node.body_end_ns or now_ns
        is_context = operation.type == CONTEXT
        if self._leftovers is not None:
            self._leftovers.seen(operation)
            if is_context:
                self._leftovers.export(node, end_ns)
        memory = facts.memory
        memory.unsettled.pop(operation_id, None)
        self.view.close(node, operation, end_ns)
        self._closed(operation_id, node)
        memory.starts_ns.pop(operation_id, None)
        if not is_context:
            del self._nodes[operation_id]

    def _take_up_dead(self, operation: OperationDetails, now_ns: int) -> Node:
        """An operation of which an earlier invocation did not see the end."""
        node = Node(self._parent_of(operation), operation, now_ns, is_taken_up=True)
        node.is_dead = True
        self._nodes[operation.operation_id] = node
        self.view.open(node)
        self._settle_children(operation.operation_id)
        return node

    def _settle_children(self, parent_id: str) -> None:
        """What a failed invocation left open in a context whose end did become durable."""
        unsettled = self.facts.memory.unsettled
        for operation in [each for each in unsettled.values() if each.parent_id == parent_id]:
            is_ended = operation.status in ("SUCCEEDED", "FAILED")
            if is_ended or self._leftovers is not None:
                self._ended(operation)

    def _parent_of(self, operation: OperationDetails) -> Node:
        body = RUNNING_BODY.get()
        parent_id = operation.parent_id
        around = None if body is None else body.operation
        # Virtual contexts share the ParentId of what encloses them.
        if body is not None and around is not None and around.is_virtual:
            is_itself = around.operation_id == operation.operation_id
            if around.parent_id == parent_id and not is_itself:
                return body
        node = None if parent_id is None else self._nodes.get(parent_id)
        return self.begun.root if node is None else node

    # Bodies

    def attempt(
        self, operation: OperationDetails, /
    ) -> AbstractContextManager[Callable[[AttemptOutcome], None] | None] | None:
        """Wrap an attempt; called in the task or thread that runs it."""
        node = self._nodes.get(operation.operation_id)
        if node is None or not self._is_recorded:
            return None
        return Attempt(self.facts, self.view, node, operation)

    def context_body(self, operation: OperationDetails, /) -> BodyOfContext | None:
        """Wrap a context's body; called in its task."""
        if not self._is_recorded:
            return None
        node = self._nodes.get(operation.operation_id)
        if node is None:
            parent = self._parent_of(operation)
            node = Node(parent, operation, self.facts.clock.now(), is_taken_up=parent.is_silent)
            node.is_dead = parent.is_dead or not operation.is_virtual
            node.is_silent = node.is_dead or parent.is_silent
            self._nodes[operation.operation_id] = node
            if operation.is_virtual:
                self._opened(operation.operation_id, node)
        RUNNING_BODY.set(node)
        span = BodySpan(NodeBody(node, self.view.span_context_of), node.name)
        return BodyOfContext(span, node, self._body_ended)

    def _body_ended(self, node: Node, outcome: AttemptOutcome) -> None:
        """What is left open in a body that has ended is nobody's any more."""
        node.body_end_ns = now_ns = self.facts.clock.now()
        if not isinstance(outcome.exception, CancelledError):
            node.ended_as = outcome.status
        self._cut_off_children(node, now_ns)
        operation = node.operation
        if operation is None or not operation.is_virtual:
            return
        self._closed(operation.operation_id, node)
        is_seen = node.span is not None or not node.is_silent
        ended = operation._replace(status=outcome.status) if is_seen else None
        self.view.close(node, ended, now_ns)

    def _cut_off_children(self, node: Node, now_ns: int) -> None:
        for child in reversed((node.open_children or {}).copy().values()):
            self._cut_off_children(child, now_ns)
            if not child.body_end_ns:
                self._cut_off(child, now_ns)

    # What else is told

    def propagate(self, operation: OperationDetails, carrier: MutableMapping[str, str], /) -> None:
        """Tell the invoked function who called."""
        if not self._has_begun:
            return
        begun = self.begun
        node = self._nodes.get(operation.operation_id)
        if node is not None:
            carrier[XRAY_HEADER] = xray_header(begun.view.stand_in(node).get_span_context())
        elif begun.caller is not None:
            carrier[XRAY_HEADER] = xray_header(begun.caller)

    def log_fields(self) -> Mapping[str, Any] | None:
        """The current span, under OpenTelemetry's names."""
        span = trace.get_current_span().get_span_context()
        if not span.is_valid:
            return None
        return {
            "trace_id": f"{span.trace_id:032x}",
            "span_id": f"{span.span_id:016x}",
            "trace_flags": f"{span.trace_flags & 1:02x}",
        }


def _wake(node: Node | None) -> None:
    """Something new happened in a body: it does not replay any more, nor does what it is in."""
    while node is not None and node.is_silent and not node.is_dead:
        node.is_silent = False
        operation = node.operation
        if operation is None or not operation.is_virtual:
            return
        node = node.parent
