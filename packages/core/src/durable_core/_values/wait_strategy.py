"""Wait strategies: how long `wait_for_condition` polls, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from durable_core._values.backoff import (
    checked_attempts,
    checked_delay,
    checked_rate,
    exponential_seconds,
)
from durable_core._values.durations import Duration, whole_seconds
from durable_core._values.errors import WaitForConditionError
from durable_core._values.generics import S
from durable_core._values.jitter import JitterStrategy, drawn_seconds

if TYPE_CHECKING:
    from typing import NoReturn

_FIVE_MINUTES: Final = 300


@dataclass(frozen=True, slots=True)
class WaitDecision:
    """What a wait strategy decides: `WaitDecision.wait(delay)` or `WaitDecision.stop()`."""

    nominal_seconds: float | None
    """The delay before jitter; None means stop."""
    jitter: JitterStrategy = JitterStrategy.NONE

    @classmethod
    def wait(cls, delay: Duration, *, jitter: JitterStrategy = JitterStrategy.NONE) -> WaitDecision:
        """Check again after `delay`: whole seconds, at least 1; fractions round up."""
        return cls(whole_seconds(delay, what="the delay of WaitDecision.wait()"), jitter)

    @classmethod
    def stop(cls) -> WaitDecision:
        """The state is what was waited for."""
        return cls(None)

    @property
    def should_continue(self) -> bool:
        """Whether the condition is to be checked again."""
        return self.nominal_seconds is not None

    def delay_seconds(self, random: Callable[[], float]) -> int:
        """Whole seconds before the next check, at least 1; 0 when there is none."""
        if self.nominal_seconds is None:
            return 0
        return drawn_seconds(self.nominal_seconds, self.jitter, random)


WaitStrategy: TypeAlias = Callable[[S, int], WaitDecision]
"""Asked with the new state and the number of checks made, counted from 1."""


def create_wait_strategy(
    *,
    should_continue_polling: Callable[[S], bool],
    max_attempts: int = 60,
    initial_delay: Duration = 5,
    max_delay: Duration = _FIVE_MINUTES,
    backoff_rate: float = 1.5,
    jitter: JitterStrategy = JitterStrategy.FULL,
    timeout: Duration | None = None,
) -> WaitStrategy[S]:
    """Poll while the predicate is true: min(initial_delay x backoff_rate^(attempt - 1), max_delay).

    `timeout` limits the polling as a whole. A strategy reads no clock, so it is counted by the
    nominal delays, before jitter and without the time the checks take.

    The strategy raises `WaitForConditionError` when the attempts or the time are used up.
    """
    attempts = checked_attempts(max_attempts)
    initial = checked_delay(initial_delay, what="initial_delay")
    longest = checked_delay(max_delay, what="max_delay")
    rate = checked_rate(backoff_rate)
    limit = None if timeout is None else checked_delay(timeout, what="timeout")
    stop = WaitDecision.stop()

    def strategy(state: S, attempt: int) -> WaitDecision:
        if not should_continue_polling(state):
            return stop
        if attempt >= attempts:
            _give_up(attempt, f"max_attempts is {attempts}")
        if limit is not None and _polled(initial, rate, longest, attempt, limit) > limit:
            _give_up(attempt, f"the timeout of {limit:g} s would pass before the next")
        return WaitDecision(exponential_seconds(initial, rate, longest, attempt), jitter)

    return strategy


def _polled(initial: float, rate: float, longest: float, attempt: int, limit: float) -> float:
    """Nominal seconds up to the check after `attempt`, counted no further than `limit`."""
    total = 0.0
    for earlier in range(1, attempt + 1):
        total += exponential_seconds(initial, rate, longest, earlier)
        if total > limit:
            break
    return total


def _give_up(attempt: int, why: str) -> NoReturn:
    checks = "1 attempt" if attempt == 1 else f"{attempt} attempts"
    raise WaitForConditionError(f"the condition was not met after {checks}; {why}")
