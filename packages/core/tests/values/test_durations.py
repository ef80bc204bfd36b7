from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_core._values.durations import LONGEST_SECONDS, to_timedelta, whole_seconds
from durable_core._values.errors import ValidationError


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        (1, 1),
        (0.001, 1),
        (1.0, 1),
        (1.1, 2),
        (1e-9, 1),
        (59.0000004, 59),  # noise below the microsecond is not a second more
        (0.1 + 0.2, 1),
        (timedelta(seconds=5), 5),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=5, microseconds=1), 6),
        (timedelta(days=366), LONGEST_SECONDS),
    ],
)
def test_a_duration_is_whole_seconds_rounded_up(duration, seconds):
    assert whole_seconds(duration, what="duration") == seconds


@pytest.mark.parametrize(
    "duration",
    [
        *(0, 0.0, -1, -0.5, timedelta(0), timedelta(seconds=-1)),
        *(float("nan"), float("inf"), 10**400, LONGEST_SECONDS + 0.1, timedelta(days=367)),
        *(True, None, "5", 5 + 0j),
    ],
)
def test_what_is_no_duration_is_refused_by_name(duration):
    with pytest.raises(ValidationError, match=r"^pause must be a timedelta or a number of seconds"):
        whole_seconds(duration, what="pause")


def test_the_refusal_shows_what_was_found_and_what_is_allowed():
    with pytest.raises(ValidationError, match=r"at most 10 seconds; found 11$"):
        whole_seconds(11, what="pause", maximum=10)


def test_a_refused_duration_is_a_value_error():
    with pytest.raises(ValueError, match="pause"):
        whole_seconds(0, what="pause")


@given(st.floats(min_value=1e-6, max_value=LONGEST_SECONDS))
@settings(deadline=None)
def test_rounding_up_adds_less_than_a_second(seconds):
    assert 0 <= whole_seconds(seconds, what="pause") - round(seconds, 6) < 1


@pytest.mark.parametrize(
    ("duration", "delta"),
    [
        (timedelta(hours=1), timedelta(hours=1)),
        (1.5, timedelta(seconds=1, milliseconds=500)),
        (0, timedelta(0)),
        (-2, timedelta(seconds=-2)),
    ],
)
def test_seconds_become_a_timedelta(duration, delta):
    assert to_timedelta(duration) == delta


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), 1e300, 10**400, True, "1"])
def test_what_no_timedelta_can_hold_is_refused(duration):
    with pytest.raises(ValidationError, match="must be a timedelta or a finite number of seconds"):
        to_timedelta(duration)
