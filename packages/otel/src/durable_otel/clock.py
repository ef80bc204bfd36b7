"""The causal clock: spans of an execution are in order, however the clocks of its hosts differ."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from durable_core.lowlevel import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

NS_PER_MS: Final = 1_000_000
_TICK_NS: Final = 1_000
ABSURD_NS: Final = 24 * 3600 * 1000 * NS_PER_MS
"""A time further ahead than this is no reading of a clock, but of a plan."""


class Ticks:
    """The latest reading of any clock of the process: what happened before reads earlier."""

    __slots__ = ("last_ns",)

    def __init__(self) -> None:
        self.last_ns = 0


class CausalClock:
    """Nanoseconds since the epoch, in one invocation.

    Wall time at the start, monotonic time from there on, plus an offset that is set once, before
    anything is measured: so much that nothing the service recorded before lies in our future. It
    never changes after, so no duration is moved by it.

    Attributes:
        offset_ns: That offset.
    """

    __slots__ = ("_base_ns", "_last_ns", "_read", "_ticks", "offset_ns")

    def __init__(
        self, read: Callable[[], int], ticks: Ticks | None = None, *, offset_ns: int = 0
    ) -> None:
        self._read = read
        self._ticks = ticks or Ticks()
        self._last_ns = 0
        # What is added to each reading: the offset, and the epoch where `read` counts from another.
        self._base_ns = self.offset_ns = offset_ns
        if read is time.perf_counter_ns:
            self._base_ns += time.time_ns() - time.perf_counter_ns()

    def start_after(self, seen_ns: int) -> None:
        """Move ahead so that `seen_ns` has passed."""
        lead_ns = seen_ns - (self._read() + self._base_ns)
        if 0 < lead_ns < ABSURD_NS:
            self._base_ns += lead_ns
            self.offset_ns += lead_ns

    def now(self) -> int:
        """The time; each reading is later than the one before."""
        now_ns = self._read() + self._base_ns
        last_ns = self._last_ns
        ticks = self._ticks
        if now_ns > ticks.last_ns >= last_ns:
            self._last_ns = ticks.last_ns = now_ns
            return now_ns
        # A virtual clock stands still while code runs, in this invocation or in another.
        if now_ns <= last_ns:
            now_ns = last_ns + _TICK_NS
        elif 0 <= ticks.last_ns - now_ns < NS_PER_MS:
            now_ns = ticks.last_ns + _TICK_NS
        self._last_ns = ticks.last_ns = now_ns
        return now_ns


def reader(now_ms: Callable[[], int]) -> Callable[[], int]:
    """Read the host's clock in nanoseconds: the real one finely, a virtual one as it is."""
    if isinstance(getattr(now_ms, "__self__", None), SystemClock):
        return time.perf_counter_ns
    return lambda: now_ms() * NS_PER_MS
