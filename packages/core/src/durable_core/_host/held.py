"""Says so when workflow code held the event loop: it should wait durably, or work in a step."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Final

from durable_core._engine.positions import Position, positions

if TYPE_CHECKING:
    from durable_core._engine.engine import Engine
    from durable_core._host.workflow import Workflow

_LOG = logging.getLogger("durable_core")
_SECONDS_A_RECORD: Final = 0.001
"""What a turn may take on top for each recorded operation that it may have to replay."""
_SHOWN: Final = 3


def report_held(
    engine: Engine, workflow: Workflow, seconds: float, told: set[tuple[str, int]]
) -> None:
    """Warn of a turn that took that long, unless replay alone may have; once for each line."""
    if seconds < 1 + _SECONDS_A_RECORD * len(engine.journal.records):
        return
    places = positions(engine.loop.pending_tasks()) or [_end_of(workflow)]
    line = places[0][:2]
    if line not in told:
        told.add(line)
        _warn(
            f"workflow code held the event loop for {seconds:.1f} s before it came to "
            f"{', '.join(str(place) for place in places[:_SHOWN])}: meanwhile nothing else went "
            "on, and each replay takes as long. To wait, use `await context.wait(...)` or "
            "`await asyncio.sleep(...)`; put calls that block and long work in a step",
            places[0],
        )


def _end_of(workflow: Workflow) -> Position:
    what = f"the end of {workflow.name}"
    code = getattr(workflow.fn, "__code__", None)
    if code is None:
        return Position("<unknown>", 1, what)
    return Position(code.co_filename, code.co_firstlineno, what)


def _warn(message: str, place: Position) -> None:
    try:
        warnings.warn_explicit(message, RuntimeWarning, place.filename, place.line)
    except Warning:
        # No filter of warnings may make an execution fail because a machine is slow.
        _LOG.warning("%s", message)
