"""Virtual time: it stands still while anything runs, and jumps to the next timer then."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

START_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z: where virtual time begins unless told otherwise."""
PATIENCE_SECONDS: Final = 1.0
LAST_PATIENCE: Final = 30
"""How much longer work may take where nothing but the end of the execution would come of it."""
_LOOKS: Final = 20
"""How often it is looked whether work goes on: a machine that stands still costs one of them."""
_QUIET_ROUNDS: Final = 2
"""Turns of the loop with nothing else to run that count as idle."""
_BLIND_ROUNDS: Final = 50
"""The same on a loop that does not show what it has to run."""

_probes: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()
"""How many clocks look for idleness on a loop; each must not take the others for work."""


class VirtualTimer:
    """A call that was scheduled on a `VirtualClock`."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Take the call back."""
        self.callback = None


class _Entry(NamedTuple):
    when_ms: int
    number: int
    timer: VirtualTimer


class VirtualClock:
    """A `HostClock` that makes waiting free.

    While step bodies run (`hold`), time stands still: their work counts as instantaneous. A body
    that the loop has waited for longer than `patience_seconds` of real time (it hangs, or sleeps)
    no longer holds time back, so that timeouts around it can fire. Where no timer is due before
    `last_resort_ms` there is no such timeout, and it has `last_patience` times as long.

    With `is_running=False` nothing moves but by `advance_to`.

    Attributes:
        last_resort_ms: A timer from then on ends everything; None: none is known to.
    """

    def __init__(
        self,
        start_ms: int = START_MS,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        last_patience: int = LAST_PATIENCE,
        is_running: bool = True,
    ) -> None:
        self.last_resort_ms: int | None = None
        self._last_patience = last_patience
        self._now_ms = start_ms
        self._patience_seconds = patience_seconds
        self._is_running = is_running
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heap: list[_Entry] = []
        self._number = 0
        self._holds = 0
        self._is_probing = False
        self._quiet_rounds = 0
        self._looks = 0
        self._patience: asyncio.TimerHandle | None = None
        self._idle_waiters: list[asyncio.Future[None]] = []

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self._now_ms

    def call_at(self, when_ms: int, callback: Callable[[], object], /) -> VirtualTimer:
        """Call back when `when_ms` has come."""
        timer = VirtualTimer(callback)
        self._number += 1
        heappush(self._heap, _Entry(max(when_ms, self._now_ms), self._number, timer))
        self._look()
        return timer

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run on this loop from now on; an engine does this for its clock."""
        if loop is self._loop:
            return
        self._loop = loop
        self._is_probing = False
        self._patience = None
        self._look()

    def hold(self) -> None:
        """Keep time from moving: work outside the loop has begun. On the loop's thread."""
        self._holds += 1
        self._forget_patience()

    def hold_for(self, work: asyncio.Future[Any]) -> None:
        """Keep time from moving until this has ended."""
        self.hold()
        work.add_done_callback(lambda _: self.release())

    def release(self) -> None:
        """Let it move again: that work has ended. On the loop's thread."""
        self._holds -= 1
        self._forget_patience()
        self._look()

    def pause(self) -> None:
        """Stop moving by itself."""
        self._is_running = False

    def run(self) -> None:
        """Move by itself again."""
        self._is_running = True
        self._look()

    def next_timer_ms(self) -> int | None:
        """When the next timer is due; None when there is none."""
        while self._heap and self._heap[0].timer.callback is None:
            heappop(self._heap)
        return self._heap[0].when_ms if self._heap else None

    async def idle(self) -> None:
        """Wait until nothing runs any more, without moving time."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self.attach(loop)
        waiter: asyncio.Future[None] = loop.create_future()
        self._idle_waiters.append(waiter)
        self._look()
        await waiter

    async def advance_to(self, when_ms: int) -> None:
        """Let everything happen that is due until `when_ms`, in order; then it is `when_ms`."""
        while True:
            await self.idle()
            due_ms = self.next_timer_ms()
            if due_ms is None or due_ms > when_ms:
                break
            self._fire(due_ms)
        self._now_ms = max(self._now_ms, when_ms)

    def _fire(self, due_ms: int) -> None:
        """Make it `due_ms`, and call what was scheduled for then."""
        self._now_ms = max(self._now_ms, due_ms)
        while self._heap and self._heap[0].when_ms == due_ms:
            timer = heappop(self._heap).timer
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()

    def _is_wanted(self) -> bool:
        return bool(self._idle_waiters) or (self._is_running and self.next_timer_ms() is not None)

    def _look(self) -> None:
        """Look out for the moment when nothing runs, if anybody cares."""
        loop = self._loop
        if loop is None or self._is_probing or loop.is_closed() or not self._is_wanted():
            return
        self._is_probing = True
        self._quiet_rounds = 0
        _probes[loop] = _probes.get(loop, 0) + 1
        loop.call_soon(self._probe, loop)

    def _probe(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop or not self._is_wanted():
            # Left for another loop, or its timers are gone: nobody cares any more.
            self._is_probing = self._is_probing and loop is not self._loop
            _probes[loop] -= 1
            return
        ready: Any = getattr(loop, "_ready", None)
        if ready is not None and len(ready) >= _probes[loop]:
            self._quiet_rounds = 0
        else:
            self._quiet_rounds += 1
        if self._quiet_rounds < (_BLIND_ROUNDS if ready is None else _QUIET_ROUNDS):
            loop.call_soon(self._probe, loop)
            return
        self._is_probing = False
        _probes[loop] -= 1
        self._found_idle(loop)

    def _found_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._holds and self._has_patience():
            if self._patience is None and self._is_wanted():
                delay = self._patience_seconds / _LOOKS
                self._patience = loop.call_later(delay, self._look_again)
            return
        if self._idle_waiters:
            waiters, self._idle_waiters = self._idle_waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        elif self._is_running and (due_ms := self.next_timer_ms()) is not None:
            self._fire(due_ms)
        self._look()

    def _has_patience(self) -> bool:
        """Whether to wait on for work that runs before what is due next comes."""
        due_ms, last_ms = self.next_timer_ms(), self.last_resort_ms
        is_last = due_ms is not None and last_ms is not None and due_ms >= last_ms
        patience = self._last_patience if is_last and not self._idle_waiters else 1
        return self._looks < _LOOKS * patience

    def _look_again(self) -> None:
        self._patience = None
        self._looks += 1
        self._look()

    def _forget_patience(self) -> None:
        self._looks = 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
