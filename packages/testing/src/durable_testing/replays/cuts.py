"""What an execution's handler knew after each checkpoint: the points a crash could fall on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durable_core.lowlevel import OperationType
from durable_testing.replays.lost_errors import LostErrors
from durable_testing.replays.prefix import Divergence, replay_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from durable_core.lowlevel import Operation, Workflow

REPLAYED_OPERATIONS: Final = 1_500
"""Operations that the check of a run replays beside its last cut; with more it leaves cuts out."""
_COST_OF_A_CUT: Final = 20
"""What the replay of one cut takes beside its operations, counted in operations."""


class CutLog:
    """The records of one execution as they grew, a difference for each checkpoint.

    Attributes:
        lost_errors: Its errors that nobody awaited, as far as the log has them.
    """

    __slots__ = ("_changes", "_full", "_records", "_sizes", "lost_errors")

    def __init__(self) -> None:
        self.lost_errors = LostErrors()
        self._changes: list[tuple[Operation, ...]] = []
        self._full: list[int] = []
        self._records: dict[str, Operation] = {}
        self._sizes: list[int] = []

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, changed: Iterable[Operation]) -> None:
        """Take note of what a checkpoint, or the start of an invocation, told the handler."""
        changes = tuple(changed)
        if not changes:
            return
        has_ended_context = False
        records = self._records
        for record in changes:
            operation_id, kind = record[:2]
            records[operation_id] = record
            if kind is OperationType.CONTEXT and record.is_terminal:
                has_ended_context = True
        if has_ended_context and self._changes:
            self._full.append(len(self._changes) - 1)
        self._changes.append(changes)
        self._sizes.append(len(records))

    async def check(
        self,
        workflow: Workflow,
        execution_arn: str,
        *,
        budget: int | None = REPLAYED_OPERATIONS,
        has_succeeded: bool,
        asked: set[str] | None = None,
    ) -> CutDivergence | None:
        """Replay the cuts, and return the first divergence.

        Args:
            workflow: The code.
            execution_arn: Whose cuts they are.
            budget: How many operations to replay, about; it leaves cuts out. None: replay all.
            has_succeeded: The execution succeeded after the last cut.
            asked: Is given the ids of the operations that the code asks for.
        """
        chosen = set(self.chosen(budget))
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
                self.lost_errors,
                went_on=self._next_after(records, number),
                has_succeeded=has_succeeded and number == len(self) - 1,
                asked=asked,
            )
            if divergence is not None:
                return CutDivergence(divergence, number + 1, len(self))
        return None

    def chosen(self, budget: int | None) -> Iterable[int]:
        """Return the cuts to replay.

        With a budget: the last, then those before a context ended, which no later cut enters, then
        halves, quarters … while it lasts.
        """
        if budget is None or sum(self._sizes) + _COST_OF_A_CUT * len(self) <= budget:
            return range(len(self))
        chosen = {len(self) - 1}
        for number in (*_by_halves(self._full), *_by_halves(range(len(self) - 1))):
            if number in chosen:
                continue
            budget -= self._sizes[number] + _COST_OF_A_CUT
            if budget < 0:
                break
            chosen.add(number)
        return chosen

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


def _by_halves(numbers: Sequence[int]) -> Iterator[int]:
    """Yield the one in the middle, then those at the quarters, and so on."""
    parts = 2
    while parts <= 2 * len(numbers):
        for part in range(1, parts, 2):
            yield numbers[len(numbers) * part // parts]
        parts *= 2
