"""Starts spans with ids of our choice, on any provider, and changes nothing of the application's.

A tracer of the SDK draws ids from its `id_generator`. A shallow copy of the tracer, one for each
invocation, draws them from ours: the application's provider, tracer, sampler, processors and id
generator stay as they are. On a provider that shows no generator, ids are its own.
"""

from __future__ import annotations

import copy
from operator import itemgetter
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


class Sampled(tuple[Any, Any, Any]):
    """A sampler's answer. A tuple, as those are made without running any code of Python's."""

    __slots__ = ()
    decision: Any = property(itemgetter(0))
    attributes: Any = property(itemgetter(1))
    trace_state: Any = property(itemgetter(2))


class Settled:
    """Answers for a sampler which would say the same for each span of an invocation."""

    __slots__ = ("_decision", "_trace_state")

    def __init__(self, answer: Any) -> None:
        self._decision = answer.decision
        self._trace_state = answer.trace_state

    def should_sample(
        self,
        parent_context: object,
        trace_id: int,
        name: str,
        kind: object = None,
        attributes: object = None,
        *_: object,
        **__: object,
    ) -> Sampled:
        """Record it."""
        del parent_context, trace_id, name, kind
        return Sampled((self._decision, attributes, self._trace_state))


class SpanStarter:
    """The spans of one invocation.

    Attributes:
        has_chosen_ids: Whether the provider lets ids be chosen.
        is_settled: Whether it is known, before they start, that spans of this trace are recorded.
    """

    __slots__ = ("_choosing", "_generator", "_ids", "_plain", "has_chosen_ids", "is_settled")

    def __init__(self, provider: Any, scope_name: str) -> None:
        tracer: Any = provider.get_tracer(scope_name)
        # The API's proxy stands before the SDK's tracer if it was asked for before there was one.
        self._plain: Any = getattr(tracer, "_tracer", tracer)
        generator = getattr(self._plain, "id_generator", None)
        self.has_chosen_ids = generator is not None
        self.is_settled = False
        self._generator: Any = generator
        if self.has_chosen_ids:
            self._ids = ChosenIds(self._generator)
            self._choosing = copy.copy(self._plain)
            self._choosing.id_generator = self._ids

    def settle(self, above: Context, trace_id: int) -> None:
        """Ask the sampler once for all spans below a sampled one, if it follows parents."""
        sampler: Any = getattr(self._plain, "sampler", None)
        if not self.has_chosen_ids or not _follows_parents(sampler):
            return
        answer: Any = sampler.should_sample(above, trace_id, "Workflow")
        if answer.decision.is_sampled():
            self.is_settled = True
            self._plain = copy.copy(self._plain)
            self._plain.sampler = self._choosing.sampler = Settled(answer)

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
        """Start a span; with `span_id`, only on the invocation's own thread."""
        tracer = self._plain
        if span_id and self.has_chosen_ids:
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


def _follows_parents(sampler: Any) -> bool:
    """Whether it is one of the SDK's that record whatever has a sampled parent."""
    if type(sampler).__module__ != _SDK_SAMPLERS:
        return False
    description: str = sampler.get_description()
    return description == _ALWAYS_ON or description.endswith(_FOLLOWS_PARENTS)
