"""Operations that are called when none may start any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core._values.errors import ContextScopeError

if TYPE_CHECKING:
    from durable_core._engine.operation import ClaimedOperation
    from durable_core._engine.seam import EngineSeam

MAX_REFUSALS = 1000


class Refusals:
    """Refuses each call with an error, to code that catches it and tries again without end too."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def refuse(self, engine: EngineSeam, operation: ClaimedOperation[Any]) -> None:
        """Raise what the caller is to be told.

        Code that was told a thousand times goes on without an error: it awaits what never ends, and
        the invocation can end.
        """
        self._count += 1
        if self._count > MAX_REFUSALS:
            return
        if engine.is_discarding:
            raise GeneratorExit
        if engine.failure is not None:
            raise engine.failure
        raise ContextScopeError(
            f"{operation.subtype} was called in {operation.body.label}, which has already ended "
            f"({operation.site}): await what a body starts before it returns."
        )
