"""Ctrl-C and SIGTERM in `durable run`: the execution is kept, and the command says how to go on.

A signal never raises an exception wherever the main thread happens to be. It cancels the run; one
that comes when the run does not end by itself ends the process, whose file is safe at any moment.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from durable_testing.cli.command import leave, leave_at_once

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import FrameType
    from typing import Self

R = TypeVar("R")

SAME_SECONDS: Final = 1.0
"""Signals closer together than that are one."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Takes the signals while it is entered; `message` is what the user is told at an end."""

    __slots__ = ("_before", "_first_at", "_loop", "_task", "message")

    def __init__(self, message: str) -> None:
        self.message = message
        self._before: dict[signal.Signals, Any] = {}
        self._first_at: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            # The process is ending; it has said all there is to say.
            is_over = self._first_at is not None and before is leave_at_once
            signal.signal(number, signal.SIG_IGN if is_over else before)

    async def guard(self, main: Coroutine[Any, Any, R]) -> R:
        """Run what an interrupt cancels."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        return await main

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._task is None or self._loop is None:
            leave(self.message)
        elif self._first_at is None:
            self._first_at = now
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._task.cancel)
        elif now - self._first_at >= SAME_SECONDS:
            leave(self.message)
