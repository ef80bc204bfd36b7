"""Who waits for which execution to close."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from durable_testing.model import ExecutionClosed, ExecutionDeleted, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_testing.model import Effect, ServiceModel


class Closings:
    """Waits for executions; hand it every effect of the service."""

    __slots__ = ("_model", "_waiters")

    def __init__(self, model: Callable[[], ServiceModel]) -> None:
        self._model = model
        self._waiters: dict[str, list[asyncio.Future[None]]] = defaultdict(list)

    def on_effect(self, effect: Effect) -> None:
        """Wake those who wait for an execution that closed."""
        if not isinstance(effect, ExecutionClosed | ExecutionDeleted):
            return
        for waiter in self._waiters.pop(effect.execution_arn, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, execution_arn: str) -> None:
        """Return when the execution is closed; at once when it is, or is gone."""
        try:
            if self._model().get_execution(execution_arn).ended_at_ms is not None:
                return
        except ServiceError:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[execution_arn].append(waiter)
        await waiter
