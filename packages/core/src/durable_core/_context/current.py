"""What code that runs right now can ask about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core._engine.scope import CURRENT_SCOPE, OutsideScope
from durable_core._values.errors import ContextScopeError

if TYPE_CHECKING:
    from durable_core._context.logs import DurableLogger
    from durable_core._engine.attempted import Attempted


class StepContext:
    """The attempt that runs: of a step, a submitter or a condition's check.

    Attributes:
        attempt: Its number, from 1.
        operation_id: The operation's id.
        name: The operation's name, if it has one.
        idempotency_key: The same on every attempt and replay, and for no other operation: give it
            to services that can tell a repeated request.
        logger: The context's logger.
    """

    __slots__ = ("attempt", "idempotency_key", "logger", "name", "operation_id")

    def __init__(self, operation: Attempted[Any], attempt: int, logger: DurableLogger) -> None:
        self.attempt = attempt
        self.operation_id = operation.operation_id
        self.name = operation.name
        execution = operation.engine.execution_arn.rpartition("/")[2]
        self.idempotency_key = f"{execution}-{operation.operation_id[:32]}"
        self.logger = logger


def current_step() -> StepContext:
    """The attempt whose code is running.

    Raises:
        ContextScopeError: No step is running here.
    """
    scope = CURRENT_SCOPE.get(None)
    if not isinstance(scope, OutsideScope) or scope.attempt is None:
        raise ContextScopeError(
            "current_step() was called outside a step: call it in the function that a step runs"
        )
    operation: Attempted[Any] = scope.step
    return StepContext(operation, scope.attempt, operation.body.context.logger)


def suspending() -> bool:
    """Whether the running code is being discarded: the invocation ends, the workflow does not.

    True in `finally` and `except` blocks that run only because the invocation was suspended. From
    then on no operation can be started, and nothing is logged or sent.
    """
    scope = CURRENT_SCOPE.get(None)
    if scope is None:
        return False
    engine = scope.engine if isinstance(scope, OutsideScope) else scope.body.engine
    return engine is not None and engine.is_discarding
