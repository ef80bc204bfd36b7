"""When a refused call is sent again: botocore's standard mode, bounded by the invocation's end."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from durable_aws_lambda.classify import Refusal, Verdict, error_of, verdict_on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class RefusedError(Exception):
    """One attempt at a call did not succeed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal


class Surroundings(Protocol):
    """What the retry loop needs from the world."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Let time pass."""
        ...


class RetryPolicy(NamedTuple):
    """How often and how long. Full jitter: any wait up to `base * 2 ** (attempt - 1)` seconds."""

    max_attempts: int = 5
    base_seconds: float = 0.1
    max_seconds: float = 20.0

    def delay(self, attempt: int, random: float, retry_after: float | None) -> float:
        """Seconds before the attempt after `attempt`; at least what the service asks for."""
        ceiling = min(self.max_seconds, self.base_seconds * 2 ** (attempt - 1))
        return max(random * ceiling, min(retry_after or 0.0, self.max_seconds))


async def send_with_retries(
    attempt_once: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    surroundings: Surroundings,
    deadline: float | None,
) -> T:
    """Attempt a call until it is answered; raises `CheckpointError` when that does not come.

    `deadline`, in seconds since the epoch, is when the process ends: no wait goes past it.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await attempt_once()
        except RefusedError as error:
            refusal = error.refusal
            verdict = verdict_on(refusal)
            failure = error_of(refusal, verdict)
            if verdict is not Verdict.RESEND or attempt >= policy.max_attempts:
                raise failure from error
        delay = policy.delay(attempt, surroundings.random(), refusal.retry_after_seconds)
        if deadline is not None and surroundings.now() + delay >= deadline:
            raise failure
        await surroundings.sleep(delay)


class RealSurroundings:
    """The process's clock and the kernel's randomness: a restored snapshot repeats nothing."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def random(self) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(os.urandom(7)) / 2**56

    async def sleep(self, seconds: float, /) -> None:
        """Let time pass on the running loop."""
        await asyncio.sleep(seconds)
