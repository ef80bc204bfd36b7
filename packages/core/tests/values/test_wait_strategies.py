from __future__ import annotations

from datetime import timedelta

import pytest

from durable_core._values.errors import ValidationError, WaitForConditionError
from durable_core._values.jitter import JitterStrategy
from durable_core._values.wait_strategy import WaitDecision, create_wait_strategy


def forbidden():
    raise AssertionError("no randomness is needed here")


def polling(**options):
    return create_wait_strategy(should_continue_polling=lambda state: state != "done", **options)


def test_polling_stops_when_the_predicate_says_so():
    decision = polling()("done", 1)
    assert not decision.should_continue
    assert decision.delay_seconds(forbidden) == 0


def test_the_defaults_poll_from_five_seconds_half_as_long_again_each_time():
    strategy = polling()
    decisions = [strategy("pending", attempt) for attempt in range(1, 13)]
    expected = [min(5 * 1.5**n, 300) for n in range(12)]
    assert [decision.nominal_seconds for decision in decisions] == expected
    assert {decision.jitter for decision in decisions} == {JitterStrategy.FULL}


def test_sixty_attempts_are_the_default():
    strategy = polling()
    assert strategy("pending", 59).should_continue
    with pytest.raises(
        WaitForConditionError, match="not met after 60 attempts; max_attempts is 60"
    ):
        strategy("pending", 60)


def test_one_attempt_is_said_in_the_singular():
    with pytest.raises(WaitForConditionError, match="not met after 1 attempt; max_attempts is 1"):
        polling(max_attempts=1)("pending", 1)


def test_the_last_attempt_may_still_succeed():
    assert not polling(max_attempts=3)("done", 3).should_continue


def test_the_timeout_counts_the_nominal_delays():
    strategy = polling(initial_delay=10, backoff_rate=1, timeout=timedelta(seconds=30))
    assert [strategy("pending", n).nominal_seconds for n in (1, 2, 3)] == [10, 10, 10]
    with pytest.raises(WaitForConditionError, match="the timeout of 30 s would pass"):
        strategy("pending", 4)


def test_a_far_attempt_is_beyond_the_timeout_too():
    with pytest.raises(WaitForConditionError, match="timeout of 30 s"):
        polling(max_attempts=10**9, timeout=30)("pending", 10**8)


def test_jitter_takes_effect_when_the_delay_is_drawn():
    decision = polling(initial_delay=10, jitter=JitterStrategy.HALF)("pending", 1)
    assert decision.delay_seconds(lambda: 0.0) == 5
    assert decision.delay_seconds(lambda: 0.5) in (7, 8)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_attempts": 0}, "max_attempts"),
        ({"initial_delay": 0}, "initial_delay"),
        ({"max_delay": 0}, "max_delay"),
        ({"backoff_rate": -1}, "backoff_rate"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_unusable_options_are_refused_at_once_by_name(options, named):
    with pytest.raises(ValidationError, match=rf"^{named} must be"):
        polling(**options)


def test_a_decision_made_by_hand_rounds_up():
    decision = WaitDecision.wait(2.1)
    assert decision.should_continue
    assert decision.delay_seconds(forbidden) == 3


def test_a_decision_needs_a_delay_that_can_be_waited_for():
    with pytest.raises(ValidationError, match=r"^the delay of WaitDecision.wait\(\)"):
        WaitDecision.wait(0)
