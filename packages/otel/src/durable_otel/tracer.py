"""Starts spans with ids of our choice, on any provider, and changes nothing of the application's.

A tracer of the SDK draws ids from its `id_generator`. A shallow copy of the tracer, one for each
invocation, draws them from ours: the application's provider, tracer, sampler, processors and id
generator stay as they are. On a provider that shows no generator, ids are its own.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.context import Context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry import trace


class IdGenerator(Protocol):
    """What the SDK's tracer draws ids from."""

    def generate_span_id(self) -> int:
        """A random id."""
        ...

    def generate_trace_id(self) -> int:
        """A random id."""
        ...


class ChosenIds:
    """The SDK's generator, except that the next span's id may be chosen."""

    def __init__(self, generator: IdGenerator) -> None:
        self._generator = generator
        self.next_span_id = 0

    def generate_span_id(self) -> int:
        """The chosen id, once; else a random one."""
        chosen, self.next_span_id = self.next_span_id, 0
        return chosen or self._generator.generate_span_id()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)


class SpanStarter:
    """The spans of one invocation.

    Attributes:
        has_chosen_ids: Whether the provider lets ids be chosen.
    """

    __slots__ = ("_choosing", "_generator", "_ids", "_plain", "has_chosen_ids")

    def __init__(self, provider: Any, scope_name: str) -> None:
        tracer: Any = provider.get_tracer(scope_name)
        # The API's proxy stands before the SDK's tracer if it was asked for before there was one.
        self._plain: Any = getattr(tracer, "_tracer", tracer)
        generator = getattr(self._plain, "id_generator", None)
        self.has_chosen_ids = generator is not None
        self._generator: Any = generator
        if self.has_chosen_ids:
            self._ids = ChosenIds(self._generator)
            self._choosing = copy.copy(self._plain)
            self._choosing.id_generator = self._ids

    def start(
        self,
        name: str,
        context: Context,
        *,
        attributes: Mapping[str, Any],
        links: Sequence[trace.Link] = (),
        start_ns: int,
        span_id: int | None = None,
    ) -> trace.Span:
        """Start a span; with `span_id`, only on the invocation's own thread."""
        tracer = self._plain
        if span_id is not None and self.has_chosen_ids:
            tracer = self._choosing
            self._ids.next_span_id = span_id
        return tracer.start_span(
            name, context, attributes=attributes, links=links, start_time=start_ns
        )

    def new_span_id(self) -> int:
        """A random id, for a span that is started later."""
        return self._generator.generate_span_id()

    def is_sampled(self, trace_id: int) -> bool:
        """Ask the sampler, where one shows, about a trace that no caller decided on."""
        sampler = getattr(self._plain, "sampler", None)
        if sampler is None:
            return True
        return sampler.should_sample(Context(), trace_id, "Workflow").decision.is_sampled()
