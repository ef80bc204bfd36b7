"""Retry strategies: pure functions of an error and the attempt it ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from durable_core._values.backoff import (
    checked_attempts,
    checked_delay,
    checked_rate,
    exponential_seconds,
    linear_seconds,
)
from durable_core._values.durations import Duration, to_timedelta, whole_seconds
from durable_core._values.errors import ValidationError, matches_error
from durable_core._values.jitter import JitterStrategy, drawn_seconds

ErrorPattern: TypeAlias = type[BaseException] | str | re.Pattern[str]
"""A class (with its subclasses), a text the message contains, or a pattern found in it."""

_FIVE_MINUTES: Final = 300


class RetryDecision(NamedTuple):
    """What a retry strategy decides: `RetryDecision.retry(delay)` or `RetryDecision.stop()`."""

    nominal_seconds: float | None
    """The delay before jitter; None means stop."""
    jitter: JitterStrategy = JitterStrategy.NONE

    @classmethod
    def retry(
        cls, delay: Duration, *, jitter: JitterStrategy = JitterStrategy.NONE
    ) -> RetryDecision:
        """Run another attempt after `delay`: whole seconds, at least 1; fractions round up."""
        return cls(whole_seconds(delay, what="the delay of RetryDecision.retry()"), jitter)

    @classmethod
    def stop(cls) -> RetryDecision:
        """Give up: the error is final."""
        return cls(None)

    @property
    def should_retry(self) -> bool:
        """Whether another attempt is to run."""
        return self.nominal_seconds is not None

    def delay_seconds(self, random: Callable[[], float]) -> int:
        """Whole seconds before the next attempt, at least 1; 0 when there is none."""
        if self.nominal_seconds is None:
            return 0
        return drawn_seconds(self.nominal_seconds, self.jitter, random)


RetryStrategy: TypeAlias = Callable[[Exception, int], RetryDecision]
"""Asked with the error and the attempt it ended, counted from 1."""


def create_retry_strategy(
    *,
    max_attempts: int = 3,
    initial_delay: Duration = 5,
    max_delay: Duration = _FIVE_MINUTES,
    backoff_rate: float = 2.0,
    jitter: JitterStrategy = JitterStrategy.FULL,
    retryable_errors: Sequence[ErrorPattern] | None = None,
) -> RetryStrategy:
    """Exponential backoff: min(initial_delay x backoff_rate^(attempt - 1), max_delay), then jitter.

    `max_attempts` counts the first run. `retryable_errors` None retries every error; otherwise an
    error is retried if it matches one of them.
    """
    initial = checked_delay(initial_delay, what="initial_delay")
    longest = checked_delay(max_delay, what="max_delay")
    rate = checked_rate(backoff_rate)

    def nominal(attempt: int) -> float:
        return exponential_seconds(initial, rate, longest, attempt)

    return _strategy(nominal, max_attempts, jitter, retryable_errors)


def create_linear_retry_strategy(
    *,
    max_attempts: int = 6,
    initial_delay: Duration = 1,
    increment: Duration = 1,
    max_delay: Duration = _FIVE_MINUTES,
    jitter: JitterStrategy = JitterStrategy.FULL,
    retryable_errors: Sequence[ErrorPattern] | None = None,
) -> RetryStrategy:
    """Linear backoff: min(initial_delay + increment x (attempt - 1), max_delay), then jitter.

    `increment` may be 0; the rest as in `create_retry_strategy`.
    """
    initial = checked_delay(initial_delay, what="initial_delay")
    longest = checked_delay(max_delay, what="max_delay")
    step = to_timedelta(increment).total_seconds()
    if step < 0:
        raise ValidationError(f"increment must not be negative; found {increment!r}")

    def nominal(attempt: int) -> float:
        return linear_seconds(initial, step, longest, attempt)

    return _strategy(nominal, max_attempts, jitter, retryable_errors)


class RetryPresets:
    """Ready-made retry strategies."""

    @staticmethod
    @cache
    def default() -> RetryStrategy:
        """6 attempts, 5 s doubling up to 60 s, full jitter: what steps use unasked."""
        return create_retry_strategy(max_attempts=6, max_delay=60)

    @staticmethod
    @cache
    def none() -> RetryStrategy:
        """One attempt."""
        return create_retry_strategy(max_attempts=1)

    @staticmethod
    @cache
    def linear() -> RetryStrategy:
        """6 attempts, 1 s to 5 s, a second more each time."""
        return create_linear_retry_strategy(jitter=JitterStrategy.NONE)

    @staticmethod
    def fixed(interval: Duration = 5) -> RetryStrategy:
        """6 attempts, the same interval each time."""
        return create_linear_retry_strategy(
            initial_delay=interval, increment=0, max_delay=interval, jitter=JitterStrategy.NONE
        )

    @staticmethod
    @cache
    def transient() -> RetryStrategy:
        """3 attempts, 5 s doubling, half jitter: for faults that soon pass."""
        return create_retry_strategy(jitter=JitterStrategy.HALF)

    @staticmethod
    @cache
    def resource_availability() -> RetryStrategy:
        """5 attempts, 5 s doubling up to 5 minutes, full jitter: for slow recoveries."""
        return create_retry_strategy(max_attempts=5)

    @staticmethod
    @cache
    def critical() -> RetryStrategy:
        """10 attempts, 1 s growing by half up to 60 s, no jitter: for what must succeed."""
        return create_retry_strategy(
            max_attempts=10,
            initial_delay=1,
            max_delay=60,
            backoff_rate=1.5,
            jitter=JitterStrategy.NONE,
        )


def _strategy(
    nominal: Callable[[int], float],
    max_attempts: int,
    jitter: JitterStrategy,
    retryable_errors: Sequence[ErrorPattern] | None,
) -> RetryStrategy:
    attempts = checked_attempts(max_attempts)
    patterns = None if retryable_errors is None else _checked_patterns(retryable_errors)
    stop = RetryDecision.stop()

    def strategy(error: Exception, attempt: int) -> RetryDecision:
        if attempt >= attempts:
            return stop
        if patterns is not None and not any(matches_error(error, p) for p in patterns):
            return stop
        return RetryDecision(nominal(attempt), jitter)

    return strategy


def _checked_patterns(retryable_errors: Sequence[ErrorPattern]) -> tuple[ErrorPattern, ...]:
    # A lone str is a sequence of its letters: nearly every message would match.
    if not isinstance(retryable_errors, list | tuple) or not retryable_errors:
        raise ValidationError(
            "retryable_errors must be a list or tuple of exception classes, texts or compiled "
            f"patterns, or None to retry every error; found {retryable_errors!r}"
        )
    for entry in retryable_errors:
        if not _is_pattern(entry):
            raise ValidationError(
                "retryable_errors must hold exception classes, texts or compiled patterns; "
                f"found {entry!r}"
            )
    return tuple(retryable_errors)


def _is_pattern(entry: object) -> bool:
    if isinstance(entry, type):
        return issubclass(entry, BaseException)
    return isinstance(entry, str | re.Pattern)
