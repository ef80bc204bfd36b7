"""Why a workflow cannot go on: what each of its tasks awaits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from durable_core._values.errors import NonDeterministicExecutionError, WorkflowDeadlockError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOT_THE_USERS = (
    asyncio.__file__[: -len("__init__.py")],
    __file__[: -len("_engine/diagnosis.py")],
)


def innermost(coro: Any) -> Any:
    """The user's own coroutine that is deepest in a chain of awaits; failing that, the deepest."""
    deepest = users = coro
    while hasattr(deepest, "cr_frame"):
        if not deepest.cr_code.co_filename.startswith(_NOT_THE_USERS):
            users = deepest
        deepest = deepest.cr_await
    return users


def _position(task: asyncio.Task[Any]) -> str:
    coro = innermost(task.get_coro())
    frame = getattr(coro, "cr_frame", None)
    if frame is None:
        return f"  ├─ {task.get_name()}"
    awaited = coro.cr_await
    name = getattr(awaited, "__qualname__", type(awaited).__name__)
    what = f", awaiting {name}" if awaited is not None else ""
    return (
        f"  ├─ {task.get_name()}: {frame.f_code.co_qualname} at "
        f"{frame.f_code.co_filename}:{frame.f_lineno}{what}"
    )


def deadlock(tasks: Sequence[asyncio.Task[Any]]) -> WorkflowDeadlockError:
    """The error for a workflow that is idle with nothing running and nothing pending."""
    lines = "\n".join(_position(task) for task in tasks)
    return WorkflowDeadlockError(
        "the workflow can never go on: nothing runs, no timer, callback or invoke is pending, and "
        f"its tasks wait for each other or for something nobody will do:\n{lines}\n"
        "Await operations of the context, or set what these tasks wait for."
    )


def endless(tasks: Sequence[asyncio.Task[Any]]) -> WorkflowDeadlockError:
    """The error for a workflow that never becomes idle."""
    lines = "\n".join(_position(task) for task in tasks)
    return WorkflowDeadlockError(
        "the workflow never becomes idle: it polls, as `while not x: await asyncio.sleep(0)` does, "
        "and nothing outside happens before all its tasks wait for something:\n"
        f"{lines}\nAwait the operation itself, an asyncio.Event or a timer of a second or more."
    )


def stuck_context(operation: Any) -> NonDeterministicExecutionError:
    """The error for a recorded context whose body does not end when it is run again."""
    return NonDeterministicExecutionError(
        f"{operation!r} is recorded as ended, but its body, run again over its operations, still "
        "waits. Code that executions in flight still replay must ask for the same operations in "
        "the same order.",
        operation_id=operation.operation_id,
    )
