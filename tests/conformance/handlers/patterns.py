"""What the handlers of several suites really have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core import JitterStrategy, create_retry_strategy, current_step

if TYPE_CHECKING:
    from typing import Any

    from durable_core import BatchResult
    from durable_core.lowlevel import SerDesContext


class RejectedError(Exception):
    """What failing steps, branches and items raise."""


def retry_each_second(max_attempts: int):
    """Retry every error a second later, without jitter."""
    return create_retry_strategy(
        max_attempts=max_attempts,
        initial_delay=1,
        backoff_rate=1,
        jitter=JitterStrategy.NONE,
    )


async def echo(value: Any) -> Any:
    """Return the value."""
    return value


async def fail(*_: object) -> None:
    """Raise."""
    raise RejectedError("not today")


async def fail_first(value: Any) -> Any:
    """Raise on the first attempt, return the value on the second."""
    if current_step().attempt == 1:
        raise RejectedError("the first attempt fails")
    return value


def greet(name: str) -> str:
    """Greet."""
    return f"Hello, {name}!"


class UppercaseSerDes:
    """Text in capitals, nothing around it."""

    def serialize(self, value: str, context: SerDesContext) -> str:
        return value.upper()

    def deserialize(self, data: str, context: SerDesContext) -> str:
        return data


def projection(batch: BatchResult[Any], *fields: str) -> dict[str, Any]:
    """Build the object that the batch requirements return: all its fields, or those named."""
    everything = {
        "completionReason": batch.completion_reason.value,
        "status": batch.status.value,
        "successCount": batch.success_count,
        "failureCount": batch.failure_count,
        "totalCount": batch.total_count,
    }
    return {field: everything[field] for field in fields or everything}
