"""When a refused call is sent again: botocore's standard mode, bounded by the invocation's end."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from durable_aws_lambda.classify import Refusal

T = TypeVar("T")


class RefusedError(Exception):
    """One attempt at a call did not succeed."""

    def __init__(self, refusal: "Refusal") -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal


def refused(code: str, message: str) -> RefusedError:
    """Return the error for an attempt that got no answer, or none that can be read."""
    # Late, here and below: a cold start does not wait for what is seldom refused.
    from durable_aws_lambda.classify import Refusal  # noqa: PLC0415

    return RefusedError(Refusal(code, message))


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
            from durable_aws_lambda.classify import Verdict, error_of, verdict_on  # noqa: PLC0415

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
