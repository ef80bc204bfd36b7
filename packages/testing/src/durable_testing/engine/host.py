"""What invocations and calls see of the engine that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from durable_core.lowlevel import HostClock
    from durable_testing.engine.functions import LocalFunction
    from durable_testing.engine.hooks import EngineHooks
    from durable_testing.engine.service import EngineService
    from durable_testing.model import ServiceModel

R = TypeVar("R")


class Flight:
    """An invocation in flight, and why it was cut short."""

    __slots__ = ("_task", "is_timed_out")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.is_timed_out = False

    def cancel(self) -> None:
        """Discard it: the execution was stopped, or the process "died"."""
        self._task.cancel()

    def time_out(self) -> None:
        """Discard it: it took too long."""
        self.is_timed_out = True
        self._task.cancel()


class InvocationHost(Protocol):
    """The engine, as its invocations use it."""

    @property
    def functions(self) -> Mapping[str, LocalFunction]:
        """The functions by name."""
        ...

    @property
    def clock(self) -> HostClock:
        """Whose time it is."""
        ...

    @property
    def hooks(self) -> EngineHooks:
        """Who takes part."""
        ...

    @property
    def service(self) -> EngineService:
        """The store."""
        ...

    @property
    def random(self) -> Callable[[], float]:
        """Numbers in [0, 1)."""
        ...

    @property
    def new_token(self) -> Callable[[], str]:
        """Unique texts."""
        ...

    async def apply(self, call: Callable[[ServiceModel, int], R]) -> R:
        """Call the model."""
        ...

    def take_off(self, execution_arn: str, flight: Flight) -> None:
        """Take note that an invocation is in flight."""
        ...

    def land(self, execution_arn: str) -> None:
        """Take note that it is not any more."""
        ...
