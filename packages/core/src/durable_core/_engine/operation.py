"""One operation claimed by this invocation: what every kind of operation has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from durable_core._engine.future import FAILED, PENDING, SUCCEEDED, DurableFuture
from durable_core._protocol.records import OperationAction, OperationType, OperationUpdate
from durable_core._values.errors import CheckpointError

if TYPE_CHECKING:
    from durable_core._engine.future import CallSite
    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._protocol.records import Operation

T = TypeVar("T")


class ClaimedOperation(DurableFuture[T]):
    """An operation from its claim to its delivery.

    Attributes:
        is_replayed: Its end was recorded, and known to an earlier invocation.
        site: Where user code called it; None for what no call of the user's opens.

    The engine calls `start` (no record), `resume` (an unfinished one), `settled_before` (it had
    ended), `changed` (the service reported it, unfinished), `settled` (the service reported its
    end), then `deliver`.
    """

    __slots__ = (
        "body",
        "engine",
        "is_dropped",
        "is_replayed",
        "live_exception",
        "record",
        "sequence",
        "site",
    )

    type: ClassVar[OperationType]
    subtype: str
    is_virtual: bool = False

    def __init__(self, engine: EngineSeam, body: ContextBody, name: str | None) -> None:
        super().__init__(engine.loop)
        self.engine = engine
        self.body = body
        self.name = name
        self.record: Operation | None = None
        self.sequence = -1
        self.is_dropped = False
        self.is_replayed = False
        self.live_exception: BaseException | None = None
        self.site: CallSite | None = None

    @property
    def exception_seen(self) -> BaseException | None:
        """The live exception, where this invocation saw it."""
        return self.live_exception

    def explain_refusal(self) -> str:
        """Why the handle cannot be recorded as a value."""
        label = f"{self.subtype} {self.name!r}" if self.name else f"an unnamed {self.subtype}"
        return f"is the handle of {label} ({self.site}), not its result: await it"

    if not TYPE_CHECKING:  # a type checker says so by itself

        def __getitem__(self, key: object) -> None:
            """Say what is missing to who takes the handle for its result; iterating comes here."""
            raise TypeError(f"this {self.explain_refusal()} first")

    def start(self) -> None:
        """Begin an operation that has no record."""
        raise NotImplementedError

    def resume(self, record: Operation) -> None:
        """Take up an unfinished operation of an earlier invocation."""

    def settled_before(self, record: Operation) -> None:
        """Deliver what had ended before it was claimed, when its key comes."""
        self.engine.deliver_later(self, record.ended_at_ms or record.started_at_ms)

    def changed(self, record: Operation) -> None:
        """See what the service reported of the unfinished operation."""

    def settled(self, record: Operation) -> None:
        """Deliver the end that the service reported, when its key comes."""
        self.engine.deliver_later(self, record.ended_at_ms or record.started_at_ms)

    def outcome(self, record: Operation) -> T:
        """The value of the settled record, or the error raised."""
        raise NotImplementedError

    def is_deliverable(self) -> bool:
        """Whether it can be delivered when its key has come; else everything behind it waits."""
        return True

    def deliver(self, key_ms: int) -> None:
        """Hand the recorded end to the workflow."""
        body = self.body
        body.clock.advance(key_ms)
        if not self.is_replayed:
            body.is_replaying = False
        self.engine.forget(self)
        record = self.record
        if record is None:
            raise AssertionError("delivered without a record")
        self.engine.observers.delivered(self, record)
        try:
            value = self.outcome(record)
        except CheckpointError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the workflow gets it
            self.settle_error(error)
        else:
            self.settle(value)

    def abandon(self) -> None:
        """Stop what runs for it: its result is not wanted any more."""

    def put_off(self) -> None:
        """Leave what has not begun to the next invocation: this one must end."""

    def pending_until_ms(self) -> int | bool | None:
        """What the world owes it: a time, None for an event without one, False for nothing."""
        return False

    def order(self) -> int:
        """Its place in start order."""
        if self.sequence < 0:
            self.sequence = self.engine.journal.sequence(self.operation_id)
        return self.sequence

    def update(
        self, action: OperationAction, payload: str | None = None, **fields: Any
    ) -> OperationUpdate:
        """An update of this operation, with its identity in every field (semantics, rules)."""
        parent_id = self.body.parent_id
        if fields:
            return OperationUpdate(
                self.operation_id,
                self.type,
                action,
                parent_id,
                self.name,
                self.subtype,
                payload,
                **fields,
            )
        # Most have none, and an empty set of keywords is not free.
        return OperationUpdate(
            self.operation_id, self.type, action, parent_id, self.name, self.subtype, payload
        )

    def settle(self, value: Any) -> None:
        """Deliver a value."""
        self._settle(SUCCEEDED, value)

    def settle_error(self, error: BaseException) -> None:
        """Deliver an error."""
        self._settle(FAILED, error)

    @property
    def is_pending(self) -> bool:
        """Whether nothing has been delivered."""
        return self._state == PENDING

    def _observed(self) -> None:
        self.engine.unobserved.pop(self.operation_id, None)

    def _deliver_if_next(self) -> None:
        if self.record is not None:
            self.engine.deliver_if_next(self)

    def __hash__(self) -> int:
        # Sets of handles (`asyncio.wait` returns them) iterate alike on every replay. Not hash():
        # that of a text differs from process to process.
        return int(self.operation_id[:12], 16)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<{self.subtype} {self.name or self.operation_id[:8]} at {self.site}>"
