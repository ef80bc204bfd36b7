"""The body of a context: what is current in it, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core.lowlevel import AttemptOutcome
    from durable_otel.nodes import Node


class BodyOfContext:
    """Makes a context's span current in its body."""

    __slots__ = ("_ended", "_node", "_outcome", "_span")

    def __init__(
        self, span: trace.Span, node: Node, ended: Callable[[Node, AttemptOutcome], None]
    ) -> None:
        self._span = span
        self._node = node
        self._ended = ended
        self._outcome: AttemptOutcome | None = None

    def __enter__(self) -> Callable[[AttemptOutcome], None]:
        # Never detached: a body has a task of its own, and the task a context of its own.
        attach(trace.set_span_in_context(self._span))
        return self._told

    def _told(self, outcome: AttemptOutcome) -> None:
        self._outcome = outcome

    def __exit__(self, *_: object) -> None:
        outcome = self._outcome
        if outcome is not None and outcome.status != "INCOMPLETE":
            self._ended(self._node, outcome)
