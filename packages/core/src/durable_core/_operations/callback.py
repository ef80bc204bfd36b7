"""Callbacks: wait for an answer from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from durable_core._engine.failures import restored
from durable_core._engine.operation import ClaimedOperation
from durable_core._engine.payloads import decode
from durable_core._protocol.records import (
    Operation,
    OperationAction,
    OperationStatus,
    OperationSubType,
    OperationType,
)
from durable_core._values.errors import CallbackFailedError, CallbackTimeoutError, SerDesError

if TYPE_CHECKING:
    from durable_core._engine.future import DurableFuture
    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._values.serdes import SerDes


CALLBACK_SUFFIX = " create callback id"
"""Ends the name of the callback that `wait_for_callback` makes (semantics, callbacks)."""
_SHOWN = 80


class Callback(NamedTuple):
    """A callback that the outside can answer: `result, callback_id = await …create_callback()`."""

    result: DurableFuture[Any]
    callback_id: str


class CallbackResult(ClaimedOperation[Any]):
    """The answer to a callback; stands for the same record as its creation."""

    __slots__ = ("_serdes",)

    type: ClassVar[OperationType] = OperationType.CALLBACK
    subtype: str = OperationSubType.CALLBACK.value

    def __init__(self, creation: CreateCallback, serdes: SerDes[Any]) -> None:
        super().__init__(creation.engine, creation.body, creation.name)
        self._serdes = serdes
        self.record = creation.record
        self.sequence = creation.sequence
        self.is_replayed = creation.is_replayed
        self.site = creation.site

    def pending_until_ms(self) -> int | bool | None:
        """An answer, whenever it comes."""
        return None

    def outcome(self, record: Operation) -> Any:
        """The answer, or the error."""
        match record.status:
            case OperationStatus.SUCCEEDED:
                return self._answer(record.result)
            case OperationStatus.TIMED_OUT:
                raise restored(CallbackTimeoutError, record.error, self)
            case _:
                raise restored(CallbackFailedError, record.error, self)

    def _answer(self, text: str | None) -> Any:
        try:
            return decode(self._serdes, text, self)
        except SerDesError as error:
            name = (self.name or self.operation_id[:8]).removesuffix(CALLBACK_SUFFIX)
            shown = repr(text if text is None or len(text) <= _SHOWN else text[:_SHOWN] + "…")
            kind = type(self._serdes).__name__
            raise SerDesError(
                f"callback {name!r} was answered with {shown}, which its serdes ({kind}) cannot "
                f"read: {error}. Send what it reads (JSON text in quotes for JsonSerDes), or leave "
                "out serdes= to get the text as it is"
            ) from error


class CreateCallback(ClaimedOperation[Callback]):
    """A callback's creation: settles to the id and the handle of its answer."""

    __slots__ = ("_heartbeat_seconds", "_is_delivering", "_is_new", "_serdes", "_timeout_seconds")

    type: ClassVar[OperationType] = OperationType.CALLBACK
    subtype: str = OperationSubType.CALLBACK.value

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        *,
        timeout_seconds: int | None,
        heartbeat_seconds: int | None,
        serdes: SerDes[Any],
    ) -> None:
        super().__init__(engine, body, name)
        self._timeout_seconds = timeout_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._serdes = serdes
        self._is_new = False
        self._is_delivering = False

    def start(self) -> None:
        """Send START; the service makes the id."""
        self._is_new = True
        self.engine.queue.add_and_wait(
            self.update(
                OperationAction.START,
                timeout_seconds=self._timeout_seconds,
                heartbeat_timeout_seconds=self._heartbeat_seconds,
            )
        )

    def resume(self, record: Operation) -> None:
        """Hand out the recorded id."""
        self.engine.deliver_later(self, record.started_at_ms)

    def settled_before(self, record: Operation) -> None:
        """Hand out the recorded id; the answer follows in its turn."""
        self.engine.deliver_later(self, record.started_at_ms)

    def changed(self, record: Operation) -> None:
        """Hand out the id that the service made."""
        if not self._is_delivering:
            self.engine.deliver_later(self, record.started_at_ms)
            self._is_delivering = True

    def settled(self, record: Operation) -> None:
        """Hand out the id first, even if the answer came with it."""
        self.changed(record)

    def pending_until_ms(self) -> int | bool | None:
        """An answer, once it is created."""
        return None if self.record is not None else False

    def deliver(self, key_ms: int) -> None:
        """Hand out the id and the handle of the answer."""
        body = self.body
        body.clock.advance(key_ms)
        record = self.record
        if record is None or record.callback_id is None:
            raise AssertionError("a callback was delivered without its id")
        self.engine.forget(self)
        if self._is_new:
            body.is_replaying = False
        result = CallbackResult(self, self._serdes)
        self.engine.succeed_claim(result, self.operation_id)
        self.settle(Callback(result, record.callback_id))

    def outcome(self, record: Operation) -> Callback:
        """Unused: `deliver` hands out more than a value."""
        raise NotImplementedError
