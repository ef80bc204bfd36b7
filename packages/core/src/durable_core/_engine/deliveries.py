"""Completions that are known and not delivered yet, in journal order."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from durable_core._engine.operation import ClaimedOperation


class Deliveries:
    """A heap by key, with a place of its own for the only entry: what sequential replay needs.

    A key is the end (or, for a callback's id, the start) in milliseconds, then start sequence
    (architecture, "Journal order").
    """

    __slots__ = ("_heap", "_single", "_single_key")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, ClaimedOperation[Any]]] = []
        self._single: ClaimedOperation[Any] | None = None
        self._single_key = 0

    def add(self, operation: ClaimedOperation[Any], key_ms: int) -> None:
        """Add a completion that is known now."""
        single = self._single
        if single is None and not self._heap:
            self._single = operation
            self._single_key = key_ms
            return
        if single is not None:
            self._single = None
            heappush(self._heap, (self._single_key, single.order(), single))
        heappush(self._heap, (key_ms, operation.order(), operation))

    def pop(self) -> tuple[ClaimedOperation[Any], int] | None:
        """Take the completion with the smallest key that is still wanted."""
        single = self._single
        if single is not None:
            self._single = None
            return None if single.is_dropped else (single, self._single_key)
        while self._heap:
            key_ms, _, operation = heappop(self._heap)
            if not operation.is_dropped:
                return operation, key_ms
        return None

    def pop_deliverable(self) -> tuple[ClaimedOperation[Any], int] | None:
        """Take the completion with the smallest key whose result is there.

        A context may end in the same millisecond as what its body, run again, still waits for;
        nothing with a larger key may come before it.
        """
        single = self._single
        if single is not None and not single.is_dropped and single.is_deliverable():
            self._single = None
            return single, self._single_key
        passed: list[tuple[ClaimedOperation[Any], int]] = []
        found: tuple[ClaimedOperation[Any], int] | None = None
        while (following := self.pop()) is not None:
            operation, key_ms = following
            if (not passed or passed[0][1] == key_ms) and operation.is_deliverable():
                found = following
                break
            passed.append(following)
            if passed[0][1] != key_ms:
                break
        for operation, key_ms in passed:
            self.add(operation, key_ms)
        return found

    def first(self) -> ClaimedOperation[Any] | None:
        """The completion with the smallest key; it stays."""
        following = self.pop()
        if following is None:
            return None
        self.add(*following)
        return following[0]

    def pop_if_only(self, operation: ClaimedOperation[Any]) -> int | None:
        """Take `operation` if it is the only one known; its key, else None."""
        if self._single is not operation:
            return None
        self._single = None
        return self._single_key

    def __bool__(self) -> bool:
        return self._single is not None or bool(self._heap)
