"""Spans that have ended and are still to be made: made together, while nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextvars import copy_context
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle
    from collections.abc import Callable

SIZE: Final = 256
DELAY_SECONDS: Final = 0.005
"""Less than a checkpoint takes: by then the workflow waits for one, or for nothing."""
_LOG = logging.getLogger("durable_otel")


class Outbox:
    """What is left to do for spans, in order, of one invocation.

    It is done when there is much of it, a moment after the first of it came, or when `drain` is
    called. Making spans costs more than the operations they tell of: so it is off their way, and
    many at once cost less than as many one by one.

    Attributes:
        append: Add an action and the tuple of its arguments, from any thread; it is done with what
            comes next, or soon.
        is_patient: Whether anything is left for later.
    """

    __slots__ = (
        "_context",
        "_has_lost",
        "_loop",
        "_thread",
        "_timer",
        "_waiting",
        "append",
        "is_patient",
    )

    def __init__(self, *, is_patient: bool) -> None:
        self._loop = _host_loop() if is_patient else None
        self.is_patient = self._loop is not None
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.append = self._waiting.append
        self._thread = get_ident()
        # Processors look at what is current: that is not the attempt which happened to come first.
        self._context = copy_context()
        self._timer: TimerHandle | None = None
        self._has_lost = False

    def put(self, action: Callable[..., object], *args: Any) -> None:
        """Add an action, on the invocation's own thread."""
        waiting = self._waiting
        waiting.append((action, args))
        if self._loop is None or len(waiting) >= SIZE:
            self.drain()
        elif self._timer is None:
            self._arm()

    def soon(self) -> None:
        """See to what was appended though nothing may come next, from any thread."""
        if self._loop is None or self._timer is not None:
            return
        if get_ident() == self._thread:
            self._arm()
            return
        try:
            self._loop.call_soon_threadsafe(self._arm, context=self._context)
        except RuntimeError:  # the loop is closed: so has the invocation ended
            return

    def _arm(self) -> None:
        if self._loop is not None and self._timer is None and self._waiting:
            self._timer = self._loop.call_later(DELAY_SECONDS, self.drain, context=self._context)

    def drain(self) -> None:
        """Do what is left, on the invocation's own thread; whatever fails, the rest is done."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        waiting = self._waiting
        while waiting:
            action, args = waiting.popleft()
            try:
                action(*args)
            except Exception:  # noqa: BLE001 - of a span processor: no workflow fails for it
                self.lost()

    def close(self) -> None:
        """Leave nothing for later any more: the invocation ends."""
        self.drain()
        self.is_patient = False
        self._loop = None
        # What was left while the rest was done, by the thread of an attempt that was cut off.
        self.drain()

    def lost(self) -> None:
        """Tell of a span that a processor would not have, from where it raised."""
        if not self._has_lost:
            _LOG.warning(
                "a span was lost: a span processor raised (told once an invocation)", exc_info=True
            )
        self._has_lost = True


def _host_loop() -> AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
