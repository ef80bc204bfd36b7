"""Where others take part in an engine's invocations: observers, faults, doubles."""

# ruff: noqa: ARG002  the methods are there to be overridden

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from durable_core.lowlevel import (
        DurableService,
        ErrorObject,
        Instrumentation,
        InvocationOutput,
        Substitute,
        Workflow,
    )
    from durable_testing.model import Effect, Invocation


class InvocationEnd(NamedTuple):
    """How an invocation ended: with an output, or failed with an error."""

    output: InvocationOutput | Any
    """A record, or what another process answered as JSON; None where it failed."""
    error: ErrorObject | None
    exception: BaseException | None = None
    """What was raised, where something was."""


class EngineHooks:
    """Override what you need; each is called on the engine's loop.

    An exception in a hook is a failure of the engine: everybody that waits for it gets it.
    """

    def service(self, invocation: Invocation, service: DurableService, /) -> DurableService:
        """Return the service this invocation talks to; wrap it to watch it or to break it.

        A `BaseException` raised from it is a crash of the invocation.
        """
        return service

    def workflow(self, invocation: Invocation, workflow: Workflow, /) -> Workflow:
        """Return the workflow to run."""
        return workflow

    def plugins(self, invocation: Invocation, /) -> Sequence[Instrumentation]:
        """Return further plugins of this invocation."""
        return ()

    def substitute(self, invocation: Invocation, /) -> Substitute | None:
        """Return what replaces step functions in this invocation; None: nothing does."""
        return None

    def is_news(self, invocation: Invocation, context: Mapping[str, Any], /) -> bool:
        """Whether an error of the workflow that nobody awaited is to be logged."""
        return True

    def begun(self, invocation: Invocation, /) -> None:
        """An invocation begins; no workflow code has run."""

    def ended(self, invocation: Invocation, end: InvocationEnd, /) -> None:
        """It ended, and the service knows."""

    def effect(self, effect: Effect, /) -> None:
        """The service asked for something; the engine acts on it after this call."""
