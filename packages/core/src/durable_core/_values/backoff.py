"""Nominal delays that grow, and the checks of their parameters."""

from __future__ import annotations

import math

from durable_core._values.durations import Duration, to_timedelta, whole_seconds
from durable_core._values.errors import ValidationError


def exponential_seconds(initial: float, rate: float, longest: float, attempt: int) -> float:
    """min(initial x rate^(attempt - 1), longest); `attempt` counts from 1."""
    try:
        return min(initial * rate ** (attempt - 1), longest)
    except OverflowError:
        return longest


def linear_seconds(initial: float, increment: float, longest: float, attempt: int) -> float:
    """min(initial + increment x (attempt - 1), longest); `attempt` counts from 1."""
    return min(initial + increment * (attempt - 1), longest)


def checked_delay(duration: Duration, *, what: str) -> float:
    """The delay in seconds, fractions kept: they count until the strategy rounds."""
    whole_seconds(duration, what=what)
    return to_timedelta(duration).total_seconds()


def checked_attempts(max_attempts: object) -> int:
    """`max_attempts`, an int of at least 1."""
    if isinstance(max_attempts, int) and not isinstance(max_attempts, bool) and max_attempts >= 1:
        return max_attempts
    raise ValidationError(
        f"max_attempts must be an int of at least 1 (1 is a single attempt); found {max_attempts!r}"
    )


def checked_rate(backoff_rate: object) -> float:
    """`backoff_rate`, a finite number above 0."""
    if (
        isinstance(backoff_rate, int | float)
        and not isinstance(backoff_rate, bool)
        and 0 < backoff_rate < math.inf
    ):
        return float(backoff_rate)
    raise ValidationError(f"backoff_rate must be a finite number above 0; found {backoff_rate!r}")
