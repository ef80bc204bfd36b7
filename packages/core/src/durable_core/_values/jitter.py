"""Jitter: how far a delay may be drawn below its nominal length."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from durable_core._values.durations import LONGEST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable


class JitterStrategy(Enum):
    """How a delay is spread, so that many retries do not come at once."""

    NONE = "NONE"
    """The delay as it is."""
    FULL = "FULL"
    """Anywhere from 0 to the delay."""
    HALF = "HALF"
    """Anywhere from half the delay to the delay."""

    def apply(self, delay_seconds: float, random: Callable[[], float]) -> float:
        """Draw the delay; `random` gives numbers in [0, 1) and is asked at most once."""
        if self is JitterStrategy.FULL:
            return delay_seconds * random()
        if self is JitterStrategy.HALF:
            return delay_seconds / 2 * (1 + random())
        return delay_seconds


def drawn_seconds(nominal: float, jitter: JitterStrategy, random: Callable[[], float]) -> int:
    """Whole seconds to wait, at least 1: the drawn delay, rounded to the nearest."""
    return min(max(1, round(jitter.apply(nominal, random))), LONGEST_SECONDS)
