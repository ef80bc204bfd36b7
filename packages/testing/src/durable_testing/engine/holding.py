"""How work outside the workflow holds virtual time: a store's answers, plain functions."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from durable_core.lowlevel import CheckpointResponse, StatePage

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from durable_core.lowlevel import (
        CheckpointRequest,
        DurableService,
    )
    from durable_testing.engine.clock import VirtualClock

P = ParamSpec("P")
R = TypeVar("R")


class Hold(AbstractContextManager[None]):
    """Holds the clock while it is entered."""

    __slots__ = ("_clock",)

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def __enter__(self) -> None:
        self._clock.hold()

    def __exit__(self, *_: object) -> None:
        self._clock.release()


class HoldingService:
    """A service whose answers the clock waits for."""

    __slots__ = ("_clock", "_service")

    def __init__(self, service: DurableService, clock: VirtualClock) -> None:
        self._service = service
        self._clock = clock

    def checkpoint(
        self, request: CheckpointRequest, /
    ) -> CheckpointResponse | Awaitable[CheckpointResponse]:
        """Pass the batch on."""
        answer = self._service.checkpoint(request)
        return answer if isinstance(answer, CheckpointResponse) else held(answer, self._clock)

    def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage | Awaitable[StatePage]:
        """Pass the question on."""
        answer = self._service.load_page(execution_arn, checkpoint_token, marker)
        return answer if isinstance(answer, StatePage) else held(answer, self._clock)


async def held(answer: Awaitable[R], clock: VirtualClock) -> R:
    """Await an answer; time stands still meanwhile."""
    with Hold(clock):
        return await answer


class HoldingExecutor(Executor):
    """A thread pool whose calls hold the clock from their submission to their end."""

    def __init__(self, clock: VirtualClock, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run in a thread of the pool."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(thread_name_prefix="durable-step")
        future: Future[R] = Future()

        def run() -> None:
            try:
                if future.set_running_or_notify_cancel():
                    future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001  the future carries it, as in any pool
                future.set_exception(error)
            finally:
                # After the result is on its way to the loop: time must not move in between.
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._clock.release)

        self._clock.hold()
        self._pool.submit(run)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  Executor's signature
        """Take no further calls."""
        if self._pool is not None:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)
