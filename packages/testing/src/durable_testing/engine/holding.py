"""How running steps hold virtual time: async ones by a plugin, sync ones by their executor."""

from __future__ import annotations

import inspect
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from threading import get_ident
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from durable_core.lowlevel import Instrumentation

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from durable_core.lowlevel import (
        CheckpointRequest,
        CheckpointResponse,
        DurableService,
        OperationDetails,
        StatePage,
        Substitute,
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
        return self._held(self._service.checkpoint(request))

    def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage | Awaitable[StatePage]:
        """Pass the question on."""
        return self._held(self._service.load_page(execution_arn, checkpoint_token, marker))

    def _held(self, answer: R | Awaitable[R]) -> R | Awaitable[R]:
        return held(answer, self._clock) if inspect.isawaitable(answer) else answer


async def held(answer: Awaitable[R], clock: VirtualClock) -> R:
    """Await an answer; time stands still meanwhile."""
    with Hold(clock):
        return await answer


class AttemptHold(Instrumentation):
    """Holds the clock while an async attempt runs."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._thread = get_ident()

    def attempt(self, _operation: OperationDetails, /) -> AbstractContextManager[None] | None:
        """Hold; an attempt in a thread does so by its executor, from before it starts."""
        return Hold(self._clock) if get_ident() == self._thread else None


class UnrecordedHold:
    """A `Substitute` that holds the clock while unrecorded code runs, which no plugin sees."""

    __slots__ = ("_clock", "_inner")

    def __init__(self, clock: VirtualClock, inner: Substitute | None) -> None:
        self._clock = clock
        self._inner = inner

    def __call__(
        self, operation: OperationDetails | None, fn: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Return what runs instead of a function."""
        if self._inner is not None:
            fn = self._inner(operation, fn)
        if operation is not None:
            return fn

        async def run(*args: Any) -> Any:
            return await held(fn(*args), self._clock)

        def run_in_thread(*args: Any) -> Any:
            result = fn(*args)
            return held(result, self._clock) if inspect.isawaitable(result) else result

        return run if inspect.iscoroutinefunction(fn) else run_in_thread


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
