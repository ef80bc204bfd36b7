from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_core._values.backoff import exponential_seconds, linear_seconds
from durable_core._values.durations import LONGEST_SECONDS
from durable_core._values.errors import ValidationError
from durable_core._values.jitter import JitterStrategy, drawn_seconds
from durable_core._values.retry import (
    RetryDecision,
    RetryPresets,
    create_linear_retry_strategy,
    create_retry_strategy,
)


def nominals(strategy, attempts=20):
    """The delays before jitter, until the strategy stops."""
    delays = []
    for attempt in range(1, attempts + 1):
        decision = strategy(RuntimeError("boom"), attempt)
        if not decision.should_retry:
            break
        delays.append(decision.nominal_seconds)
    return delays


def forbidden():
    raise AssertionError("no randomness is needed here")


@pytest.mark.parametrize(
    ("jitter", "draw", "seconds"),
    [
        (JitterStrategy.FULL, 0.0, 0),
        (JitterStrategy.FULL, 0.25, 2.5),
        (JitterStrategy.FULL, 1.0, 10),
        (JitterStrategy.HALF, 0.0, 5),
        (JitterStrategy.HALF, 0.5, 7.5),
        (JitterStrategy.HALF, 1.0, 10),
    ],
)
def test_jitter_draws_from_its_range(jitter, draw, seconds):
    assert jitter.apply(10, lambda: draw) == seconds


def test_without_jitter_nothing_is_drawn():
    assert JitterStrategy.NONE.apply(10, forbidden) == 10


@pytest.mark.parametrize(
    ("nominal", "seconds"),
    [(0.2, 1), (1.4, 1), (1.6, 2), (2.5, 2), (7.49, 7), (10**9, LONGEST_SECONDS)],
)
def test_a_drawn_delay_is_rounded_to_the_nearest_second_but_at_least_one(nominal, seconds):
    assert drawn_seconds(nominal, JitterStrategy.NONE, forbidden) == seconds


@given(
    st.floats(min_value=0, max_value=1e6),
    st.sampled_from(JitterStrategy),
    st.floats(min_value=0, max_value=1, exclude_max=True),
)
@settings(deadline=None)
def test_jitter_never_lengthens_a_delay(nominal, jitter, draw):
    assert 1 <= drawn_seconds(nominal, jitter, lambda: draw) <= max(1, round(nominal))


def test_exponential_delays_grow_to_the_longest():
    assert [exponential_seconds(5, 2, 300, n) for n in range(1, 9)] == [
        *(5, 10, 20, 40, 80, 160, 300, 300)
    ]


def test_an_exponential_delay_beyond_float_is_the_longest():
    assert exponential_seconds(1.0, 2.0, 300.0, 5000) == 300


def test_linear_delays_grow_to_the_longest():
    assert [linear_seconds(1, 2, 6, n) for n in range(1, 6)] == [1, 3, 5, 6, 6]


def test_the_default_strategy_makes_three_attempts_from_five_seconds_with_full_jitter():
    strategy = create_retry_strategy()
    assert nominals(strategy) == [5, 10]
    assert strategy(RuntimeError(), 1).jitter is JitterStrategy.FULL


def test_the_linear_default_makes_six_attempts_a_second_more_each():
    strategy = create_linear_retry_strategy()
    assert nominals(strategy) == [1, 2, 3, 4, 5]
    assert strategy(RuntimeError(), 1).jitter is JitterStrategy.FULL


def test_max_attempts_counts_the_first_run():
    assert nominals(create_retry_strategy(max_attempts=1)) == []
    assert len(nominals(create_retry_strategy(max_attempts=4))) == 3


def test_an_attempt_beyond_the_last_is_not_retried_either():
    assert not create_retry_strategy(max_attempts=2)(RuntimeError(), 7).should_retry


def test_fractions_of_a_delay_count_until_the_strategy_rounds():
    strategy = create_retry_strategy(
        max_attempts=5, initial_delay=0.5, backoff_rate=3, jitter=JitterStrategy.NONE
    )
    assert nominals(strategy) == [0.5, 1.5, 4.5, 13.5]
    decisions = [strategy(RuntimeError(), n).delay_seconds(forbidden) for n in (1, 2, 3, 4)]
    assert decisions == [1, 2, 4, 14]


def test_delays_may_be_timedeltas():
    strategy = create_retry_strategy(
        max_attempts=9, initial_delay=timedelta(minutes=1), max_delay=timedelta(minutes=3)
    )
    assert nominals(strategy) == [60, 120, 180, 180, 180, 180, 180, 180]


def test_jitter_takes_effect_when_the_delay_is_drawn():
    decision = create_retry_strategy(initial_delay=10)(RuntimeError(), 1)
    assert [decision.delay_seconds(lambda d=draw: d) for draw in (0.0, 0.5, 0.99)] == [1, 5, 10]


@pytest.mark.parametrize(
    ("preset", "delays", "jitter"),
    [
        (RetryPresets.default(), [5, 10, 20, 40, 60], JitterStrategy.FULL),
        (RetryPresets.none(), [], None),
        (RetryPresets.linear(), [1, 2, 3, 4, 5], JitterStrategy.NONE),
        (RetryPresets.fixed(), [5] * 5, JitterStrategy.NONE),
        (RetryPresets.fixed(timedelta(seconds=7)), [7] * 5, JitterStrategy.NONE),
        (RetryPresets.fixed(interval=600), [600] * 5, JitterStrategy.NONE),
        (RetryPresets.transient(), [5, 10], JitterStrategy.HALF),
        (RetryPresets.resource_availability(), [5, 10, 20, 40], JitterStrategy.FULL),
        (
            RetryPresets.critical(),
            [min(1.5**n, 60) for n in range(9)],
            JitterStrategy.NONE,
        ),
    ],
)
def test_presets_are_as_documented(preset, delays, jitter):
    assert nominals(preset) == delays
    if delays:
        assert preset(RuntimeError(), 1).jitter is jitter


class CardDeclinedError(Exception):
    pass


class CardExpiredError(CardDeclinedError):
    pass


@pytest.mark.parametrize(
    ("pattern", "error", "is_retried"),
    [
        (CardDeclinedError, CardDeclinedError(), True),
        (CardDeclinedError, CardExpiredError(), True),
        (CardExpiredError, CardDeclinedError(), False),
        ("timed out", OSError("read timed out"), True),
        ("timed out", OSError("refused"), False),
        (re.compile(r"5\d\d"), RuntimeError("status 503"), True),
        (re.compile(r"5\d\d"), RuntimeError("status 404"), False),
    ],
)
def test_an_error_is_retried_if_the_pattern_matches(pattern, error, is_retried):
    strategy = create_retry_strategy(retryable_errors=[pattern])
    assert strategy(error, 1).should_retry is is_retried


def test_one_matching_pattern_of_several_is_enough():
    strategy = create_linear_retry_strategy(retryable_errors=(KeyError, "timed out"))
    assert strategy(TimeoutError("timed out"), 1).should_retry
    assert strategy(KeyError("x"), 1).should_retry
    assert not strategy(ValueError("x"), 1).should_retry


@pytest.mark.parametrize("patterns", ["timed out", [], (), [5], [int], [KeyError()], {KeyError}])
def test_what_is_no_list_of_patterns_is_refused(patterns):
    with pytest.raises(ValidationError, match="retryable_errors must"):
        create_retry_strategy(retryable_errors=patterns)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": 2.0}, "max_attempts"),
        ({"max_attempts": True}, "max_attempts"),
        ({"initial_delay": 0}, "initial_delay"),
        ({"max_delay": -1}, "max_delay"),
        ({"backoff_rate": 0}, "backoff_rate"),
        ({"backoff_rate": float("inf")}, "backoff_rate"),
        ({"backoff_rate": float("nan")}, "backoff_rate"),
        ({"backoff_rate": "2"}, "backoff_rate"),
        ({"backoff_rate": True}, "backoff_rate"),
    ],
)
def test_unusable_options_are_refused_at_once_by_name(options, named):
    with pytest.raises(ValidationError, match=rf"^{named} must be"):
        create_retry_strategy(**options)


def test_a_linear_increment_may_be_zero_but_not_negative():
    assert nominals(create_linear_retry_strategy(initial_delay=2, increment=0)) == [2] * 5
    with pytest.raises(ValidationError, match=r"^increment must not be negative"):
        create_linear_retry_strategy(increment=-1)


def test_a_decision_made_by_hand_rounds_up():
    assert RetryDecision.retry(1.2).delay_seconds(forbidden) == 2
    assert RetryDecision.retry(10, jitter=JitterStrategy.FULL).delay_seconds(lambda: 0.5) == 5


def test_a_decision_to_stop_has_no_delay():
    decision = RetryDecision.stop()
    assert not decision.should_retry
    assert decision.delay_seconds(forbidden) == 0


@pytest.mark.parametrize("delay", [0, -1, float("nan")])
def test_a_decision_needs_a_delay_that_can_be_waited_for(delay):
    with pytest.raises(ValidationError, match=r"^the delay of RetryDecision.retry\(\)"):
        RetryDecision.retry(delay)
