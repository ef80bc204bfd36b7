"""Conditions: poll a check until a wait strategy says stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from durable_core._engine.attempted import Attempted
from durable_core._engine.failures import restored
from durable_core._engine.payloads import check_size, decode, encode
from durable_core._operations.decisions import delay_of
from durable_core._protocol.records import (
    Operation,
    OperationAction,
    OperationStatus,
    OperationSubType,
)
from durable_core._values.errors import WaitForConditionError
from durable_core._values.serdes import serdes_for_return

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._values.serdes import SerDes
    from durable_core._values.wait_strategy import WaitStrategy

S = TypeVar("S")


class Condition(Attempted[S]):
    """A check that is repeated; its state goes from each check to the next."""

    __slots__ = ("_initial_state", "_serdes", "_strategy")

    subtype: str = OperationSubType.WAIT_FOR_CONDITION.value

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        check: Callable[[S], Any],
        *,
        initial_state: S,
        wait_strategy: WaitStrategy[S],
        serdes: SerDes[S] | None,
    ) -> None:
        super().__init__(engine, body, name, check, ())
        self._initial_state = initial_state
        self._strategy = wait_strategy
        self._serdes = serdes

    def arguments(self) -> tuple[Any, ...]:
        """The state that the last check left, or the first one."""
        record = self.record
        if record is None or record.attempt == 0:
            _, state = encode(self._codec(), self._initial_state, self, "state")
        else:
            state = decode(self._codec(), record.result, self, "state")
        return (state,)

    def succeeded(self, value: Any, attempt: int) -> None:
        """Ask the strategy; record the state with the next check or as the end."""
        try:
            text, state = encode(self._codec(), value, self, "state")
            check_size(text, self, "state")
            decision = self._strategy(state, attempt)
            delay = delay_of(decision, self, "wait_strategy", "WaitDecision")
        except WaitForConditionError as error:
            # A strategy that gives up does not know of what.
            label = self.name or self.operation_id[:8]
            told = f"{self.subtype} {label!r}: {error.message}"
            named = WaitForConditionError(told, error.error_type, error.data)
            self.failed(named.with_traceback(error.__traceback__), attempt)
            return
        except Exception as error:  # noqa: BLE001 - the user's code
            self.failed(error, attempt)
            return
        if delay:
            self.send_retry(delay, payload=text)
        else:
            self.engine.queue.add_and_wait(self.update(OperationAction.SUCCEED, text))

    def failed(self, error: BaseException, attempt: int) -> None:
        """End: a check that raises is not repeated (semantics, wait_for_condition)."""
        del attempt
        self.live_exception = error
        self.send_failure(error)

    def outcome(self, record: Operation) -> S:
        """The final state, or the error."""
        if record.status is not OperationStatus.SUCCEEDED:
            raise restored(WaitForConditionError, record.error, self)
        return decode(self._codec(), record.result, self, "state")

    def _codec(self) -> SerDes[Any]:
        return self._serdes or serdes_for_return(self.fn, self.body.serdes)
