"""What a strategy decided, checked: it is the user's code."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from durable_core._engine.failures import shown_briefly
from durable_core._values.errors import ValidationError

if TYPE_CHECKING:
    from durable_core._engine.operation import ClaimedOperation


def delay_of(
    decision: Any,
    operation: ClaimedOperation[Any],
    option: str,
    kind: str,
    error: BaseException | None = None,
) -> int:
    """Whole seconds before the next attempt, 0 for none.

    Raises:
        ValidationError: The strategy returned no decision; it names the error asked about.
    """
    try:
        delay_seconds = decision.delay_seconds
    except AttributeError:
        if inspect.iscoroutine(decision):
            decision.close()
        label = operation.name or operation.operation_id[:8]
        about = "" if error is None else f", asked about {shown_briefly(error)}"
        again = "retry" if kind == "RetryDecision" else "wait"
        raise ValidationError(
            f"the {option} of {operation.subtype} {label!r} must return {kind}.{again}(delay) or "
            f"{kind}.stop(); it returned {decision!r}{about}"
        ) from error
    return delay_seconds(operation.engine.random)
