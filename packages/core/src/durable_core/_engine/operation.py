"""One operation claimed by this invocation: what every kind of operation has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from durable_core._engine.future import (
    FAILED,
    PENDING,
    SUCCEEDED,
    CallSite,
    DurableFuture,
    call_site,
)
from durable_core._protocol.records import (
    OperationAction,
    OperationType,
    OperationUpdate,
)

if TYPE_CHECKING:
    from durable_core._engine.engine import Engine
    from durable_core._engine.scope import ContextBody
    from durable_core._protocol.records import Operation

T = TypeVar("T")


class ClaimedOperation(DurableFuture[T]):
    """An operation from its claim to its delivery.

    The engine calls `start` (no record), `resume` (an unfinished one), `changed` (the service
    reported it, unfinished) and `outcome` (its end is delivered); `cancelled_by_context` when the
    context it belongs to closed first.
    """

    __slots__ = ("body", "engine", "is_dropped", "record", "sequence", "site")

    type: ClassVar[OperationType]
    subtype: str
    is_virtual: bool = False

    def __init__(self, engine: Engine, body: ContextBody, name: str | None) -> None:
        super().__init__(engine.loop)
        self.engine = engine
        self.body = body
        self.name = name
        self.record: Operation | None = None
        self.sequence = -1
        self.is_dropped = False
        self.site: CallSite | None = call_site()

    def start(self) -> None:
        """Begin an operation that has no record."""
        raise NotImplementedError

    def resume(self, record: Operation) -> None:
        """Take up an unfinished operation of an earlier invocation."""

    def changed(self, record: Operation) -> None:
        """See what the service reported of the unfinished operation."""

    def settled_before(self, record: Operation) -> None:
        """See that the operation had ended before it was claimed."""

    def outcome(self, record: Operation) -> T:
        """The value of the settled record, or the error raised."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Stop what runs for it: its result is not wanted any more."""

    def pending_until_ms(self, record: Operation | None) -> int | None | bool:
        """What the world owes it: a time, None for an event without one, False for nothing."""
        del record
        return False

    def update(self, action: OperationAction, **fields: Any) -> OperationUpdate:
        """An update of this operation, with its identity in every field (semantics, rules)."""
        return OperationUpdate(
            self.operation_id,
            self.type,
            action,
            self.body.parent_id,
            self.name,
            self.subtype,
            **fields,
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
        self.engine.unobserved.pop(self, None)

    def _deliver_if_next(self) -> None:
        self.engine.deliver_if_next(self)

    def __repr__(self) -> str:
        return f"<{self.subtype} {self.name or self.operation_id[:8]} at {self.site}>"
