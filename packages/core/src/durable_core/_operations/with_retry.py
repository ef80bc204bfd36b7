"""with_retry: retry a whole group of operations, one child context an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from durable_core._engine.timer import Wait
from durable_core._operations.child import Child
from durable_core._operations.decisions import delay_of
from durable_core._operations.derived_names import derived_name
from durable_core._operations.scopes import open_here
from durable_core._values.errors import DurableOperationError
from durable_core._values.serdes import serdes_for_return

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._values.retry import RetryStrategy
    from durable_core._values.serdes import SerDes

T = TypeVar("T")


class RetriedGroup(Child[T]):
    """A context whose body is tried until it succeeds or the strategy stops."""

    __slots__ = ("_attempt_fn", "_strategy")

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        retry_strategy: RetryStrategy,
        serdes: SerDes[Any] | None,
        wrap: bool,
    ) -> None:
        super().__init__(engine, body, name, self._body, args, serdes=serdes, is_virtual=not wrap)
        self._attempt_fn = fn
        self._strategy = retry_strategy

    async def _body(self, _: Any, *args: Any) -> T:
        inner = self.child_body
        if inner is None:
            raise AssertionError("the body runs in its context")
        number = 1
        while True:
            attempt: Child[T] = Child(
                self.engine,
                inner,
                derived_name(self.name, f"-attempt-{number}"),
                self._attempt_fn,
                args,
                serdes=self._serdes,
            )
            try:
                return await open_here(attempt)
            except DurableOperationError as error:
                decision = self._strategy(error, number)
                delay = delay_of(decision, self, "retry_strategy", "RetryDecision", error)
                if not delay:
                    raise
            pause = derived_name(self.name, f"-backoff-{number}")
            await open_here(Wait(self.engine, inner, pause, delay))
            number += 1

    def _codec(self) -> SerDes[Any]:
        return self._serdes or serdes_for_return(self._attempt_fn, self.body.serdes)
