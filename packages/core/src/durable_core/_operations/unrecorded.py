"""unrecorded: ordinary I/O awaited from workflow code; it runs again on every replay."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from durable_core._engine.attempt import Attempt
from durable_core._engine.failures import shown
from durable_core._engine.scope import CURRENT_SCOPE, OutsideScope

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from durable_core._engine.seam import EngineSeam


class Unrecorded:
    """One call that leaves no record."""

    __slots__ = ("future",)

    def __init__(self, engine: EngineSeam, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.future: asyncio.Future[Any] = engine.loop.create_future()
        context = copy_context()
        context.run(CURRENT_SCOPE.set, OutsideScope("unrecorded code", engine))
        attempt = Attempt(self, fn, args, context)
        engine.request(attempt)

    def attempt_returned(self, attempt: Attempt, value: Any) -> None:
        """Hand the value over, as it is."""
        del attempt
        if not self.future.done():
            self.future.set_result(value)

    def attempt_raised(self, attempt: Attempt, error: BaseException) -> None:
        """Hand the error over, as it is."""
        del attempt
        if isinstance(error, StopIteration):
            # No future takes one; to the awaiting coroutine it would look like its own end.
            stopped = RuntimeError(f"unrecorded code raised {shown(error)}")
            stopped.__cause__ = error
            error = stopped
        if not self.future.done():
            self.future.set_exception(error)
