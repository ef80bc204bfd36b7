"""Reads the service's successful answers, from its HTTP API or from boto3."""

from __future__ import annotations

from typing import Any

from durable_aws_lambda.retries import RefusedError, refused
from durable_core.lowlevel import (
    CheckpointResponse,
    StatePage,
    operations_from_wire,
    page_from_wire,
)

UNREADABLE = "UnreadableResponse"


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
