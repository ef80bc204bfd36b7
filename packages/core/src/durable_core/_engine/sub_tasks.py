"""The tasks that workflow code started itself, and what becomes of those nobody awaited."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from durable_core._engine.positions import Position, positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.scope import ContextBody

_PRUNE_AT_LEAST = 64
_WATCHERS = ("asyncio", "durable_core")
"""Packages whose callbacks on a task mean that somebody waits for it, or did."""


class SubTasks:
    """The tasks of one body, oldest first; those that ended and owe nobody an error may be gone."""

    __slots__ = ("_prune_at", "_tasks")

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._prune_at = _PRUNE_AT_LEAST

    def add(self, task: asyncio.Task[Any]) -> None:
        """Keep a task that was started."""
        tasks = self._tasks
        tasks.append(task)
        if len(tasks) >= self._prune_at:
            self._tasks = [kept for kept in tasks if not kept.done() or _owes_error(kept)]
            self._prune_at = max(_PRUNE_AT_LEAST, 2 * len(self._tasks))

    def report_errors(self, tell: Callable[[dict[str, Any]], object] | None) -> None:
        """Tell of each error that nobody took from its task, once; None: it was told before."""
        for task in self._tasks:
            if not _owes_error(task):
                continue
            error = task.exception()  # from now on asyncio takes it for told
            if tell is not None:
                context = {"message": _message(task), "exception": error, "task": task}
                with suppress(Exception):  # a handler of the user's
                    tell(context)

    def forgotten(self) -> list[asyncio.Task[Any]]:
        """Tasks that still run, that nobody waits for or has waited for, and nobody cancelled."""
        return [t for t in self._tasks if not t.done() and not t.cancelling() and not _watched(t)]


class ForgottenTask:
    """A task that was still running when the handler returned."""

    __slots__ = ("name", "position")

    def __init__(self, name: str, position: Position) -> None:
        self.name = name
        self.position = position

    def __str__(self) -> str:
        return (
            f"the task {self.name} was still running when the handler returned, at "
            f"{self.position}: it is dropped there. Await it, or cancel it"
        )


class LeftTasks:
    """What bodies that have ended left behind.

    Attributes:
        forgotten: Tasks that were still running when the handler returned.
    """

    __slots__ = ("_bodies", "_tell", "forgotten")

    def __init__(self, tell: Callable[[dict[str, Any]], object]) -> None:
        self.forgotten: list[ForgottenTask] = []
        self._bodies: list[SubTasks] = []
        self._tell = tell

    def add(self, body: ContextBody, error: BaseException | None, *, is_told: bool) -> None:
        """Look after the tasks of a body that returned, or raised `error`."""
        tasks: SubTasks | None = body.sub_tasks
        if tasks is None:
            return
        tasks.report_errors(None if is_told else self._tell)
        if error is None:
            self._bodies.append(tasks)

    def settle(self, root: ContextBody, error: BaseException | None) -> None:
        """Look after the handler's tasks, and note what still runs and where."""
        # Without a list of what changed since, nobody can tell: then it is told again.
        is_told = root.is_replaying and root.engine.knows_updates
        self.add(root, error, is_told=is_told)
        self.forgotten = [
            ForgottenTask(_label(task), position)
            for tasks in self._bodies
            for task in tasks.forgotten()
            for position in positions([task])
        ]


def _message(task: asyncio.Task[Any]) -> str:
    return f"Task exception was never retrieved: the task {_label(task)} raised it"


def _label(task: asyncio.Task[Any]) -> str:
    name = getattr(task.get_coro(), "__qualname__", "?")
    return f"{task.get_name()} ({name})"


def _owes_error(task: Any) -> bool:
    """Whether it ended with an error that nobody has asked for: asyncio's own note of it."""
    return task._log_traceback  # noqa: SLF001


def _watched(task: Any) -> bool:
    """Whether a gather, a group, a combinator or another task waits for it, or did."""
    return any(_is_watcher(callback) for callback, _ in task._callbacks or ())  # noqa: SLF001


def _is_watcher(callback: Any) -> bool:
    module: str = getattr(callback, "__module__", None) or ""
    is_task = isinstance(getattr(callback, "__self__", None), asyncio.Task)
    return is_task or module.partition(".")[0] in _WATCHERS
