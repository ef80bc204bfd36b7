"""Durations: a `timedelta` or a number of seconds; on the wire always whole seconds."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final, TypeAlias

from durable_core._values.errors import ValidationError

Duration: TypeAlias = timedelta | float
"""What users may write wherever a length of time is asked for; a number is in seconds."""

LONGEST_SECONDS: Final = 31_622_400
"""The longest wait, delay or timeout the service takes: 366 days."""


def whole_seconds(duration: Duration, *, what: str, maximum: int = LONGEST_SECONDS) -> int:
    """Whole seconds from 1 to `maximum`; fractions round up, beyond the microsecond they are noise.

    Raises:
        ValidationError: The duration is zero, negative, not finite, too long, or no duration.
    """
    seconds = _finite_seconds(duration)
    if seconds is not None and seconds > 0:
        whole = max(1, math.ceil(round(seconds, 6)))
        if whole <= maximum:
            return whole
    raise ValidationError(
        f"{what} must be a timedelta or a number of seconds, more than 0 and at most "
        f"{maximum} seconds; found {duration!r}"
    )


def to_timedelta(duration: Duration) -> timedelta:
    """The same length of time as a `timedelta`."""
    if isinstance(duration, timedelta):
        return duration
    seconds = _finite_seconds(duration)
    try:
        if seconds is not None:
            return timedelta(seconds=seconds)
    except OverflowError:
        pass
    raise ValidationError(
        f"a duration must be a timedelta or a finite number of seconds; found {duration!r}"
    )


def _finite_seconds(duration: object) -> float | None:
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        return None
    try:
        return float(duration) if math.isfinite(duration) else None
    except OverflowError:
        return None
