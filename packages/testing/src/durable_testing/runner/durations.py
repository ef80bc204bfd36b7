"""Lengths of time as tests write them: a `timedelta` or a number of seconds, as everywhere."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TypeAlias

Duration: TypeAlias = timedelta | float


def span_of(duration: Duration, what: str) -> timedelta:
    """Return a length of time that may be nothing.

    Raises:
        ValueError: It is negative, without end, or no length of time.
    """
    span = _span(duration)
    if span is not None and span >= timedelta(0):
        return span
    raise ValueError(
        f"{what} must be a timedelta or a number of seconds, 0 or more; found {duration!r}"
    )


def positive_span(duration: Duration, what: str) -> timedelta:
    """Return a length of time that is more than nothing.

    Raises:
        ValueError: It is not, or is no length of time.
    """
    span = _span(duration)
    if span is not None and span > timedelta(0):
        return span
    raise ValueError(
        f"{what} must be a timedelta or a number of seconds, more than 0; found {duration!r}"
    )


def _span(duration: object) -> timedelta | None:
    if isinstance(duration, timedelta):
        return duration
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        return None
    try:
        return timedelta(seconds=duration) if math.isfinite(duration) else None
    except OverflowError:
        return None
