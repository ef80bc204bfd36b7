"""What happens to operations, told to the hooks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from durable_core._engine.scope import ContextBody
    from durable_core._protocol.records import Operation, OperationType
    from durable_core._values.hooks import Hooks
    from durable_core._values.instrument import OperationDetails


_UNRECORDED = (None, None, None, None, None, None, None, False)
"""From `started_at_ms` to `replay_children`."""


class SeenOperation(Protocol):
    """A claimed operation, as far as hooks look."""

    operation_id: str
    subtype: str
    name: str | None
    body: ContextBody
    is_virtual: bool
    is_replayed: bool
    type: ClassVar[OperationType]

    @property
    def exception_seen(self) -> BaseException | None:
        """The live exception, where this invocation saw it."""
        ...


class Observers:
    """Calls the hooks for one engine; costs a look at an empty tuple where there are none."""

    __slots__ = ("_make", "hooks", "replayed_count")

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks
        self.replayed_count = 0
        self._make: Callable[[tuple[Any, ...]], OperationDetails] | None = None

    def started(self, operation: SeenOperation, record: Operation | None) -> None:
        """An operation starts, or an unfinished one is taken up."""
        hooks = self.hooks
        if hooks.operation_start:
            seen = self.details(operation, record, is_replayed=record is not None)
            hooks.call(hooks.operation_start, seen)

    def delivered(self, operation: SeenOperation, record: Operation) -> None:
        """An operation's outcome is handed to the workflow."""
        hooks = self.hooks
        if not operation.is_replayed:
            if hooks.operation_end:
                self.ended(operation, record)
            return
        self.replayed_count += 1
        if hooks.operation_replayed:
            hooks.call(hooks.operation_replayed, self.details(operation, record, is_replayed=True))

    def ended(self, operation: SeenOperation, record: Operation) -> None:
        """An operation's end is observed for the first time."""
        hooks = self.hooks
        if hooks.operation_end:
            exception = operation.exception_seen
            hooks.call(
                hooks.operation_end,
                self.details(operation, record, is_replayed=False, exception=exception),
            )

    def changed(self, operations: Iterable[Operation]) -> None:
        """A checkpoint response came."""
        hooks = self.hooks
        if hooks.operations_changed:
            hooks.call(hooks.operations_changed, tuple(operations))

    def details(
        self,
        operation: SeenOperation,
        record: Operation | None,
        *,
        is_replayed: bool,
        attempt: int | None = None,
        exception: BaseException | None = None,
    ) -> OperationDetails:
        """An operation as hooks see it."""
        make = self._make
        if make is None:
            # Late: most invocations have nobody who looks.
            from durable_core._values.instrument import OperationDetails  # noqa: PLC0415

            plain: Any = tuple
            make = self._make = partial(plain.__new__, OperationDetails)
        # Of a tuple: one is made for each hook, and keywords would cost more than most hooks do.
        if record is None:
            return make(
                (
                    operation.operation_id,
                    operation.type,
                    operation.subtype,
                    operation.name,
                    operation.body.parent_id,
                    "STARTED",
                    is_replayed,
                    attempt,
                    *_UNRECORDED,
                    operation.is_virtual,
                )
            )
        error = record.error
        return make(
            (
                operation.operation_id,
                operation.type,
                operation.subtype,
                operation.name,
                operation.body.parent_id,
                record.status,
                is_replayed,
                attempt if attempt is not None else (record.attempt or None),
                record.started_at_ms,
                record.ended_at_ms,
                record.scheduled_end_ms,
                record.result,
                None if error is None else error.type,
                None if error is None else error.message,
                exception,
                record.replay_children,
                operation.is_virtual,
            )
        )
