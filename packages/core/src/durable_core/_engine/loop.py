"""The workflow loop: asyncio without a world."""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from binascii import crc32
from collections import deque
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Protocol

from durable_core._engine.forbidden import FORBIDDEN, no_coroutine, refusal
from durable_core._engine.lineage import number_in_unordered
from durable_core._engine.scope import CURRENT_SCOPE, Scope
from durable_core._engine.sub_tasks import SubTasks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

_PRUNE_AT_LEAST = 64
MAX_CALLS_A_TURN = 1_000_000
"""Calls without once being idle: beyond it the workflow polls for what cannot happen meanwhile."""


class WorkflowTask(asyncio.Task[Any]):
    """A task whose hash is its lineage's, so that sets of tasks iterate alike on every replay."""

    def __init__(self, lineage: str, coro: Any, **options: Any) -> None:
        # Not hash(): that of a text differs from process to process.
        self._hash = crc32(lineage.encode())
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other


class TimerSource(Protocol):
    """Where the loop's time and timers come from."""

    def time(self) -> float:
        """Journal time, in seconds since the epoch."""
        ...

    def start_timer(
        self, delay_seconds: float, when: float | None, callback: Callable[[], object]
    ) -> TimerHandle:
        """Start a durable timer in the current scope."""
        ...


class Handle:
    """A call that is ready to be made."""

    __slots__ = ("args", "callback", "context")

    def __init__(
        self, callback: Callable[..., Any] | None, args: tuple[Any, ...], context: Context
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context

    def cancel(self) -> None:
        """Take the call back."""
        self.callback = None

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        return self.callback is None


class TimerHandle(Protocol):
    """A durable timer, as asyncio's own code uses it."""

    def cancel(self) -> None:
        """Take the timer back."""
        ...

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        ...

    def when(self) -> float:
        """When it is due, in loop time."""
        ...


class WorkflowLoop(asyncio.AbstractEventLoop):
    """A deterministic event loop: a FIFO of ready calls, and timers that are durable.

    Attributes:
        ready: The calls to make, in order.
    """

    def __init__(self, timers: TimerSource, on_exception: Callable[[dict[str, Any]], None]) -> None:
        self.ready: deque[Handle] = deque()
        self._timers = timers
        self._on_exception = on_exception
        self._exception_handler: Callable[..., object] | None = None
        self._tasks: list[tuple[asyncio.Task[Any], Context]] = []
        self._prune_at = _PRUNE_AT_LEAST
        self._generators: list[AsyncGenerator[Any, Any]] = []
        self._prune_generators_at = _PRUNE_AT_LEAST
        self._is_closed = False
        self._is_turn_over = False
        self._hooks = (self._keep_generator, self._drop_generator)

    # Running

    def run_until_idle(self) -> bool:
        """Make every call that is ready, and those they make ready, in order.

        False if there seems to be no end to them.
        """
        ready = self.ready
        self._is_turn_over = False
        for _ in range(MAX_CALLS_A_TURN):
            if not ready or self._is_turn_over:
                return True
            handle = ready.popleft()
            callback = handle.callback
            if callback is None:
                continue
            try:
                handle.context.run(callback, *handle.args)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001
                self.call_exception_handler(
                    {"message": f"Exception in callback {callback!r}", "exception": error}
                )
        return False

    def stop_turn(self) -> None:
        """Make no further call in this turn: the execution is decided."""
        self._is_turn_over = True

    def enter(self) -> tuple[Any, Any]:
        """Become the running loop of this thread; returns what `leave` restores."""
        previous = events._get_running_loop()  # noqa: SLF001
        hooks = sys.get_asyncgen_hooks()
        events._set_running_loop(self)  # noqa: SLF001
        sys.set_asyncgen_hooks(*self._hooks)
        return previous, hooks

    def leave(self, entered: tuple[Any, Any]) -> None:
        """Restore the loop that ran before."""
        previous, hooks = entered
        sys.set_asyncgen_hooks(*hooks)
        events._set_running_loop(previous)  # noqa: SLF001

    def _keep_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Keep it, so that it is closed with the invocation and not when it happens to be freed."""
        generators = self._generators
        generators.append(generator)
        if len(generators) >= self._prune_generators_at:
            self._generators = [kept for kept in generators if not _is_finished(kept)]
            self._prune_generators_at = max(_PRUNE_AT_LEAST, 2 * len(self._generators))

    def _drop_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Do nothing: generators are closed with the invocation, which is deterministic."""

    # Tasks

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **options: Any
    ) -> asyncio.Task[Any]:
        """Create a task; its operations get the lineage of this sub-task in their ids.

        Without a name it gets one of its lineage too.
        """
        if self._is_closed:
            coro.close()
            raise GeneratorExit
        context = copy_context() if context is None else context.copy()
        scope = context.get(CURRENT_SCOPE)
        if not isinstance(scope, Scope):
            return self._spawn(coro, context, "", name, options)
        number = number_in_unordered(scope)
        own = scope.sub_task(number)
        context.run(CURRENT_SCOPE.set, own)
        task = self._spawn(
            coro, context, own.prefix, own.task_name if name is None else name, options
        )
        started = own.body.sub_tasks
        if started is None:
            started = own.body.sub_tasks = SubTasks()
        started.add(task)
        if number is not None:
            # The tasks of one walk also start in the order that the caller gave.
            first_step = self.ready.pop()
            later = scope.block.started_after(number)
            self.ready.insert(len(self.ready) - later, first_step)
        return task

    def spawn(
        self, coro: Coroutine[Any, Any, Any], scope: Scope, *, name: str | None = None
    ) -> asyncio.Task[Any]:
        """Create the task of a context's body, in a scope of its own."""
        context = copy_context()
        context.run(CURRENT_SCOPE.set, scope)
        return self._spawn(coro, context, scope.prefix, name or scope.task_name, {})

    def _spawn(
        self, coro: Any, context: Context, lineage: str, name: str | None, options: dict[str, Any]
    ) -> asyncio.Task[Any]:
        try:
            task = WorkflowTask(lineage, coro, loop=self, name=name, context=context, **options)
        except TypeError as error:
            raise no_coroutine(coro, error) from None
        tasks = self._tasks
        tasks.append((task, context))
        if len(tasks) >= self._prune_at:
            self._tasks = tasks = [entry for entry in tasks if not entry[0].done()]
            self._prune_at = max(_PRUNE_AT_LEAST, 2 * len(tasks))
        return task

    def pending_tasks(self) -> list[asyncio.Task[Any]]:
        """Tasks that have not ended, oldest first."""
        return [task for task, _ in self._tasks if not task.done()]

    def discard(self) -> None:
        """End every task where it stands: `finally` blocks run, nothing is awaited any more."""
        self._is_closed = True
        for task, context in self._tasks:
            if task.done():
                continue
            silenced: Any = task
            silenced._log_destroy_pending = False  # noqa: SLF001
            coro: Any = task.get_coro()
            _end(context.run, coro.close)
        for generator in self._generators:
            if not _is_finished(generator):
                _end(generator.aclose().send, None)
        self._tasks = []
        self.ready.clear()
        self._generators.clear()

    # Scheduling

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        """Make the call when the loop comes to it."""
        handle = Handle(callback, args, copy_context() if context is None else context)
        if not self._is_closed:
            self.ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: Context | None = None,
    ) -> Any:
        """Make the call after a durable timer of `delay` seconds, rounded up to whole ones."""
        if delay <= 0:
            return self.call_soon(callback, *args, context=context)
        held = copy_context() if context is None else context
        return self._timers.start_timer(
            delay, None, lambda: self.call_soon(callback, *args, context=held)
        )

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        """Make the call when a durable timer for `when` ends."""
        delay = when - self.time()
        if delay <= 0:
            return self.call_soon(callback, *args, context=context)
        held = copy_context() if context is None else context
        return self._timers.start_timer(
            delay, when, lambda: self.call_soon(callback, *args, context=held)
        )

    def time(self) -> float:
        """Journal time in seconds: the end of the latest completion delivered."""
        return self._timers.time()

    def create_future(self) -> asyncio.Future[Any]:
        """Create a future of this loop."""
        return asyncio.Future(loop=self)

    # What asyncio asks a loop

    def get_debug(self) -> bool:
        """Never in debug mode: it would log and take stack traces."""
        return False

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001
        """Do nothing."""

    def is_running(self) -> bool:
        """Whether it is this thread's running loop."""
        return events._get_running_loop() is self  # noqa: SLF001

    def is_closed(self) -> bool:
        """Whether the invocation is over."""
        return self._is_closed

    def get_task_factory(self) -> None:
        """Return None: tasks are the loop's own."""

    def get_exception_handler(self) -> Any:
        """Return the handler set by `set_exception_handler`."""
        return self._exception_handler

    def set_exception_handler(self, handler: Any) -> None:
        """Set what is told of exceptions that nobody awaits."""
        self._exception_handler = handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Hand the exception to the host's log."""
        self._on_exception(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell of an exception that nobody awaits."""
        if self._is_closed:
            return
        if self._exception_handler is None:
            self._on_exception(context)
        else:
            self._exception_handler(self, context)

    async def shutdown_asyncgens(self) -> None:
        """Do nothing: generators are closed with the invocation."""


def _is_finished(generator: Any) -> bool:
    return generator.ag_frame is None


def _end(close: Callable[..., Any], *args: Any) -> None:
    """Close what is discarded; whatever it raises, there is nobody to tell."""
    try:
        close(*args)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001, S110
        pass


for _method in FORBIDDEN:
    setattr(WorkflowLoop, _method, refusal(_method))
