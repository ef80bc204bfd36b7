"""Runs attempts: async functions as tasks of the host's loop, plain ones in threads."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

from durable_core._engine.operation import ClaimedOperation
from durable_core._host.eager import start_task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from durable_core._engine.attempt import Attempt
    from durable_core._engine.engine import Engine
    from durable_core._host.environment import Environment
    from durable_core._values.hooks import Around
    from durable_core._values.instrument import OperationDetails

    Made: TypeAlias = Future[tuple[Any, BaseException | None]]
    """What a plain function returned, or raised."""


class Attempts:
    """The attempts of one invocation."""

    __slots__ = (
        "_engine",
        "_fatal",
        "_loop",
        "_max_threads",
        "_on_running",
        "_own",
        "_running",
        "_substitute",
        "_threads",
        "_wake",
    )

    def __init__(
        self,
        engine: Engine,
        wake: Callable[[], None],
        fatal: Callable[[BaseException], None],
        environment: Environment,
    ) -> None:
        self._engine = engine
        self._wake = wake
        self._fatal = fatal
        self._loop = asyncio.get_running_loop()
        self._threads = environment.threads
        self._max_threads = environment.max_threads
        self._substitute = environment.substitute
        self._on_running = environment.running
        self._own: ThreadPoolExecutor | None = None
        self._running: dict[Attempt, asyncio.Future[Any]] = {}

    def start(self, attempt: Attempt) -> None:
        """Run it."""
        if self._substitute is not None:
            attempt.fn = self._substitute(_operation_of(attempt), attempt.fn)
        if _is_async(attempt.fn):
            self._start_task(attempt, None)
        else:
            self._start_thread(attempt)

    def _start_task(self, attempt: Attempt, coroutine: Coroutine[Any, Any, Any] | None) -> None:
        task = start_task(self._loop, self._run(attempt, coroutine), attempt.context)
        if not task.done():
            self._running[attempt] = task
            if self._on_running is not None:
                self._on_running(task)

    async def _run(self, attempt: Attempt, coroutine: Coroutine[Any, Any, Any] | None) -> None:
        try:
            running = attempt.fn(*attempt.args) if coroutine is None else coroutine
            around = None if attempt.around is None else _entered(attempt, attempt.around)
            try:
                value = await running
            except BaseException as error:
                if around is not None:
                    _leave(around, attempt, error)
                raise
            if around is not None:
                around.report("SUCCEEDED")
                around.__exit__()
        except (KeyboardInterrupt, SystemExit) as error:
            self._fatal(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the operation gets it
            self._ended(self._engine.attempt_raised, attempt, error)
        else:
            self._ended(self._engine.attempt_returned, attempt, value)

    def _ended(self, tell: Callable[[Attempt, Any], None], attempt: Attempt, what: Any) -> None:
        """Tell the engine; what goes wrong there ends the invocation."""
        self._running.pop(attempt, None)
        try:
            tell(attempt, what)
        except Exception as error:  # noqa: BLE001 - a store of large payloads that is away, or a bug
            self._fatal(error)
        self._wake()

    def _start_thread(self, attempt: Attempt) -> None:
        call = attempt.fn if attempt.around is None else _Observed(attempt)
        executor = self._threads or self._own_threads()
        made = executor.submit(_call_in_thread, attempt, call)
        future = asyncio.wrap_future(made, loop=self._loop)
        self._running[attempt] = future
        future.add_done_callback(lambda done: self._thread_ended(attempt, made, done))
        if self._on_running is not None:
            self._on_running(future)

    def _own_threads(self) -> ThreadPoolExecutor:
        if self._own is None:
            self._own = ThreadPoolExecutor(self._max_threads, "durable-step")
        return self._own

    def _thread_ended(self, attempt: Attempt, made: Made, done: asyncio.Future[Any]) -> None:
        self._running.pop(attempt, None)
        if done.cancelled():
            made.add_done_callback(_close_unwanted)
            return
        error = done.exception()
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._fatal(error)
            return
        if error is not None:
            self._ended(self._engine.attempt_raised, attempt, error)
            return
        value, raised = done.result()
        if raised is not None:
            self._ended(self._engine.attempt_raised, attempt, raised)
        elif inspect.iscoroutine(value):
            # A lambda around an async function: the thread only made the coroutine.
            if attempt.is_withdrawn:
                value.close()
                if attempt.entered is not None:
                    attempt.entered.report("INCOMPLETE")
                    attempt.entered.__exit__()
            else:
                self._start_task(attempt, value)
        else:
            self._ended(self._engine.attempt_returned, attempt, value)

    def cancel(self, attempt: Attempt) -> None:
        """Stop it: a task is cancelled, a thread that runs is left to itself."""
        future = self._running.pop(attempt, None)
        if future is not None:
            future.cancel()

    async def end(self) -> None:
        """Stop everything; what a thread still does goes nowhere."""
        left = list(self._running.values())
        self._running.clear()
        for future in left:
            future.cancel()
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)
        if left:
            # A turn for each to see its cancellation; nobody waits for what they do then.
            await asyncio.sleep(0)
            await asyncio.sleep(0)


def _operation_of(attempt: Attempt) -> OperationDetails | None:
    owner = attempt.owner
    if not isinstance(owner, ClaimedOperation):
        return None
    observers = owner.engine.observers
    return observers.details(owner, owner.record, is_replayed=False, attempt=attempt.number)


def _call_in_thread(attempt: Attempt, call: Callable[..., Any]) -> tuple[Any, BaseException | None]:
    """Call it; a StopIteration cannot travel through a future, so errors come as values."""
    try:
        return attempt.context.run(call, *attempt.args), None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, the operation gets it
        return None, error


def _close_unwanted(made: Made) -> None:
    """Close the coroutine that a thread made for nobody: dropped, it would warn."""
    if not made.cancelled() and made.exception() is None:
        value, _ = made.result()
        if inspect.iscoroutine(value):
            value.close()


class _Observed:
    """A plain function within what hooks wrap around it."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __call__(self, *args: Any) -> Any:
        attempt = self._attempt
        if attempt.around is None:
            return attempt.fn(*args)
        around = attempt.around().__enter__()
        try:
            value = attempt.fn(*args)
        except BaseException as error:
            around.report("FAILED", error)
            around.__exit__()
            raise
        if inspect.iscoroutine(value):
            attempt.entered = around  # the attempt goes on as a task
        else:
            around.report("SUCCEEDED")
            around.__exit__()
        return value


def _entered(attempt: Attempt, around: Callable[[], Around]) -> Around:
    """What hooks wrap around an async function, entered."""
    return attempt.entered or around().__enter__()


def _leave(around: Around, attempt: Attempt, error: BaseException) -> None:
    """Leave it with what the function raised, or was stopped by."""
    is_stopped = isinstance(error, GeneratorExit) or (
        attempt.is_withdrawn and isinstance(error, asyncio.CancelledError)
    )
    around.report("INCOMPLETE" if is_stopped else "FAILED", error)
    around.__exit__()


def _is_async(fn: Callable[..., Any]) -> bool:
    code = getattr(fn, "__code__", None)
    if code is not None and code.co_flags & inspect.CO_COROUTINE:
        return True
    if inspect.iscoroutinefunction(fn):
        return True
    return code is None and inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004
