"""The two views: which spans an execution has, and how they hang together."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from durable_otel.attributes import OPERATION_STATUS, describe_end, operation_attributes
from durable_otel.clock import NS_PER_MS
from durable_otel.ids import operation_span_id
from durable_otel.outbox import Outbox

if TYPE_CHECKING:
    from typing import Protocol

    from opentelemetry.context import Context

    from durable_core.lowlevel import OperationDetails
    from durable_otel.clock import CausalClock
    from durable_otel.ledger import Ledger, Memory
    from durable_otel.nodes import Node
    from durable_otel.tracer import SpanStarter

    class SpanView(Protocol):
        """What a view decides."""

        attempt_links: tuple[trace.Link, ...]

        def open(self, node: Node) -> None:
            """An operation starts, or is taken up."""
            ...

        def close(self, node: Node, operation: OperationDetails | None, end_ns: int) -> None:
            """It ended as told, or (None) is left open by this invocation."""
            ...

        def context_of(self, node: Node) -> Context:
            """What its children have as their parent."""
            ...

        def stand_in(self, node: Node) -> trace.Span:
            """Its span, or what stands for that until it is started."""
            ...

        def span_context_of(self, node: Node) -> trace.SpanContext:
            """The context of its span."""
            ...


UNSET: Final = trace.Status()
_LOOKING_UP: Final = RLock()
"""Held while a node is identified: an attempt may ask for its operation's span in a thread.

Whoever holds it may be interrupted by code that asks, as may who looks at an attempt.
"""


class Facts:
    """What all spans of an invocation have in common.

    Attributes:
        workflow: The span of the whole execution.
        invocation: The invocation's own.
        outbox: Spans that are still to be made.
    """

    __slots__ = (
        "_own",
        "arn",
        "clock",
        "invocation",
        "ledger",
        "memory",
        "outbox",
        "starter",
        "workflow",
    )

    def __init__(
        self,
        arn: str,
        workflow: trace.SpanContext,
        invocation: trace.Span,
        *,
        starter: SpanStarter,
        clock: CausalClock,
        ledger: Ledger,
        memory: Memory,
    ) -> None:
        self.arn = arn
        self.starter = starter
        self.clock = clock
        self.ledger = ledger
        self.memory = memory
        self.workflow = workflow
        self.invocation = invocation
        self.outbox = Outbox(is_patient=starter.is_settled)
        self._own = (workflow.trace_id, workflow.trace_flags, workflow.trace_state)

    def own_context(self, span_id: int) -> trace.SpanContext:
        """The context of a span of this trace."""
        trace_id, trace_flags, trace_state = self._own
        return trace.SpanContext(trace_id, span_id, False, trace_flags, trace_state)

    def placeholder(self, node: Node) -> Placeholder:
        """What stands for a span that is started when it ends."""
        return Placeholder(self.own_context(node.span_id), node.name, node.attributes or {})


class Placeholder(trace.NonRecordingSpan):
    """Stands for a span that is started later; has what vendors' processors read of a parent."""

    kind = trace.SpanKind.INTERNAL
    instrumentation_scope = None
    status = UNSET

    def __init__(self, context: trace.SpanContext, name: str, attributes: dict[str, Any]) -> None:
        self._context = context
        self.name = name
        self.attributes = attributes

    def get_span_context(self) -> trace.SpanContext:
        """The context of the span to come."""
        return self._context


class Deferring:
    """Makes the spans of operations when they have ended, where nobody can see them before."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def _identify(self, node: Node, operation: OperationDetails) -> None:
        raise NotImplementedError

    def _make_later(
        self, node: Node, operation: OperationDetails | None, above: Context, end_ns: int
    ) -> None:
        node.ended, node.above, node.is_closed = operation, above, True
        self._facts.outbox.put(self._make, node, end_ns)

    def _make(self, node: Node, end_ns: int) -> None:
        span = node.span or self._begin_ended(node)
        node.ended = None
        span.end(end_ns)

    def _begin_ended(self, node: Node) -> trace.Span:
        """Start the span of what has ended: with all there is to it, but its end."""
        operation, status = node.ended, None
        if node.attributes is None and operation is not None:
            self._identify(node, operation)
        attributes = (node.attributes or {}).copy()
        if operation is None:
            attributes[OPERATION_STATUS] = "STARTED"
        else:
            status = describe_end(attributes, operation)
        facts = self._facts
        try:
            span = facts.starter.start(
                node.name,
                node.above,
                attributes,
                node.links,
                start_ns=node.start_ns,
                span_id=node.span_id,
            )
        except Exception:  # noqa: BLE001 - of a span processor: the spans in it are made all the same
            facts.outbox.lost()
            span = facts.placeholder(node)
        node.span = span
        if status is not None:
            span.set_status(status)
        return span


class InvocationView(Deferring):
    """Operations under the invocation that ran them, in segments.

    The first segment has the operation's own id, a continuation a random one and a link to the
    first. A segment that an invocation leaves open ends with it, as STARTED.
    """

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        starter = facts.starter
        self.attempt_links = (trace.Link(facts.workflow),) if starter.has_chosen_ids else ()
        self._is_settled = starter.is_settled

    def open(self, node: Node) -> None:
        """Start a segment."""
        operation, parent = node.operation, node.parent
        if operation is None or parent is None or operation.is_virtual:
            return
        # What has no body is seen by nobody before it ends: one call makes the whole span then.
        if self._is_settled and operation.type != "CONTEXT":
            node.is_deferred = True
        else:
            self._identify(node, operation)
            self._start(node, parent)

    def _identify(self, node: Node, operation: OperationDetails) -> None:
        with _LOOKING_UP:
            if node.attributes is None:
                if not operation.is_virtual:
                    self._choose_id(node, operation.operation_id)
                node.links = (*node.links, *self.attempt_links)
                node.attributes = operation_attributes(self._facts.arn, operation)

    def _choose_id(self, node: Node, operation_id: str) -> None:
        facts = self._facts
        span_id = operation_span_id(facts.arn, operation_id)
        if not node.is_taken_up and operation_id not in facts.memory.used_ids:
            node.is_first = True
            node.span_id = span_id
            return
        if self.attempt_links:
            node.links = (trace.Link(facts.own_context(span_id)),)
        if node.is_deferred:
            node.span_id = facts.starter.new_span_id()

    def _start(self, node: Node, parent: Node) -> None:
        node.span = self._facts.starter.start(
            node.name,
            self.context_of(parent),
            node.attributes or {},
            node.links,
            start_ns=node.start_ns,
            span_id=node.span_id,
        )

    def close(self, node: Node, operation: OperationDetails | None, end_ns: int) -> None:
        """End the segment."""
        parent, span = node.parent, node.span
        if span is not None:
            self._facts.outbox.put(self._end, span, operation, end_ns)
            return
        if operation is None and node.operation is not None and node.is_deferred:
            # Whether it is the first is asked after: the end of this invocation may get lost.
            self._identify(node, node.operation)
        # A virtual context without anything in it has neither a span nor what one would say.
        elif operation is None and node.attributes is None:
            return
        if parent is not None:
            above = parent.context or self.context_of(parent)
            self._make_later(node, operation, above, end_ns)

    def _end(self, span: trace.Span, operation: OperationDetails | None, end_ns: int) -> None:
        told: dict[str, Any] = {OPERATION_STATUS: "STARTED"}
        if operation is not None:
            status = describe_end(told, operation)
            if status is not None:
                span.set_status(status)
        span.set_attributes(told)
        span.end(end_ns)

    def context_of(self, node: Node) -> Context:
        """A context with the segment."""
        if node.context is None:
            node.context = trace.set_span_in_context(self.stand_in(node))
        return node.context

    def stand_in(self, node: Node) -> trace.Span:
        """The segment; that of a virtual context begins when something is in it."""
        found, operation = node.span or node.stand_in, node.operation
        if found is None and node.is_closed:
            found = self._begin_ended(node)
        elif found is None and operation is not None and node.parent is not None:
            self._identify(node, operation)
            if node.span_id:
                found = node.stand_in = self._facts.placeholder(node)
            else:
                self._start(node, node.parent)
                found = node.span
        return found or trace.INVALID_SPAN

    def span_context_of(self, node: Node) -> trace.SpanContext:
        """The segment's; while a body without one is silent, that of what encloses it."""
        enclosing: Node = node
        while enclosing.span is None and enclosing.is_silent and enclosing.parent is not None:
            enclosing = enclosing.parent
        return self.stand_in(enclosing).get_span_context()


class ExecutionView(Deferring):
    """Each operation once, under the workflow or its context, exported when it has ended."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self.attempt_links = (trace.Link(facts.invocation.get_span_context()),)

    def open(self, node: Node) -> None:
        """Let children name it as parent."""
        operation = node.operation
        if operation is None:
            node.span_id = self._facts.workflow.span_id
        elif operation.is_virtual:
            node.span_id = self._facts.starter.new_span_id()
        else:
            node.is_deferred = True

    def _identify(self, node: Node, operation: OperationDetails) -> None:
        with _LOOKING_UP:
            if node.attributes is None:
                if node.is_deferred:
                    node.span_id = operation_span_id(self._facts.arn, operation.operation_id)
                node.attributes = operation_attributes(self._facts.arn, operation)

    def close(self, node: Node, operation: OperationDetails | None, end_ns: int) -> None:
        """Export it if it ended; a virtual context also if something in it was exported."""
        if operation is None:
            if not node.has_exported_child or node.operation is None:
                return
            if not node.operation.is_virtual:
                return
            operation = node.operation
        self._export(node, operation, end_ns)

    def _export(self, node: Node, operation: OperationDetails, end_ns: int) -> None:
        parent = node.parent
        if parent is None:
            return
        start_ns, end_ns = self._interval(node, operation, end_ns)
        start_ns = min(start_ns, node.low_ns if node.has_exported_child else start_ns)
        end_ns = max(end_ns, node.high_ns, start_ns)
        node.start_ns = start_ns
        node.links = self.attempt_links
        self._make_later(node, operation, self.context_of(parent), end_ns)
        parent.cover(start_ns, end_ns)

    def _interval(self, node: Node, operation: OperationDetails, end_ns: int) -> tuple[int, int]:
        """When it ran, on this host's clock, whatever the service's shows."""
        facts = self._facts
        began_ns = facts.memory.starts_ns.pop(operation.operation_id, None)
        if not node.is_taken_up or operation.started_at_ms is None:
            # An invocation that failed may have started it before, in vain.
            return min(began_ns or node.start_ns, node.start_ns), end_ns
        ended_at_ms = operation.ended_at_ms
        if ended_at_ms is None:
            start_ns = operation.started_at_ms * NS_PER_MS + facts.ledger.ahead_ns
            return min(began_ns or start_ns, end_ns), end_ns
        took_ns = (ended_at_ms - operation.started_at_ms) * NS_PER_MS
        if not node.is_dead:
            # It ended in this invocation: its end is ours, its duration the service's.
            return (end_ns - took_ns if began_ns is None else began_ns), end_ns
        if began_ns is None:
            began_ns = operation.started_at_ms * NS_PER_MS + facts.ledger.ahead_ns
        began_ns = min(began_ns, end_ns)
        left_ns = facts.memory.left_ns.pop(operation.operation_id, 0)
        return began_ns, min(max(began_ns + took_ns, left_ns), end_ns)

    def context_of(self, node: Node) -> Context:
        """A context with a placeholder of the span to come."""
        if node.context is None:
            node.context = trace.set_span_in_context(self.stand_in(node))
        return node.context

    def stand_in(self, node: Node) -> trace.Span:
        """A placeholder of the span to come."""
        if node.is_closed:
            return node.span or node.stand_in or self._begin_ended(node)
        if node.stand_in is None:
            if node.is_deferred and node.operation is not None:
                self._identify(node, node.operation)
            node.stand_in = self._facts.placeholder(node)
        return node.stand_in

    def span_context_of(self, node: Node) -> trace.SpanContext:
        """The context of the span to come."""
        if node.is_deferred and node.operation is not None:
            self._identify(node, node.operation)
        return self._facts.own_context(node.span_id)
