"""What one execution may hold in all (service 5.1); the texts are ours (service 10.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durable_core.lowlevel import OperationAction, OperationType, utf8_size
from durable_testing.model.errors import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from durable_core.lowlevel import OperationUpdate
    from durable_testing.model.config import ServiceConfig
    from durable_testing.model.execution import Execution

_FEWER_OPERATIONS: Final = (
    "Do more in one step, or give a part of the work to another durable function by "
    "context.invoke(), which has an execution of its own."
)
_FEWER_BYTES: Final = (
    "Keep large values outside and record references: FileSystemSerDes, or a child context with "
    "summary=."
)


def check_budget(
    config: ServiceConfig,
    execution: Execution,
    updates: Sequence[OperationUpdate],
    billed: int,
    size: int,
) -> None:
    """Refuse what goes over the limits of one execution.

    Raises:
        ServiceError: It does; the message says with which operation, and what to do.
    """
    room = config.max_operations - execution.billed_operations
    if billed > room:
        raise invalid_parameter(
            f"Durable execution exceeds the limit of {config.max_operations} operations with "
            f"{_label(_first_without_room(execution, updates, room))}. {_FEWER_OPERATIONS}"
        )
    if execution.bytes_written + size > config.max_storage_bytes:
        largest = max(updates, key=lambda update: utf8_size(update.payload or ""))
        raise invalid_parameter(
            f"Durable execution exceeds the limit of {config.max_storage_bytes} bytes written with "
            f"{_label(largest)}. {_FEWER_BYTES}"
        )


def _first_without_room(
    execution: Execution, updates: Sequence[OperationUpdate], room: int
) -> OperationUpdate:
    known = set(execution.records)
    for update in updates:
        if update.type is not OperationType.EXECUTION:
            room -= update.id not in known
            room -= update.action is OperationAction.RETRY
            known.add(update.id)
        if room < 0:
            return update
    return updates[-1]


def _label(update: OperationUpdate) -> str:
    kind = update.subtype or update.type.value
    name = f" {update.name!r}" if update.name else ""
    return f"{kind}{name} ({update.id})"
