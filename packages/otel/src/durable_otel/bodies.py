"""What is the current span in workflow code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Body(Protocol):
        """The body of the handler or of a context."""

        @property
        def is_silent(self) -> bool:
            """Whether it runs over what an earlier invocation has been through."""
            ...

        def span_context(self) -> trace.SpanContext:
            """The span that stands for it."""
            ...

        def real_span(self) -> trace.Span | None:
            """That span, where it is open."""
            ...


class BodySpan(trace.Span):
    """The span of a body, as its code sees it.

    While the body replays, it says it is not sampled, so that spans which workflow code starts are
    not recorded again (by samplers that follow the parent, as OpenTelemetry's default does). It
    carries what processors of vendors look for in a parent.
    """

    kind = trace.SpanKind.INTERNAL

    def __init__(self, body: Body, name: str) -> None:
        self._body = body
        self.name = name
        self.attributes: Mapping[str, Any] = {}
        self.status = trace.Status()
        self.instrumentation_scope = None

    def _span(self) -> trace.Span:
        span = None if self._body.is_silent else self._body.real_span()
        return trace.INVALID_SPAN if span is None else span

    def get_span_context(self) -> trace.SpanContext:
        """The span's context; not sampled while the body replays."""
        context = self._body.span_context()
        if not self._body.is_silent:
            return context
        return trace.SpanContext(context.trace_id, context.span_id, is_remote=False)

    def end(self, end_time: int | None = None) -> None:
        """Nothing: the span ends with what it stands for."""

    def is_recording(self) -> bool:
        """Whether attributes and events go anywhere."""
        return self._span().is_recording()

    def set_attributes(self, attributes: Any) -> None:
        """Set attributes, unless replaying."""
        self._span().set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute, unless replaying."""
        self._span().set_attribute(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Add an event, unless replaying."""
        self._span().add_event(name, attributes, timestamp)

    def add_link(self, context: trace.SpanContext, attributes: Any = None) -> None:
        """Add a link, unless replaying."""
        self._span().add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Nothing: names are the operations'."""

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Nothing: the outcome decides."""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - OpenTelemetry's signature
    ) -> None:
        """Record an exception, unless replaying."""
        self._span().record_exception(exception, attributes, timestamp, escaped)
