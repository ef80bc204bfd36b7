"""What the engine needs of a store: a durable service whose model it may call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Protocol, TypeVar

from durable_core.lowlevel import DurableService
from durable_testing.model import ServiceConfig, ServiceModel, seeded_ids
from durable_testing.store.memory import MemoryService

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from durable_testing.model import Effect, FunctionConfig

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
        self,
        functions: Iterable[FunctionConfig],
        *,
        now_ms: Callable[[], int],
        on_effect: Callable[[Effect], object],
    ) -> EngineService:
        """Return a service that knows these functions and hands its effects to `on_effect`."""
        ...


def in_memory(
    *, new_id: Callable[[], str] | None = None, config: ServiceConfig | None = None
) -> OpenService:
    """Return what opens a service in memory; its ids are the same each time."""

    def open_service(
        functions: Iterable[FunctionConfig],
        *,
        now_ms: Callable[[], int],
        on_effect: Callable[[Effect], object],
    ) -> EngineService:
        model = ServiceModel(
            functions,
            new_id=new_id or seeded_ids(),
            config=config or ServiceConfig(needs_qualifier=False),
        )
        return MemoryService(model, now_ms=now_ms, on_effect=on_effect)

    return open_service


async def answer_of(answer: R | Awaitable[R]) -> R:
    """Return an answer that may have to be awaited."""
    if inspect.isawaitable(answer):
        return await answer
    return answer
