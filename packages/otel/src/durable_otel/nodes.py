"""What one invocation knows of an operation, a context's body or the handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry import trace
    from opentelemetry.context import Context

    from durable_core.lowlevel import OperationDetails


class Node:
    """An operation in this invocation, or, without one, the handler.

    Attributes:
        is_taken_up: An earlier invocation started it.
        is_silent: Its body runs over what an earlier invocation has been through.
        is_dead: Nothing new can happen in it: it has a recorded end, or is in what has.
        is_deferred: Its span is made when it has ended: before, nobody can set anything on it.
        is_first: Its span has the operation's own id, and not that of a continuation.
        open_children: What is open in it, in start order; None: nothing ever was.
        attributes: What identifies it, once it was looked up.
        links: What its span links to.
        span: Its span, once started.
        span_id: The id that its span has, where that is known before it starts.
        stand_in: What stands for the span until it is started.
        context: What its children have as parent, once they asked.
        attempt: The attempt that runs.
        is_closed: Nothing more comes of it in this invocation; its span may still be to be made.
        ended: With what it ended, if it did.
        above: What its span has as parent, where that is made then.
        body_end_ns: When its body ended.
        ended_as: How its body ended by itself; the record of that may be under way.
        low_ns: When its earliest child began, as far as exported here.
        high_ns: When its latest child ended, as far as exported here.
        has_exported_child: Whether a span that was exported names it as parent.
    """

    # Defaults of the class, not of `__init__`: one is made for each operation, and most keep them.
    is_dead = False
    is_deferred = False
    is_first = False
    attributes: dict[str, Any] | None = None
    links: tuple[trace.Link, ...] = ()
    span: trace.Span | None = None
    span_id = 0
    stand_in: trace.Span | None = None
    context: Context | None = None
    attempt: Any = None
    is_closed = False
    ended: OperationDetails | None = None
    above: Any = None
    body_end_ns = 0
    ended_as = ""
    high_ns = 0
    has_exported_child = False
    open_children: dict[str, Node] | None = None

    def __init__(
        self,
        parent: Node | None,
        operation: OperationDetails | None,
        start_ns: int,
        *,
        is_taken_up: bool,
    ) -> None:
        self.parent = parent
        self.operation = operation
        self.start_ns = self.low_ns = start_ns
        self.is_taken_up = self.is_silent = is_taken_up
        self.name = "" if operation is None else operation.name or operation.operation_id

    def cover(self, start_ns: int, end_ns: int) -> None:
        """Reach as far as a child that is exported."""
        self.low_ns = min(self.low_ns, start_ns)
        self.high_ns = max(self.high_ns, end_ns)
        self.has_exported_child = True


class NodeBody:
    """A node's body, as the current span in its code sees it."""

    __slots__ = ("_node", "_real", "_span_context")

    def __init__(
        self,
        node: Node,
        span_context: Callable[[Node], trace.SpanContext],
        real: trace.Span | None = None,
    ) -> None:
        self._node = node
        self._span_context = span_context
        self._real = real

    @property
    def is_silent(self) -> bool:
        """Whether it runs over what an earlier invocation has been through."""
        return self._node.is_silent

    def span_context(self) -> trace.SpanContext:
        """The span that stands for it."""
        return self._span_context(self._node)

    def real_span(self) -> trace.Span | None:
        """That span, where it is open."""
        return self._node.span or self._real
