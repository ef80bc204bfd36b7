"""What invocations and calls see of the engine that runs them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from durable_core.lowlevel import ErrorObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_core.lowlevel import HostClock
    from durable_testing.engine.functions import LocalFunction
    from durable_testing.engine.hooks import EngineHooks
    from durable_testing.engine.service import EngineService
    from durable_testing.model import ServiceModel

R = TypeVar("R")


CUT_OFF: Final = ErrorObject("The invocation was cut off.", "Runtime.ExitError")


class Flight:
    """An invocation in flight, run by the current task; `error` is why it was cut off."""

    __slots__ = ("_task", "error")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.error: ErrorObject | None = None

    def cut_off(self, error: ErrorObject = CUT_OFF) -> None:
        """Discard it: its process "died", its execution was stopped, its time is over."""
        if self._task is not None:
            self.error = error
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
