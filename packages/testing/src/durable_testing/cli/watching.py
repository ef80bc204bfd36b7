"""Watches an execution from inside its engine: whatever changes it, the view is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from durable_core.lowlevel import Instrumentation, OperationDetails
from durable_testing.cli.callees import CheckedService
from durable_testing.engine import EngineHooks, answer_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from durable_core.lowlevel import (
        CheckpointRequest,
        CheckpointResponse,
        DurableService,
        StatePage,
    )
    from durable_testing.engine import InvocationEnd
    from durable_testing.model import Effect, Invocation


class View(Protocol):
    """Shows an execution while it runs."""

    def changed(self) -> None:
        """Something may have happened to it."""
        ...

    def starting(self, execution_arn: str, operation: OperationDetails, /) -> None:
        """An operation starts, before anything of it runs or is recorded."""
        ...


class Watch(EngineHooks):
    """Tells a view about every checkpoint, invocation and effect.

    Args:
        view: Who is told.
        given: The names of the functions that may be invoked.
    """

    def __init__(self, view: View, given: Collection[str]) -> None:
        self._view = view
        self._given = given

    def service(self, _invocation: Invocation, service: DurableService, /) -> DurableService:
        """Watch the invocation's checkpoints."""
        return CheckedService(_WatchedService(service, self._view), self._given)

    def plugins(self, invocation: Invocation, /) -> Sequence[Instrumentation]:
        """Hear of operations before they run."""
        return (_Starts(self._view, invocation.input.execution_arn),)

    def begun(self, _invocation: Invocation, /) -> None:
        """Look at what has changed."""
        self._view.changed()

    def ended(self, _invocation: Invocation, _end: InvocationEnd, /) -> None:
        """Look at what has changed."""
        self._view.changed()

    def effect(self, _effect: Effect, /) -> None:
        """Look at what has changed."""
        self._view.changed()


class _Starts(Instrumentation):
    """Tells a view of operations that start."""

    def __init__(self, view: View, execution_arn: str) -> None:
        self._view = view
        self._arn = execution_arn

    def operation_start(self, operation: OperationDetails, /) -> None:
        """Pass it on."""
        self._view.starting(self._arn, operation)


class _WatchedService:
    __slots__ = ("_service", "_view")

    def __init__(self, service: DurableService, view: View) -> None:
        self._service = service
        self._view = view

    async def checkpoint(self, request: CheckpointRequest, /) -> CheckpointResponse:
        """Pass the batch on, then look at what it changed."""
        response = await answer_of(self._service.checkpoint(request))
        self._view.changed()
        return response

    async def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage:
        """Pass the question on."""
        return await answer_of(self._service.load_page(execution_arn, checkpoint_token, marker))
