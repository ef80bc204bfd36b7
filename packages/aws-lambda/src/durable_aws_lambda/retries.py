"""When a refused call is sent again: botocore's standard mode, bounded by the invocation's end.

Imported at the first refusal: a cold start without one does not wait for it.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from durable_aws_lambda.answers import RefusedError
from durable_aws_lambda.classify import Verdict, error_of, verdict_on
from durable_aws_lambda.surroundings import Surroundings

T = TypeVar("T")


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
    """Attempt a call until it is answered; see `resend`."""
    try:
        return await attempt_once()
    except RefusedError as error:
        refused = error
    return await resend(refused, attempt_once, policy, surroundings, deadline)


async def resend(
    error: RefusedError,
    attempt_once: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    surroundings: Surroundings,
    deadline: float | None,
) -> T:
    """Attempt a call that was refused until it is answered, or raise `CheckpointError`.

    `deadline`, in seconds since the epoch, is when the process ends: no wait goes past it.
    """
    attempt = 1
    while True:
        refusal = error.refusal
        verdict = verdict_on(refusal)
        failure = error_of(refusal, verdict)
        if verdict is not Verdict.RESEND or attempt >= policy.max_attempts:
            raise failure from error
        delay = policy.delay(attempt, surroundings.random(), refusal.retry_after_seconds)
        if deadline is not None and surroundings.now() + delay >= deadline:
            raise failure from error
        await surroundings.sleep(delay)
        attempt += 1
        try:
            return await attempt_once()
        except RefusedError as again:
            error = again
