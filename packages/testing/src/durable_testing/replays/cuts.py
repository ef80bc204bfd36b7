"""What an execution's handler knew after each checkpoint: the points a crash could fall on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durable_testing.replays.prefix import Divergence, replay_records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_core.lowlevel import Operation, Workflow

REPLAYED_OPERATIONS: Final = 1_500
"""Operations that the check of a run replays beside its last cut; with more it leaves cuts out."""
_COST_OF_A_CUT: Final = 20
"""What the replay of one cut takes beside its operations, counted in operations."""


class CutLog:
    """The records of one execution as they grew, a difference for each checkpoint."""

    __slots__ = ("_changes", "_records", "_sizes")

    def __init__(self) -> None:
        self._changes: list[tuple[Operation, ...]] = []
        self._records: dict[str, Operation] = {}
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, changed: Iterable[Operation]) -> None:
        """Take note of what a checkpoint, or the start of an invocation, told the handler."""
        changes = tuple(changed)
        if changes:
            self._changes.append(changes)
            for record in changes:
                self._records[record.id] = record
            self._sizes.append(len(self._records))

    async def check(
        self, workflow: Workflow, execution_arn: str, *, is_whole: bool, has_succeeded: bool
    ) -> CutDivergence | None:
        """Replay the cuts, all or those that the budget allows; return the first divergence."""
        chosen = set(range(len(self))) if is_whole else _chosen(self._sizes)
        records: dict[str, Operation] = {}
        for number, changes in enumerate(self._changes):
            for record in changes:
                records[record.id] = record
            if number not in chosen or len(records) <= 1:
                continue
            divergence = await replay_records(
                workflow,
                execution_arn,
                tuple(records.values()),
                went_on=self._next_after(records, number),
                has_succeeded=has_succeeded and number == len(self) - 1,
            )
            if divergence is not None:
                return CutDivergence(divergence, number + 1, len(self))
        return None

    def _next_after(self, known: dict[str, Operation], number: int) -> str | None:
        """Name the first operation that started after a cut."""
        if self._sizes[number] == len(self._records):
            return None
        later = (record for key, record in self._records.items() if key not in known)
        record = next(later)
        return f"{record.subtype or record.type} {record.name or '(unnamed)'!r}"


class CutDivergence:
    """A divergence, and after which cut of how many it came."""

    __slots__ = ("count", "divergence", "number")

    def __init__(self, divergence: Divergence, number: int, count: int) -> None:
        self.divergence = divergence
        self.number = number
        self.count = count


def _chosen(sizes: list[int]) -> set[int]:
    """Return the cuts to replay: the last one, then halves, quarters … while the budget lasts."""
    last = len(sizes) - 1
    budget = REPLAYED_OPERATIONS
    if sum(sizes) + _COST_OF_A_CUT * len(sizes) <= budget:
        return set(range(len(sizes)))
    chosen = {last}
    parts = 2
    while parts <= 2 * len(sizes):
        for part in range(1, parts, 2):
            number = last * part // parts
            if number in chosen:
                continue
            budget -= sizes[number] + _COST_OF_A_CUT
            if budget < 0:
                return chosen
            chosen.add(number)
        parts *= 2
    return chosen
