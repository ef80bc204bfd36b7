"""promise.all, all_settled, any, race: one step that records how they came out."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import copy_context
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from durable_core._engine.attempt import Attempt
from durable_core._engine.failures import error_object
from durable_core._engine.future import DurableFuture
from durable_core._engine.operation import ClaimedOperation
from durable_core._engine.scope import CURRENT_SCOPE, OutsideScope
from durable_core._operations.combinator_codec import Ended, Outcome, read, written
from durable_core._protocol.records import (
    Operation,
    OperationAction,
    OperationSubType,
    OperationType,
)
from durable_core._values.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterable

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam


class Combination(Enum):
    """What is waited for."""

    ALL = "all"
    ALL_SETTLED = "all_settled"
    ANY = "any"
    RACE = "race"


class _Input:
    """One awaitable that was handed in; a plain coroutine is run as part of the step."""

    __slots__ = ("attempt", "combinator", "handle", "index")

    def __init__(self, combinator: Combinator, index: int, awaitable: Any) -> None:
        self.combinator = combinator
        self.index = index
        self.handle: Any = None
        self.attempt: Attempt | None = None
        if isinstance(awaitable, DurableFuture) or asyncio.isfuture(awaitable):
            self.handle = awaitable
        elif inspect.iscoroutine(awaitable):
            context = copy_context()
            context.run(CURRENT_SCOPE.set, OutsideScope("a promise combinator", None, combinator))
            self.attempt = Attempt(self, _awaited, (awaitable,), context)
        else:
            raise ValidationError(
                "promise combinators take operations, tasks, futures and coroutines; found "
                f"{awaitable!r} at place {index}"
            )

    def watch(self) -> None:
        """Wait for the end."""
        if self.attempt is not None:
            self.attempt.is_requested = True
            self.combinator.engine.request(self.attempt)
        else:
            self.handle.add_done_callback(self._done)

    def leave(self) -> None:
        """Let go of it: the recorded outcome decides."""
        if self.attempt is not None and not self.attempt.is_requested:
            self.attempt.args[0].close()
        elif (operation := self._operation()) is not None:
            self.combinator.engine.unobserved.pop(operation.operation_id, None)

    def cancel(self) -> None:
        """Stop it."""
        operation = self._operation()
        if self.attempt is not None:
            if self.attempt.is_requested:
                self.combinator.engine.withdraw(self.attempt)
        elif operation is None:
            self.handle.cancel()
        elif operation.is_pending:
            self.combinator.engine.drop(operation)
            operation.settle_error(asyncio.CancelledError())

    def _operation(self) -> ClaimedOperation[Any] | None:
        handle: Any = self.handle
        return handle if isinstance(handle, ClaimedOperation) else None  # pyright: ignore[reportUnknownVariableType]

    def _done(self, handle: Any) -> None:
        error: BaseException | None
        try:
            error = handle.exception()
        except asyncio.CancelledError as cancelled:
            error = cancelled
        value = handle.result() if error is None else None
        self.combinator.input_ended(self.index, Ended(value, error))

    def attempt_returned(self, attempt: Attempt, value: Any) -> None:
        """The coroutine returned."""
        del attempt
        self.combinator.input_ended(self.index, Ended(value, None))

    def attempt_raised(self, attempt: Attempt, error: BaseException) -> None:
        """The coroutine raised."""
        del attempt
        self.combinator.input_ended(self.index, Ended(None, error))


async def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await coroutine


class Combinator(ClaimedOperation[Any]):
    """A step whose body waits for several awaitables."""

    __slots__ = ("_combination", "_ended", "_inputs", "_is_decided", "_loses")

    type: ClassVar[OperationType] = OperationType.STEP
    subtype: str = OperationSubType.STEP.value

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        combination: Combination,
        awaitables: Iterable[Awaitable[Any]],
        *,
        cancel_losers: bool = False,
    ) -> None:
        super().__init__(engine, body, name)
        self._combination = combination
        self._inputs = [_Input(self, place, entry) for place, entry in enumerate(awaitables)]
        self._ended: dict[int, Ended] = {}
        self._is_decided = False
        self._loses = cancel_losers
        if not self._inputs and combination in (Combination.ANY, Combination.RACE):
            raise ValidationError(f"promise.{combination.value}() needs at least one awaitable")

    # Life

    def start(self) -> None:
        """Send START and wait for the inputs."""
        self.engine.queue.add(self.update(OperationAction.START))
        self._watch()

    def resume(self, record: Operation) -> None:
        """Wait for the inputs again."""
        del record
        self._watch()

    def settled_before(self, record: Operation) -> None:
        """Take the recorded outcome, whatever the inputs do."""
        for entry in self._inputs:
            entry.leave()
        super().settled_before(record)

    def deliver(self, key_ms: int) -> None:
        """Hand the outcome over; losers are cancelled at the same place on every replay."""
        self._is_decided = True
        if self._loses:
            for entry in self._inputs:
                if entry.index not in self._ended:
                    entry.cancel()
        super().deliver(key_ms)

    def abandon(self) -> None:
        """Stop the coroutines that run."""
        for entry in self._inputs:
            if entry.attempt is not None and entry.attempt.is_requested:
                self.engine.withdraw(entry.attempt)

    def _watch(self) -> None:
        for entry in self._inputs:
            entry.watch()
        if not self._inputs:
            self._record(Outcome(self._combination.value, {}))

    # Deciding

    def input_ended(self, index: int, ended: Ended) -> None:
        """See one input's end; record the outcome once it is decided."""
        self._ended[index] = ended
        if self._is_decided or self.is_dropped or self.engine.is_discarding:
            return
        chosen = self._decided(index, ended)
        if chosen is not None:
            self._is_decided = True
            self._record(Outcome(self._combination.value, chosen))

    def _decided(self, index: int, ended: Ended) -> dict[int, Ended] | None:
        is_last = len(self._ended) == len(self._inputs)
        match self._combination:
            case Combination.RACE:
                return {index: ended}
            case Combination.ANY:
                if ended.error is None:
                    return {index: ended}
            case Combination.ALL:
                if ended.error is not None:
                    return {index: ended}
            case Combination.ALL_SETTLED:
                pass
        return dict(sorted(self._ended.items())) if is_last else None

    def _record(self, outcome: Outcome) -> None:
        queue = self.engine.queue
        try:
            text, error = written(outcome, self, self._is_durable)
        except Exception as failure:  # noqa: BLE001 - a value that cannot be recorded
            text, error = None, error_object(failure)
        if error is not None:
            queue.add_and_wait(self.update(OperationAction.FAIL, error=error))
        else:
            queue.add_and_wait(self.update(OperationAction.SUCCEED, text))

    def outcome(self, record: Operation) -> Any:
        """What was decided."""
        return read(self._combination.value, record, self, self._value_of)

    def _value_of(self, index: int) -> Any:
        return self._inputs[index].handle.result()

    def _is_durable(self, index: int) -> bool:
        return isinstance(self._inputs[index].handle, DurableFuture)
