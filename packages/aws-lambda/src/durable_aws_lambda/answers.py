"""Reads the service's answers, from its HTTP API or from boto3; what is none is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import (
    CheckpointResponse,
    StatePage,
    operations_from_wire,
    page_from_wire,
)

if TYPE_CHECKING:
    from durable_aws_lambda.classify import Refusal

UNREADABLE = "UnreadableResponse"


class RefusedError(Exception):
    """One attempt at a call did not succeed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal


def refused(code: str, message: str) -> RefusedError:
    """Return the error for an attempt that got no answer, or none that can be read."""
    # Late: a cold start does not wait for what is seldom refused.
    from durable_aws_lambda.classify import Refusal  # noqa: PLC0415

    return RefusedError(Refusal(code, message))


def checkpoint_response(answer: Any) -> CheckpointResponse:
    """Read a `CheckpointDurableExecution` answer; an empty token is none (service 1.3)."""
    try:
        token = answer.get("CheckpointToken") or None
        # boto3 reads a truncated body as an empty answer; a withheld token comes with a state.
        state = answer["NewExecutionState"] if token is None else answer.get("NewExecutionState")
        page = page_from_wire(state or {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(f"not a checkpoint response: {error!r}") from error
    return CheckpointResponse(token, page.operations, page.next_marker)


def state_page(answer: Any, marker: str) -> StatePage:
    """Read a `GetDurableExecutionState` answer; a page that points at itself has no end."""
    try:
        page = StatePage(
            operations_from_wire(answer["Operations"]), answer.get("NextMarker") or None
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(f"not a state page: {error!r}") from error
    if page.next_marker == marker:
        raise unreadable(f"the page behind marker {marker!r} names itself as the next")
    return page


def unreadable(message: str) -> RefusedError:
    """Return the error for an answer that cannot be right; asking again may give a better one."""
    return refused(UNREADABLE, message)
