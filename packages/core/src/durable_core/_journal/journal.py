"""The records an execution replays from: look-up and claims."""

from collections import Counter
from collections.abc import Iterable

from durable_core._protocol.records import Operation, OperationStatus, OperationType

DEADLINE_SUBTYPE = "Deadline"
"""WAITs that the host starts so that an invocation near its deadline is invoked again."""

_OPEN_STATUSES = (OperationStatus.STARTED, OperationStatus.PENDING, OperationStatus.READY)


def is_settled(record: Operation) -> bool:
    """Whether nothing can happen to the operation any more."""
    return record.status not in _OPEN_STATUSES


class Journal:
    """Records by operation id, in start order, and how many of each parent's are unclaimed."""

    __slots__ = ("_order", "_unclaimed", "claimed_ids", "execution", "records")

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.records: dict[str, Operation] = {record.id: record for record in operations}
        self.execution: Operation | None = None
        self.claimed_ids: set[str] = set()
        self._order: dict[str, int] | None = None
        for record in self.records.values():
            if record.type is OperationType.EXECUTION:
                self.execution = record
                break
        if self.execution is not None:
            del self.records[self.execution.id]
        self._unclaimed: dict[str | None, int] = dict(
            Counter([r.parent_id for r in self.records.values() if r.subtype != DEADLINE_SUBTYPE])
        )

    def claim(self, operation_id: str) -> Operation | None:
        """The record of `operation_id`, or None; the caller compares identities.

        Call once an id: it also counts the record as claimed.
        """
        record = self.records.get(operation_id)
        if record is not None:
            self._unclaimed[record.parent_id] = self._unclaimed.get(record.parent_id, 0) - 1
            self.claimed_ids.add(operation_id)
        return record

    def report(self, record: Operation) -> None:
        """Keep what the service reported."""
        self.records[record.id] = record

    def sequence(self, operation_id: str) -> int:
        """Where the record stands in start order, from 0."""
        if self._order is None:
            self._order = {key: number for number, key in enumerate(self.records)}
        return self._order[operation_id]

    def unclaimed(self, parent_id: str | None) -> int:
        """How many loaded records directly under `parent_id` no code has claimed."""
        return self._unclaimed.get(parent_id, 0)
