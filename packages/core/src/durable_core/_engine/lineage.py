"""Lineage of tasks that asyncio creates while it walks a set.

`asyncio.as_completed` makes a set of what it is given and creates the tasks in the set's order,
which for coroutines differs from process to process. Their lineage is their place in the list that
the caller gave instead.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import tasks as asyncio_tasks
from typing import TYPE_CHECKING, Any, Protocol

from durable_core._values.errors import ContextScopeError

if TYPE_CHECKING:
    from types import CodeType, FrameType

_ENSURE: frozenset[CodeType] = frozenset(
    function.__code__
    for name in ("ensure_future", "_ensure_future")
    if (function := getattr(asyncio_tasks, name, None)) is not None
)
_AS_COMPLETED: frozenset[CodeType] = frozenset(
    {
        asyncio.as_completed.__code__,
        getattr(
            getattr(getattr(asyncio_tasks, "_AsCompletedIterator", None), "__init__", None),
            "__code__",
            asyncio.as_completed.__code__,
        ),
    }
)
_GIVEN = ("fs", "aws")
_ELEMENT = ("f", "aw")


class Block:
    """The numbers reserved for the tasks of one walk over what `given` holds."""

    __slots__ = ("base", "given", "seen")

    def __init__(self, given: Any, base: int) -> None:
        self.given = given
        self.base = base
        self.seen: set[int] = set()

    def started_after(self, number: int) -> int:
        """How many tasks of the walk were created so far that come after `number`."""
        return sum(1 for place in self.seen if self.base + 1 + place > number)


class Numbering(Protocol):
    """A scope that numbers its sub-tasks."""

    tasks: int
    block: Block | None


def number_in_unordered(scope: Numbering) -> int | None:
    """The number of the sub-task being created, if asyncio walks a set; else None.

    Call it from `create_task`.
    """
    frame = sys._getframe(2)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    if frame.f_code not in _ENSURE:
        return None
    while frame is not None and frame.f_code in _ENSURE:
        frame = frame.f_back
    walk = frame
    if frame is not None and frame.f_code not in _AS_COMPLETED:
        frame = frame.f_back  # up to 3.11 a comprehension has a frame of its own
    if walk is None or frame is None or frame.f_code not in _AS_COMPLETED:
        return None
    given = _local(frame, _GIVEN)
    place = _place(given, _local(walk, _ELEMENT))
    block = scope.block
    if block is None or block.given is not given or place in block.seen:
        block = scope.block = Block(given, scope.tasks)
        scope.tasks += len(given)
    block.seen.add(place)
    return block.base + 1 + place


def _local(frame: FrameType, names: tuple[str, ...]) -> Any:
    return next((frame.f_locals[name] for name in names if name in frame.f_locals), None)


def _place(given: Any, element: Any) -> int:
    if isinstance(given, set | frozenset) and asyncio.iscoroutine(element):
        raise ContextScopeError(
            "asyncio.as_completed() was given a set of coroutines, which has another order in each "
            "process: give it a list or a tuple, so that its tasks have the same place on every "
            "replay"
        )
    if isinstance(given, list | tuple | dict | set | frozenset):
        for place, entry in enumerate(given):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if entry is element:
                return place
    raise ContextScopeError(
        "asyncio.as_completed() was given an iterator: give it a list or a tuple, so that its "
        "tasks have the same place on every replay"
    )
