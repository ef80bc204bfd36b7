"""Where the code of a workflow stands, and what it awaits there."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from durable_core._engine.diagnosis import innermost


class Position(NamedTuple):
    """Where user code stands, and what it awaits there."""

    filename: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line} ({self.what})"


def positions(tasks: Sequence[asyncio.Task[Any]]) -> list[Position]:
    """Where the tasks stand, the newest first; each line once."""
    found: dict[tuple[str, int], Position] = {}
    for task in reversed(tasks):
        coro = innermost(task.get_coro())
        frame = getattr(coro, "cr_frame", None)
        if frame is not None:
            place = (frame.f_code.co_filename, frame.f_lineno)
            found.setdefault(place, Position(*place, _awaited(coro)))
    return list(found.values())


def _awaited(coro: Any) -> str:
    """What a coroutine awaits: the operation, where it is one."""
    inner = getattr(coro.cr_await, "gi_frame", None)
    handle: Any = None if inner is None else inner.f_locals.get("self")
    subtype: str | None = getattr(handle, "subtype", None)
    if subtype is None:
        return coro.__qualname__
    return f"{subtype} {handle.name!r}" if handle.name else f"an unnamed {subtype}"
