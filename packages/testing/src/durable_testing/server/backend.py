"""What the routes stand on: a service, and somebody who runs functions."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_core.lowlevel import ErrorObject
    from durable_testing.model import ServiceModel
    from durable_testing.store.outside import OutsideRequest

R = TypeVar("R")


class ServiceAccess(Protocol):
    """A service whose model may be called."""

    @property
    def model(self) -> ServiceModel:
        """The model; to read only, changes go through `apply`."""
        ...

    def apply(self, call: Callable[[ServiceModel, int], R], /) -> R | Awaitable[R]:
        """Call the model, now or as an awaitable; effects are handed out before the answer."""
        ...


@runtime_checkable
class SharedAccess(Protocol):
    """A service that shares its executions with other processes."""

    def deliver(self, request: OutsideRequest, /) -> Awaitable[int | None]:
        """Ask something of an execution, here or in the process that holds it."""
        ...


class FunctionCall(NamedTuple):
    """One call of a plain function."""

    function_name: str
    version: str
    payload: str
    tenant_id: str | None = None
    trace_header: str | None = None
    client_context: str | None = None
    """As JSON."""


class FunctionAnswer(NamedTuple):
    """What a function returned, as JSON, or the error it failed with."""

    payload: str | None
    error: ErrorObject | None = None


class Backend:
    """The service behind the routes, and who waits for it; see `create_app`."""

    __slots__ = ("_tasks", "call_function", "service", "wait_closed")

    def __init__(
        self,
        service: ServiceAccess,
        wait_closed: Callable[[str], Awaitable[object]],
        call_function: Callable[[FunctionCall], Awaitable[FunctionAnswer]] | None,
    ) -> None:
        self.service = service
        self.wait_closed = wait_closed
        self.call_function = call_function
        self._tasks: set[asyncio.Future[object]] = set()

    async def apply(self, call: Callable[[ServiceModel, int], R]) -> R:
        """Call the model, and answer when that is durable."""
        answer = self.service.apply(call)
        if inspect.isawaitable(answer):
            return await answer
        return answer

    async def deliver(self, request: OutsideRequest) -> int | None:
        """Ask something of an execution, whoever holds it, and answer when that is durable.

        Returns the time of a stop or a deletion, in milliseconds since the epoch.
        """
        if isinstance(self.service, SharedAccess):
            return await self.service.deliver(request)
        return await self.apply(request.apply)

    def start(self, work: Awaitable[object]) -> None:
        """Let work go on that nobody waits for."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
