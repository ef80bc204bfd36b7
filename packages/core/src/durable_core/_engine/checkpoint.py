"""The outgoing queue: order, limits, who waits for what (architecture, "Checkpoints")."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_core._protocol.limits import (
    MAX_BATCH_BYTES,
    MAX_BATCH_UPDATES,
    json_size,
    utf8_size,
)
from durable_core._protocol.records import OperationAction, OperationUpdate
from durable_core._values.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDS = (OperationAction.SUCCEED, OperationAction.FAIL)
_OVERHEAD_BYTES = 320
"""What an update takes beside its payload and error: ids, enums, punctuation."""


def size_of(update: OperationUpdate) -> int:
    """Bytes the update takes in a request, near enough for the batch limit."""
    size = _OVERHEAD_BYTES
    if update.payload is not None:
        payload = update.payload  # JSON as a rule, in which no control character is left
        size += utf8_size(payload) + payload.count('"') + payload.count("\\")
    if update.error is not None:
        error = update.error
        size += sum(json_size(text) for text in (error.message, error.data) if text is not None)
        size += sum(json_size(line) for line in error.stack_trace or ())
    return size


class Batch(NamedTuple):
    """The updates of one checkpoint call."""

    updates: tuple[OperationUpdate, ...]
    size_bytes: int


class CheckpointQueue:
    """Updates in the order they become durable."""

    __slots__ = ("_awaited_until", "_pending", "_taken")

    def __init__(self) -> None:
        self._pending: deque[tuple[OperationUpdate, int]] = deque()
        self._taken = 0
        self._awaited_until = 0

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for an update that is still here."""
        return self._awaited_until > self._taken

    def add(self, update: OperationUpdate) -> None:
        """Queue an update nobody waits for."""
        self._pending.append((update, size_of(update)))

    def add_and_wait(self, update: OperationUpdate) -> None:
        """Queue an update somebody waits for: it is flushed as soon as the loop is idle."""
        self._pending.append((update, size_of(update)))
        self._awaited_until = self._taken + len(self._pending)

    def await_all(self) -> None:
        """Let somebody wait for everything that is here."""
        self._awaited_until = self._taken + len(self._pending)

    def take_back(self, operation_id: str) -> bool:
        """Drop the START of an operation that was cancelled before it was sent."""
        for place, (update, _) in enumerate(self._pending):
            if update.id == operation_id:
                del self._pending[place]
                self._taken += 1
                return True
        return False

    def amend(self, operation_id: str, action: OperationAction, **fields: Any) -> bool:
        """Change an update that has not been sent; False when it has."""
        pending = self._pending
        for place in range(len(pending) - 1, -1, -1):
            update = pending[place][0]
            if update.id == operation_id and update.action is action:
                amended = update._replace(**fields)
                pending[place] = (amended, size_of(amended))
                return True
        return False

    def take(self) -> Batch:
        """The next batch: at most 250 updates and 750 KB, at least one update."""
        pending = self._pending
        updates: list[OperationUpdate] = []
        size = 0
        for update, update_size in islice(pending, MAX_BATCH_UPDATES):
            if updates and (
                size + update_size > MAX_BATCH_BYTES
                or (update.action is OperationAction.CANCEL and _must_wait(update, updates))
            ):
                break
            updates.append(update)
            size += update_size
        for _ in updates:
            pending.popleft()
        self._taken += len(updates)
        return Batch(tuple(updates), size)


def _must_wait(cancel: OperationUpdate, updates: list[OperationUpdate]) -> bool:
    """Whether a CANCEL may not share a call: with the START of its own WAIT (service 3.1)."""
    return any(earlier.id == cancel.id for earlier in updates)


def check_reported(batch: Batch, claimed: Mapping[str, Any]) -> None:
    """Check that the service reported what it made of each update.

    Raises:
        CheckpointError: It did not; what was recorded is not known, so it is retryable.
    """
    for update in batch.updates:
        operation = claimed.get(update.id)
        if operation is None or operation.is_dropped:
            continue
        if operation.record is None or update.action in _ENDS:
            raise CheckpointError(
                f"the service took {update.action} of {update.subtype} {update.name!r} "
                f"({update.id}) but did not report the operation",
                is_retryable=True,
            )


def without_cancels(batch: Batch) -> Batch:
    """The batch without its CANCELs, for when the service found a timer had just ended."""
    kept = tuple(u for u in batch.updates if u.action is not OperationAction.CANCEL)
    return Batch(kept, batch.size_bytes)
