"""Replays a recorded history against the code as it is now."""

from __future__ import annotations

import asyncio
from asyncio import events
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from durable_core.lowlevel import workflow_of
from durable_testing.replays.cuts import CutLog
from durable_testing.replays.history import read_history
from durable_testing.replays.prefix import replay_records
from durable_testing.replays.records import changes_of

if TYPE_CHECKING:
    from durable_core.lowlevel import Operation, Workflow
    from durable_testing.model import HistoryEvent
    from durable_testing.replays.history import History, HistorySource

RECORDED_OPERATIONS: Final = 100_000
"""Operations that the replay of a recorded history may take; with more it leaves cuts out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Whether code replays a history.

    Attributes:
        workflow: What the code is called.
        operations: How many operations the history records.
        asked_for: How many of them the code asked for. In a very long history not every point is
            replayed, and what lies in a finished child is asked for only from within it.
        divergence: The first point at which they part: what was recorded, what the code asked for,
            with file and line. None: the code replays the history.
    """

    workflow: str
    operations: int
    asked_for: int
    divergence: str | None

    @property
    def ok(self) -> bool:
        """Whether the code replays the history."""
        return self.divergence is None

    def assert_ok(self) -> None:
        """Fail with the divergence, if there is one."""
        if self.divergence is not None:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        if self.divergence is not None:
            return f"{self.workflow} does not replay its history: {self.divergence}"
        if self.asked_for == self.operations:
            return f"{self.workflow} replays its {self.operations} recorded operations"
        return (
            f"{self.workflow} replays {self.asked_for} of its {self.operations} recorded "
            f"operations; {self.operations - self.asked_for} were not asked for"
        )


def replay(
    handler: Any,
    history: HistorySource,
    *,
    execution_arn: str | None = None,
    every: bool = False,
) -> ReplayReport:
    """Run a workflow over a recorded history; no step runs, nothing is recorded.

    The history is replayed as it stands, and cut after each of its points: as an execution that was
    there when the code changed. So finished children, batches and items are entered too.

    Args:
        handler: The workflow.
        history: A file, its JSON or its list of events: `result.save_history`, `durable history
            --json`, `aws lambda get-durable-execution-history --include-execution-data`; or the
            result of a run.
        execution_arn: Whose history it is, where it does not say so itself. Needed only where the
            workflow uses `context.random` or `context.uuid4()`.
        every: Replay every point of the history, however long it is; otherwise the replay of a very
            long one (see `asked_for`) leaves some out.

    Raises:
        HistoryError: The history cannot be read.
        ValidationError: The handler is no workflow.
    """
    workflow = workflow_of(handler)
    read = read_history(history, execution_arn)
    if events._get_running_loop() is None:  # noqa: SLF001
        return asyncio.run(_report(workflow, read, every=every))
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(asyncio.run, _report(workflow, read, every=every)).result()


async def _report(workflow: Workflow, history: History, *, every: bool) -> ReplayReport:
    arn, cuts = history.execution_arn, _cuts_of(history.events)
    asked: set[str] = set()
    whole = await replay_records(
        workflow,
        arn,
        cuts.records,
        cuts.log.lost_errors,
        has_succeeded=history.has_succeeded,
        asked=asked,
    )
    message = None if whole is None else whole.message
    if whole is None:
        found = await cuts.log.check(
            workflow,
            arn,
            budget=None if every else RECORDED_OPERATIONS,
            has_succeeded=history.has_succeeded,
            asked=asked,
        )
        if found is not None:
            place = f"cut after event {cuts.event_ids[found.number - 1]}"
            message = f"{place} of {len(history.events)}, {found.divergence.message}"
    return ReplayReport(
        workflow=workflow.name,
        operations=len(cuts.records) - 1,
        asked_for=len(asked.intersection(record.id for record in cuts.records[1:])),
        divergence=message,
    )


class _Cuts(NamedTuple):
    """The cuts of a history, the events after which they are, and the records in the end."""

    log: CutLog
    event_ids: list[int]
    records: tuple[Operation, ...]


def _cuts_of(events: tuple[HistoryEvent, ...]) -> _Cuts:
    log, event_ids = CutLog(), list[int]()
    records: dict[str, Operation] = {}
    since: list[Operation] = []
    changes = [(event, record) for event, record in changes_of(events) if record is not None]
    for (event, record), after in zip_longest(changes, changes[1:]):
        records[record.id] = record
        since.append(record)
        if after is None or not _came_together(event, after[0]):
            log.add(since)
            event_ids.append(event.id)
            since = []
    return _Cuts(log, event_ids, tuple(records.values()))


def _came_together(one: HistoryEvent, other: HistoryEvent) -> bool:
    """Whether two ends may have been told at once: then there is no point between them."""
    ends = not one.type.endswith("Started") and not other.type.endswith("Started")
    return ends and one.at_ms == other.at_ms
