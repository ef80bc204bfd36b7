"""What one execution may hold, known before the service says no (service 5.1).

Names, ids and the size of single payloads are the core's business; this is the sum of them all.
What is counted is what this invocation can see: children of finished contexts are no longer in its
records, so the counts are lower bounds and never refuse what the service would take.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from durable_core.lowlevel import (
    MAX_OPERATIONS,
    MAX_STORAGE_BYTES,
    CheckpointError,
    OperationType,
    utf8_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from durable_core.lowlevel import ErrorObject, Operation, OperationUpdate

WARN_AT_PERCENT = 80

_logger = logging.getLogger("durable_aws_lambda")

_FEWER_OPERATIONS = (
    "Do more in one step, or give a part of the work to another durable function by "
    "context.invoke(), which has an execution of its own"
)
_FEWER_BYTES = (
    "Keep large values outside and record references: FileSystemSerDes, or a child context with "
    "summary="
)


class Totals:
    """Operations and bytes of one execution; each limit warns once."""

    __slots__ = ("_bytes", "_ids", "_max_bytes", "_max_operations", "_warn", "_warned")

    def __init__(
        self,
        *,
        max_operations: int = MAX_OPERATIONS,
        max_bytes: int = MAX_STORAGE_BYTES,
        warn: Callable[[str], object] = _logger.warning,
    ) -> None:
        self._max_operations = max_operations
        self._max_bytes = max_bytes
        self._warn = warn
        self._ids: set[str] = set()
        self._bytes = 0
        self._warned: set[str] = set()

    def add_records(self, operations: Iterable[Operation]) -> None:
        """Count what earlier invocations recorded."""
        for operation in operations:
            if operation.id not in self._ids:
                self._ids.add(operation.id)
                self._bytes += _size(operation.result, operation.error)
                self._bytes += _size(operation.input_payload, None)

    def add_updates(self, updates: Iterable[OperationUpdate]) -> None:
        """Count what is about to be sent; raises before an update goes over a limit."""
        for update in updates:
            size = _size(update.payload, update.error)
            is_new = update.id not in self._ids and update.type is not OperationType.EXECUTION
            operations = len(self._ids) + is_new
            self._check("operations", operations, self._max_operations, update)
            self._check("bytes", self._bytes + size, self._max_bytes, update)
            if is_new:
                self._ids.add(update.id)
            self._bytes += size

    def _check(self, what: str, count: int, limit: int, update: OperationUpdate) -> None:
        if count > limit:
            raise CheckpointError(
                f"{_label(update)} would bring this execution to {count:,} {what}; the service "
                f"takes {limit:,}. {_REMEDY[what]}.",
                code="ExecutionLimitExceeded",
                is_retryable=False,
            )
        if count * 100 >= limit * WARN_AT_PERCENT and what not in self._warned:
            self._warned.add(what)
            self._warn(
                f"this execution holds {count:,} of at most {limit:,} {what}, as of "
                f"{_label(update)}. {_REMEDY[what]}."
            )


_REMEDY = {"operations": _FEWER_OPERATIONS, "bytes": _FEWER_BYTES}


def _label(update: OperationUpdate) -> str:
    kind = update.subtype or update.type.value
    name = f" {update.name!r}" if update.name else ""
    return f"operation {kind}{name} ({update.id})"


def _size(payload: str | None, error: ErrorObject | None) -> int:
    size = 0 if payload is None else utf8_size(payload)
    if error is not None:
        texts = (error.message, error.type, error.data, *(error.stack_trace or ()))
        size += sum(utf8_size(text) for text in texts if text is not None)
    return size
