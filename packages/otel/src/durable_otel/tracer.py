"""Starts spans with ids of our choice, on any provider, and changes nothing of the application's.

A tracer of the SDK draws ids from its `id_generator`. A shallow copy of the tracer, one for each
invocation, draws them from ours: the application's provider, tracer, sampler, processors and id
generator stay as they are. On a provider that shows no generator, ids are its own.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from opentelemetry import trace

    class IdGenerator(Protocol):
        """What the SDK's tracer draws ids from."""

        def generate_span_id(self) -> int:
            """A random id."""
            ...

        def generate_trace_id(self) -> int:
            """A random id."""
            ...


SPAN_KEY: Final = next(iter(set_span_in_context(INVALID_SPAN, Context())))
"""Where a context has its span: it is made in one go with it, where the API makes it in four."""
_SDK_SAMPLERS: Final = "opentelemetry.sdk.trace.sampling"
_ALWAYS_ON: Final = "AlwaysOnSampler"
_FOLLOWS_PARENTS: Final = (
    ",remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler"
    ",localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}"
)


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


class Recorded:
    """The decision to record and sample, which says so without running code of Python's."""

    __slots__ = ("_decision",)
    is_recording = is_sampled = True.__bool__

    def __init__(self, decision: Any) -> None:
        self._decision = decision

    def __eq__(self, other: object) -> bool:
        return other is self._decision or other is self

    def __hash__(self) -> int:
        return hash(self._decision)


class Settled:
    """Answers for a sampler which would say the same for each span of an invocation.

    It gives the same object each time: to spans that are started one by one, on one thread.
    """

    __slots__ = ("_answer",)

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        answer.decision = Recorded(answer.decision)

    def should_sample(  # noqa: PLR0917 - OpenTelemetry's signature
        self,
        parent_context: object,
        trace_id: int,
        name: str,
        kind: object = None,
        attributes: object = None,
        links: object = None,
        trace_state: object = None,
    ) -> Any:
        """Record it."""
        del parent_context, trace_id, name, kind, links, trace_state
        self._answer.attributes = attributes
        return self._answer


class Tracers:
    """The tracer of the provider that was asked last: making one takes longer than a span."""

    def __init__(self, scope_name: str) -> None:
        self._scope_name = scope_name
        self._last: tuple[Any, Any] = (None, None)

    def of(self, provider: Any) -> Any:
        """The provider's tracer, and not what stands before it."""
        known, tracer = self._last
        if provider is not known:
            tracer = provider.get_tracer(self._scope_name)
            self._last = (provider, tracer)
        # The API's proxy stands before the SDK's tracer if it was asked for before there was one.
        return getattr(tracer, "_tracer", tracer)


class SpanStarter:
    """The spans of one invocation.

    Attributes:
        has_chosen_ids: Whether the provider lets ids be chosen.
        is_settled: Whether it is known, before they start, that spans of this trace are recorded.
    """

    __slots__ = ("_choosing", "_ids", "_plain", "has_chosen_ids", "is_settled")

    def __init__(self, tracer: Any) -> None:
        self._plain: Any = tracer
        generator = getattr(tracer, "id_generator", None)
        self.has_chosen_ids = generator is not None
        self.is_settled = False
        self._choosing: Any = tracer
        if self.has_chosen_ids:
            self._choosing, self._ids = _choosing(tracer)

    def settle(self, above: Context, trace_id: int) -> None:
        """Ask the sampler once for all spans below a sampled one, if it follows parents."""
        sampler: Any = getattr(self._plain, "sampler", None)
        if not self.has_chosen_ids or not _follows_parents(sampler):
            return
        answer: Any = sampler.should_sample(above, trace_id, "Workflow")
        if answer.decision.is_sampled():
            self.is_settled = True
            self._choosing.sampler = Settled(answer)

    def start(
        self,
        name: str,
        context: Context,
        attributes: Mapping[str, Any],
        links: Sequence[trace.Link] = (),
        *,
        start_ns: int,
        span_id: int = 0,
    ) -> trace.Span:
        """Start a span, on the invocation's own thread; without `span_id` it gets a random one."""
        if self.has_chosen_ids:
            self._ids.next_span_id = span_id
        return self._choosing.start_span(
            name, context, attributes=attributes, links=links, start_time=start_ns
        )

    def start_apart(
        self,
        name: str,
        context: Context,
        attributes: Mapping[str, Any],
        links: Sequence[trace.Link] = (),
        *,
        start_ns: int,
        span_id: int = 0,
    ) -> trace.Span:
        """Start a span, on any thread."""
        tracer = self._plain
        if span_id and self.has_chosen_ids:
            tracer, ids = _choosing(tracer)
            ids.next_span_id = span_id
        return tracer.start_span(
            name, context, attributes=attributes, links=links, start_time=start_ns
        )

    def new_span_id(self) -> int:
        """A random id, for a span that is started later."""
        return self._plain.id_generator.generate_span_id()

    def is_sampled(self, trace_id: int) -> bool:
        """Ask the sampler, where one shows, about a trace that no caller decided on."""
        sampler = getattr(self._plain, "sampler", None)
        if sampler is None:
            return True
        return sampler.should_sample(Context(), trace_id, "Workflow").decision.is_sampled()


def _choosing(tracer: Any) -> tuple[Any, ChosenIds]:
    """A copy of a tracer, and where the ids of its spans are chosen."""
    choosing = copy.copy(tracer)
    choosing.id_generator = ids = ChosenIds(tracer.id_generator)
    return choosing, ids


def _follows_parents(sampler: Any) -> bool:
    """Whether it is one of the SDK's that record whatever has a sampled parent."""
    if type(sampler).__module__ != _SDK_SAMPLERS:
        return False
    description: str = sampler.get_description()
    return description == _ALWAYS_ON or description.endswith(_FOLLOWS_PARENTS)
