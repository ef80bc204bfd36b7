"""A thread's event loop and client: made at the first invocation, kept over warm ones."""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from durable_core.lowlevel import DurableService

T = TypeVar("T")


class Host:
    """One event loop and the service that lives on it.

    The loop is not closed between invocations, so HTTP clients and pools that user code keeps stay
    usable. It is closed when its thread or the process ends.
    """

    def __init__(self, make_service: Callable[[], DurableService]) -> None:
        self.loop = asyncio.new_event_loop()
        self.service = make_service()
        self._close = weakref.finalize(self, _close, self.loop, self.service)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, in a copy of the caller's context variables."""
        task = self.loop.create_task(coroutine, context=copy_context())
        try:
            return self.loop.run_until_complete(task)
        except BaseException:
            # Interrupted (Ctrl-C): the coroutine must not go on with the next invocation.
            if not task.done():
                _finish(self.loop, [task])
            raise

    def close(self) -> None:
        """Close the client and the loop; runs by itself at the end of the thread or process."""
        self._close()


class Hosts:
    """One `Host` a thread: concurrent invocations in one process do not share a loop."""

    __slots__ = ("_local", "_make_service")

    def __init__(self, make_service: Callable[[], DurableService]) -> None:
        self._make_service = make_service
        self._local = threading.local()

    def current(self) -> Host:
        """Return the calling thread's host."""
        host: Host | None = getattr(self._local, "host", None)
        if host is None or host.loop.is_closed():
            self._local.host = host = Host(self._make_service)
        return host

    def close(self) -> None:
        """Close the calling thread's host; the next invocation makes another."""
        host: Host | None = getattr(self._local, "host", None)
        if host is not None:
            host.close()


def is_loop_running() -> bool:
    """Whether the calling thread runs an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _close(loop: asyncio.AbstractEventLoop, service: DurableService) -> None:
    if loop.is_running() or loop.is_closed():
        return  # another thread is in the middle of an invocation, as the process ends
    if is_loop_running():
        # Collected while this thread runs another loop; a loop that rests is no thread's.
        closer = threading.Thread(target=_close, args=(loop, service))
        closer.start()
        closer.join()
        return
    close_service: Callable[[], None] | None = getattr(service, "close", None)
    if close_service is not None:
        close_service()
    try:
        _finish(loop, asyncio.all_tasks(loop))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def _finish(loop: asyncio.AbstractEventLoop, tasks: Any) -> None:
    """Cancel tasks and let them end."""
    pending = list(tasks)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
