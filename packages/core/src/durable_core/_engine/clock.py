"""Journal time: what `now()` and `loop.time()` show, the same on every replay.

A body's clock is the end of the latest operation delivered to it. A context that was delivered
before the service said when it ended (architecture, "Journal order") leaves the clock open until
the answer comes. Who reads it meanwhile closes it: the context is recorded with ReplayChildren, so
that a replay runs its body again and reads the clock off its operations, as this run did.
"""

from __future__ import annotations

from typing import Protocol

PINNED_SUFFIX = " "
"""Ends the payload of a context whose end was read off its operations, and of no other that has
ReplayChildren."""


class EarlyContext(Protocol):
    """A context that was delivered before its end was recorded."""

    def pin_end(self) -> int:
        """Record the context so that its end is what its operations say; returns that."""
        ...


class End:
    """When an early context ended: known once the service said so or somebody asked."""

    __slots__ = ("context", "ms")

    def __init__(self, context: EarlyContext) -> None:
        self.context = context
        self.ms: int | None = None


class Clock:
    """Journal time of one body, in milliseconds since the epoch."""

    __slots__ = ("_early", "_ms")

    def __init__(self, ms: int, early: tuple[End, ...] = ()) -> None:
        self._ms = ms
        self._early = early

    def fork(self) -> Clock:
        """The clock of a body that starts now."""
        return Clock(self._ms, self._early)

    def advance(self, ms: int) -> None:
        """Something that ended at `ms` was delivered."""
        if ms > self._ms:  # noqa: PLR1730 - max() would be a call for each delivery
            self._ms = ms

    def hold(self, end: End) -> None:
        """Something was delivered whose end is not known yet."""
        open_ends: list[End] = []
        for earlier in self._early:
            if earlier.ms is None:
                open_ends.append(earlier)
            else:
                self.advance(earlier.ms)
        open_ends.append(end)
        self._early = tuple(open_ends)

    def read(self) -> int:
        """Journal time; ends that nobody knows yet are pinned."""
        if self._early:
            early, self._early = self._early, ()
            for end in early:
                if end.ms is None:
                    end.ms = end.context.pin_end()
                self.advance(end.ms)
        return self._ms
