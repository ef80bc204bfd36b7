"""One replay: run workflow code over records, up to the first thing they do not hold.

Nothing happens outside: step bodies do not run, no update is taken, logs go nowhere, no plugin is
made. Only an error that nobody awaits is told, where nobody has told it.
"""

from __future__ import annotations

import logging
import warnings
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from durable_core import CheckpointError, NonDeterministicExecutionError
from durable_core.lowlevel import (
    Environment,
    Instrumentation,
    InvocationInput,
    InvocationStatus,
    Workflow,
    drive,
    error_type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from durable_core.lowlevel import (
        CheckpointRequest,
        CheckpointResponse,
        InvocationOutput,
        Operation,
        OperationDetails,
        StatePage,
    )
    from durable_testing.replays.lost_errors import LostErrors

_DIVERGED: Final = error_type_name(NonDeterministicExecutionError)
_SILENT: Final = logging.getLogger("durable_testing.replays")
_SILENT.disabled = True


class Divergence(NamedTuple):
    """Where a replay left its records."""

    message: str
    """What was recorded and what the code asked for, as a small tree with file and line."""
    recorded: int
    """How many operations were recorded where it happened."""


class EndOfRecordsError(CheckpointError):
    """The replay asked for something new: everything recorded has been replayed."""

    def __init__(self) -> None:
        super().__init__("the records end here", is_retryable=True)


class _Records:
    """A service that takes nothing: what it is asked to record is new."""

    __slots__ = ()

    def checkpoint(self, request: CheckpointRequest, /) -> CheckpointResponse:
        """End the replay."""
        del request
        raise EndOfRecordsError

    def load_page(self, execution_arn: str, checkpoint_token: str, marker: str, /) -> StatePage:
        """End the replay; all records came with the input."""
        del execution_arn, checkpoint_token, marker
        raise EndOfRecordsError


class _NoTimer:
    """What a clock that stands still gives."""

    __slots__ = ()

    def cancel(self) -> None:
        """Do nothing."""


class _StoppedClock:
    """The time at which the records end."""

    __slots__ = ("_now_ms",)

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self._now_ms

    def call_at(self, when_ms: int, callback: Callable[[], object], /) -> _NoTimer:
        """Never call back: no time passes in a replay."""
        del when_ms, callback
        return _NoTimer()


class _Asked(Instrumentation):
    """Takes note of the operations that the code asks for."""

    def __init__(self, ids: set[str]) -> None:
        self._ids = ids

    def operation_start(self, operation: OperationDetails, /) -> None:
        """Take note of an operation that is taken up again."""
        self._ids.add(operation.operation_id)

    def operation_replayed(self, operation: OperationDetails, /) -> None:
        """Take note of an operation whose result is handed out once more."""
        self._ids.add(operation.operation_id)

    def operation_end(self, operation: OperationDetails, /) -> None:
        """Take note of an operation whose end is new to the code."""
        self._ids.add(operation.operation_id)


def _end_at_attempts(
    operation: OperationDetails | None, fn: Callable[..., Any]
) -> Callable[..., Any]:
    """End the replay before a step's body runs; unrecorded code runs, as on every replay."""
    if operation is None:
        return fn
    raise EndOfRecordsError


async def replay_records(
    workflow: Workflow,
    execution_arn: str,
    records: Sequence[Operation],
    lost_errors: LostErrors,
    *,
    went_on: str | None = None,
    has_succeeded: bool = False,
    asked: set[str] | None = None,
) -> Divergence | None:
    """Replay records in start order; None when the code asks for them as they are.

    Args:
        workflow: The code.
        execution_arn: Whose records they are.
        records: The EXECUTION operation first.
        lost_errors: Errors that nobody awaits: those it knows are not logged again.
        went_on: What the execution asked for after these records, if it did: then the code must not
            have ended here.
        has_succeeded: The execution succeeded with these records: then the code must not fail.
        asked: Is given the ids of the operations that the code asks for, also new ones.
    """
    output = await _replay(workflow, execution_arn, records, lost_errors.note, asked)
    recorded = len(records) - 1
    if output is None or output.status is InvocationStatus.PENDING:
        return None
    error = output.error
    if error is not None and error.type == _DIVERGED:
        return Divergence(error.message or "", recorded)
    how = "returned" if error is None else f"raised {error.type}: {error.message}"
    if went_on is not None:
        return Divergence(f"the replay {how}, where the first run went on with {went_on}", recorded)
    if has_succeeded and error is not None:
        place = "\n".join(error.stack_trace or ())
        return Divergence(f"the replay {how}, where the first run returned\n{place}", recorded)
    return None


async def _replay(
    workflow: Workflow,
    execution_arn: str,
    records: Sequence[Operation],
    is_news: Callable[[Mapping[str, Any]], bool],
    asked: set[str] | None,
) -> InvocationOutput | None:
    """Return how the code ended; None when it asked for something new before."""
    now_ms = max(record.ended_at_ms or record.started_at_ms for record in records)
    environment = Environment(
        clock=_StoppedClock(now_ms),
        random=Random(0).random,  # noqa: S311  jitter
        new_token=lambda: "replay",
        logger=_SILENT,
        substitute=_end_at_attempts,
        is_news=is_news,
        switched_on=tuple,
    )
    bare = Workflow(workflow.fn, workflow.serdes) if workflow.plugins else workflow
    with warnings.catch_warnings():
        # The first run has said whatever there is to say.
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            return await drive(
                bare,
                InvocationInput(execution_arn, "replay", tuple(records)),
                _Records(),
                environment,
                () if asked is None else (_Asked(asked),),
            )
        except EndOfRecordsError:
            return None
