"""One attempt: its span, current in the task or thread that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, detach, get_current

from durable_otel.attributes import (
    ATTEMPT_NUMBER,
    ATTEMPT_OUTCOME,
    OK,
    TRUNCATED,
    describe_error,
    operation_attributes,
)
from durable_otel.tracer import SPAN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token

    from opentelemetry import trace

    from durable_core.lowlevel import AttemptOutcome, OperationDetails
    from durable_otel.nodes import Node
    from durable_otel.views import Facts, SpanView


class AttemptSpan:
    """Wraps the body of a step or of a condition's check."""

    __slots__ = ("_facts", "_node", "_operation", "_outcome", "_span", "_token", "_view")

    def __init__(
        self, facts: Facts, view: SpanView, node: Node, operation: OperationDetails
    ) -> None:
        self._facts = facts
        self._view = view
        self._node = node
        self._operation = operation
        self._outcome: AttemptOutcome | None = None
        self._span: trace.Span | None = None
        self._token: Token[Context] | None = None

    def __enter__(self) -> Callable[[AttemptOutcome], None]:
        facts, view, node = self._facts, self._view, self._node
        number = self._operation.attempt or 1
        known = node.attributes or operation_attributes(facts.arn, self._operation)
        node.attempt = self
        current = get_current()
        self._span = span = facts.starter.start(
            f"{node.name} attempt {number}",
            Context({**current, SPAN_KEY: view.stand_in(node)}),
            {**known, ATTEMPT_NUMBER: number},
            view.attempt_links,
            start_ns=facts.clock.now(),
        )
        self._token = attach(Context({**current, SPAN_KEY: span}))
        return self._told

    def _told(self, outcome: AttemptOutcome) -> None:
        self._outcome = outcome

    def __exit__(self, *_: object) -> None:
        outcome, token = self._outcome, self._token
        # An attempt that was cut off may be ended from elsewhere; its context dies with it.
        if token is not None and outcome is not None and outcome.status != "INCOMPLETE":
            detach(token)
        self.end(self._facts.clock.now())

    def end(self, end_ns: int) -> None:
        """End the span, once; without an outcome it was cut off."""
        span, self._span = self._span, None
        if span is None:
            return
        if self._node.attempt is self:
            self._node.attempt = None
        outcome = self._outcome
        if outcome is None or outcome.status == "INCOMPLETE":
            span.set_attribute(TRUNCATED, value=True)
        else:
            span.set_attribute(ATTEMPT_OUTCOME, outcome.status)
            if outcome.status == "SUCCEEDED":
                span.set_status(OK)
            else:
                describe_error(span, outcome.exception, end_ns)
        span.end(end_ns)
