"""What the engine needs of a store: a durable service whose model it may call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol, TypeVar

from durable_core.lowlevel import DurableService

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_testing.model import Effect, ServiceModel

R = TypeVar("R")


class EngineService(DurableService, Protocol):
    """A `DurableService` over a `ServiceModel`: `MemoryService`, `SqliteService`."""

    @property
    def model(self) -> ServiceModel:
        """The model; to read only, changes go through `apply`."""
        ...

    def apply(self, call: Callable[[ServiceModel, int], R], /) -> R | Awaitable[R]:
        """Call the model, now or as an awaitable; effects are handed out before the answer."""
        ...


class OpenService(Protocol):
    """Opens the service of an engine; called once, on the running loop."""

    def __call__(
        self, *, now_ms: Callable[[], int], on_effect: Callable[[Effect], object]
    ) -> EngineService:
        """Return the service that reads this clock and hands its effects to this function."""
        ...


async def answer_of(answer: R | Awaitable[R]) -> R:
    """Return an answer that may have to be awaited."""
    if inspect.isawaitable(answer):
        return await answer
    return answer
