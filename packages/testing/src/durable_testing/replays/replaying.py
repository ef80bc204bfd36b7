"""Replays a recorded history against the code as it is now."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import workflow_of
from durable_testing.replays.history import read_history
from durable_testing.replays.prefix import replay_records
from durable_testing.replays.records import records_of

if TYPE_CHECKING:
    from durable_core.lowlevel import Workflow
    from durable_testing.replays.history import History, HistorySource


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Whether code replays a history.

    Attributes:
        workflow: What the code is called.
        operations: How many operations the history records.
        divergence: The first point at which they part: what was recorded, what the code asked for,
            with file and line. None: the code replays the history.
    """

    workflow: str
    operations: int
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
        if self.divergence is None:
            return f"{self.workflow} replays its {self.operations} recorded operations"
        return f"{self.workflow} does not replay its history: {self.divergence}"


def replay(
    handler: Any, history: HistorySource, *, execution_arn: str | None = None
) -> ReplayReport:
    """Run a workflow over a recorded history; no step runs, nothing is recorded.

    Args:
        handler: The workflow.
        history: A file, its JSON or its list of events: `result.save_history`, `durable history
            --json`, `aws lambda get-durable-execution-history --include-execution-data`; or the
            result of a run.
        execution_arn: Whose history it is, where it does not say so itself. Needed only where the
            workflow uses `context.random` or `context.uuid4()`.

    Raises:
        HistoryError: The history cannot be read.
        ValidationError: The handler is no workflow.
    """
    workflow = workflow_of(handler)
    read = read_history(history, execution_arn)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_report(workflow, read))
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(asyncio.run, _report(workflow, read)).result()


async def _report(workflow: Workflow, history: History) -> ReplayReport:
    records = records_of(history.events)
    found = await replay_records(
        workflow, history.execution_arn, records, has_succeeded=history.has_succeeded
    )
    return ReplayReport(
        workflow=workflow.name,
        operations=len(records) - 1,
        divergence=None if found is None else found.message,
    )
