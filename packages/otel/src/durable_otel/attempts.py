"""One attempt: its span, current in the task or thread that runs it."""

from __future__ import annotations

from threading import Event, RLock, get_ident
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current

from durable_otel.attributes import (
    ATTEMPT_NUMBER,
    ATTEMPT_OUTCOME,
    OK,
    TRUNCATED,
    describe_error,
    operation_attributes,
)
from durable_otel.bodies import BodySpan
from durable_otel.tracer import SPAN_KEY
from durable_otel.views import Placeholder

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from durable_core.lowlevel import AttemptOutcome, OperationDetails
    from durable_otel.nodes import Node
    from durable_otel.views import Facts, SpanView

CONDITION_SUBTYPE: Final = "WaitForCondition"
PATIENCE_SECONDS: Final = 1.0
"""How long a thread waits for another that begins the span: that one may wait for a lock of ours.

Handlers of logs hold one while they add an event, and processors log.
"""
_CHOOSING: Final = RLock()
"""Held for a look at an attempt: its code may have threads.

Whoever holds it may be interrupted, by a signal or what collects garbage, by code that looks too.
"""


class Attempt:
    """Wraps the body of a step or of a condition's check.

    Where it is settled that spans are recorded, the span is made in one go after it has ended,
    unless the body asks for more of it than its context: then it begins.
    """

    # Defaults of the class, not of `__init__`: one is made for each attempt, and most keep them.
    _outcome: AttemptOutcome | None = None
    _span: trace.Span | None = None
    _span_id = 0
    _beginning: Event | None = None
    _beginner = 0
    _is_over = False
    _ambient: Context
    _token: Token[Context]
    _start_ns: int

    def __init__(
        self, facts: Facts, view: SpanView, node: Node, operation: OperationDetails
    ) -> None:
        self._facts = facts
        self._view = view
        self._node = node
        self._number = operation.attempt or 1
        self._is_check = operation.subtype == CONDITION_SUBTYPE

    def __enter__(self) -> Callable[[AttemptOutcome], None]:
        facts = self._facts
        self._node.attempt = self
        self._ambient = ambient = get_current()
        self._start_ns = facts.clock.now()
        if not facts.outbox.is_patient:
            self._span = self._begun_at_once()
        self._token = attach(Context({**ambient, SPAN_KEY: AttemptSpan(self)}))
        return self._told

    def _begun_at_once(self) -> trace.Span:
        try:
            return self._begun(self._facts.starter.start_apart, 0, {})
        except Exception:  # noqa: BLE001 - of a span processor: what the body starts has a parent
            self._facts.outbox.lost()
            return trace.NonRecordingSpan(self._view.stand_in(self._node).get_span_context())

    def _told(self, outcome: AttemptOutcome) -> None:
        self._outcome = outcome

    def __exit__(self, *_: object) -> None:
        outcome = self._outcome
        # An attempt that was cut off may be ended from elsewhere; its context dies with it.
        if outcome is not None and outcome.status != "INCOMPLETE":
            detach(self._token)
        self.end(self._facts.clock.now())
        # Code may keep its span: not what it raised, nor the context that it ran in.
        self._outcome = None
        del self._token

    def end(self, end_ns: int) -> None:
        """End the span, once; without an outcome it was cut off."""
        outbox, outcome = self._facts.outbox, self._outcome
        left = (self._finish, (outcome, end_ns))
        with _CHOOSING:
            if self._is_over:
                return
            self._is_over = True
            # Before anybody can know: what is put there next may be its operation's span.
            is_left = outbox.is_patient
            if is_left:
                outbox.append(left)
        if self._node.attempt is self:
            self._node.attempt = None
        if not is_left:
            self._finish(outcome, end_ns)
        elif not outbox.is_patient:
            outbox.drain()
        elif outcome is None or outcome.status != "SUCCEEDED" or self._is_check:
            # Else its operation's span is sure to come next.
            outbox.soon()

    def _finish(self, outcome: AttemptOutcome | None, end_ns: int) -> None:
        if outcome is None or outcome.status == "INCOMPLETE":
            span = self._with({TRUNCATED: True})
        else:
            span = self._with({ATTEMPT_OUTCOME: outcome.status})
            if outcome.status == "SUCCEEDED":
                span.set_status(OK)
            else:
                describe_error(span, outcome.exception, end_ns)
        span.end(end_ns)

    def _with(self, more: dict[str, Any]) -> trace.Span:
        """The span with these attributes, begun if it was not."""
        if self._beginning is not None and not self._beginning.wait(PATIENCE_SECONDS):
            return trace.INVALID_SPAN
        span = self._span
        if span is None:
            facts = self._facts
            start = facts.starter.start if facts.outbox.is_patient else facts.starter.start_apart
            self._span = span = self._begun(start, self._chosen_id(), more)
        else:
            span.set_attributes(more)
        return span

    def _begun(
        self, start: Callable[..., trace.Span], span_id: int, more: dict[str, Any]
    ) -> trace.Span:
        view, node, number = self._view, self._node, self._number
        above = Context({**self._ambient, SPAN_KEY: view.stand_in(node)})
        known = node.attributes
        if known is None and node.operation is not None:
            known = operation_attributes(self._facts.arn, node.operation)
        return start(
            f"{node.name} attempt {number}",
            above,
            {**(known or {}), ATTEMPT_NUMBER: number, **more},
            view.attempt_links,
            start_ns=self._start_ns,
            span_id=span_id,
        )

    def _chosen_id(self) -> int:
        span_id = self._span_id
        if not span_id:
            chosen = self._facts.starter.new_span_id()
            with _CHOOSING:
                span_id = self._span_id = self._span_id or chosen
        return span_id

    # What the body asks for, in any thread

    @property
    def is_recording(self) -> bool:
        """Whether attributes and events go anywhere."""
        span = self._span
        return not self._is_over and (span is None or span.is_recording())

    def begin(self) -> trace.Span:
        """The span itself, begun if it was not; once it is over, nothing."""
        span = self._span
        if span is not None and not self._is_over:
            return span
        own, thread = Event(), get_ident()
        with _CHOOSING:
            if self._is_over:
                return trace.INVALID_SPAN
            if self._span is not None:
                return self._span
            others = self._beginning
            if others is None:
                self._beginning, self._beginner = own, thread
        if others is None:
            return self._begin_apart(own)
        if self._beginner != thread:
            others.wait(PATIENCE_SECONDS)
        # None: a processor that is told of the beginning asks for what begins.
        return self._span or trace.INVALID_SPAN

    def readable(self) -> trace.Span:
        """The span itself to read from, begun if it was not; what stands for it once it is over."""
        if not self._is_over:
            return self.begin()
        return self._span or self._begun(self._placeholder, 0, {})

    def _placeholder(
        self, name: str, _above: Context, attributes: dict[str, Any], _links: object, **_: object
    ) -> trace.Span:
        return Placeholder(self.span_context(), name, attributes)

    def _begin_apart(self, beginning: Event) -> trace.Span:
        try:
            start = self._facts.starter.start_apart
            self._span = span = self._begun(start, self._chosen_id(), {})
        except Exception:  # noqa: BLE001 - of a span processor: no step fails for it
            self._facts.outbox.lost()
            return trace.INVALID_SPAN
        finally:
            beginning.set()
        return span

    def span_context(self) -> trace.SpanContext:
        """The span's context; its id is chosen when it is first asked for."""
        span = self._span
        if span is not None:
            return span.get_span_context()
        return self._facts.own_context(self._chosen_id())

    @property
    def span_type(self) -> type:
        """Of what kind the provider's spans are."""
        return type(self._span or self._facts.invocation)


class AttemptSpan(BodySpan):
    """The span of an attempt, as its code sees it."""

    def __init__(self, attempt: Attempt) -> None:
        # Without the base's: what vendors look for in a parent is the span's own here.
        self._attempt = attempt

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Processors of vendors do with a parent only what they do with the SDK's spans.
        return self._attempt.span_type

    def _span(self) -> trace.Span:
        return self._attempt.begin()

    def get_span_context(self) -> trace.SpanContext:
        """The span's context."""
        return self._attempt.span_context()

    def is_recording(self) -> bool:
        """Whether attributes and events go anywhere: until the attempt is over."""
        return self._attempt.is_recording

    def update_name(self, name: str) -> None:
        """Give it another name."""
        self._span().update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set a status; the outcome has the last word, unless this is OK."""
        self._span().set_status(status, description)

    def __getattr__(self, name: str) -> Any:
        # What the SDK's spans have beyond the API's: processors of vendors read it of a parent.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._attempt.readable(), name)
