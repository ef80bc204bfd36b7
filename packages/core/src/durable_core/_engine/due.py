"""What the world owes the operations, and when."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_core._engine.operation import ClaimedOperation


class DueTimes:
    """A heap of the times at which the service is due to change an operation."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, ClaimedOperation[Any]]] = []

    def expect(self, operation: ClaimedOperation[Any], due_ms: int) -> None:
        """Note a time."""
        heappush(self._heap, (due_ms, operation.order(), operation))

    def next_ms(self) -> int | None:
        """The earliest time that still counts, or None."""
        heap = self._heap
        while heap:
            due_ms, _, operation = heap[0]
            if operation.is_pending and not operation.is_dropped:
                owed = operation.pending_until_ms()
                if owed is not False and owed == due_ms:
                    return due_ms
            heappop(heap)
        return None


def owed(
    operations: Iterable[ClaimedOperation[Any]],
) -> list[tuple[ClaimedOperation[Any], int | None]]:
    """What the world owes the operations, and when, where that is known; empty if nothing."""
    waiting: list[tuple[ClaimedOperation[Any], int | None]] = []
    for operation in operations:
        if operation.is_dropped or not operation.is_pending:
            continue
        until = operation.pending_until_ms()
        if until is not False:
            waiting.append((operation, until))
    return waiting
