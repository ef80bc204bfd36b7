from __future__ import annotations

import asyncio

import pytest

from durable_aws_lambda.answers import RefusedError
from durable_aws_lambda.classify import Refusal
from durable_aws_lambda.retries import RetryPolicy, send_with_retries
from durable_aws_lambda.surroundings import RealSurroundings
from durable_core.lowlevel import CheckpointError

THROTTLE = Refusal("TooManyRequestsException", "slow down", 429)


class World:
    """A clock that goes on only by sleeping."""

    def __init__(self, randoms=0.5):
        self.at = 1000.0
        self.slept = []
        self.randoms = randoms

    def now(self):
        return self.at

    def random(self):
        return self.randoms

    async def sleep(self, seconds, /):
        self.slept.append(seconds)
        self.at += seconds


def send(outcomes, world, policy=None, deadline=None):
    remaining = list(outcomes)

    async def attempt_once():
        outcome = remaining.pop(0)
        if isinstance(outcome, Refusal):
            raise RefusedError(outcome)
        return outcome

    policy = policy or RetryPolicy()
    try:
        return asyncio.run(send_with_retries(attempt_once, policy, world, deadline))
    finally:
        send.left = remaining


def test_a_throttled_call_is_sent_again_with_growing_waits():
    world = World()
    assert send([THROTTLE] * 4 + ["done"], world) == "done"
    assert world.slept == [0.05, 0.1, 0.2, 0.4]


def test_attempts_end():
    world = World()
    with pytest.raises(CheckpointError, match="slow down") as caught:
        send([THROTTLE] * 9, world)
    assert caught.value.is_retryable
    assert len(world.slept) == 4
    assert len(send.left) == 4


@pytest.mark.parametrize(
    ("refusal", "is_retryable"),
    [
        (Refusal("InvalidParameterValueException", "Invalid Checkpoint token", 400), True),
        (Refusal("ValidationException", "bad", 400), False),
    ],
)
def test_what_repetition_cannot_mend_is_not_sent_again(refusal, is_retryable):
    world = World()
    with pytest.raises(CheckpointError) as caught:
        send([refusal, "never"], world)
    assert caught.value.is_retryable is is_retryable
    assert world.slept == []


def test_no_wait_goes_past_the_end_of_the_process():
    world = World()
    with pytest.raises(CheckpointError):
        send([THROTTLE] * 9, world, deadline=world.at + 0.16)
    assert world.slept == [0.05, 0.1]


def test_a_wait_is_as_long_as_the_service_asks_for_up_to_the_ceiling():
    world = World()
    asked = THROTTLE._replace(retry_after_seconds=3.0)
    absurd = THROTTLE._replace(retry_after_seconds=3000.0)
    assert send([asked, absurd, "done"], world) == "done"
    assert world.slept == [3.0, 20.0]


def test_waits_have_a_ceiling():
    assert RetryPolicy().delay(60, 1.0, None) == 20.0


def test_real_randomness_lies_in_the_unit_interval_and_the_clock_is_the_wall_clock():
    real = RealSurroundings()
    assert all(0 <= real.random() < 1 for _ in range(100))
    assert real.now() > 1_700_000_000
    asyncio.run(real.sleep(0))
