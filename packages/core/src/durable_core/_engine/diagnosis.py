"""Why a workflow cannot go on: what each of its tasks awaits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core._values.errors import NonDeterministicExecutionError, WorkflowDeadlockError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from durable_core._engine.operation import ClaimedOperation


def _innermost(coro: Any) -> Any:
    """The coroutine at the end of a chain of awaits."""
    while True:
        awaited = getattr(coro, "cr_await", None)
        if awaited is None or not hasattr(awaited, "cr_frame"):
            return coro
        coro = awaited


def _position(task: asyncio.Task[Any]) -> str:
    coro = _innermost(task.get_coro())
    frame = getattr(coro, "cr_frame", None)
    if frame is None:
        return f"  ├─ {task.get_name()}"
    awaited = getattr(coro, "cr_await", None)
    what = f", awaiting {type(awaited).__name__}" if awaited is not None else ""
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


def stuck_context(operation: ClaimedOperation[Any]) -> NonDeterministicExecutionError:
    """The error for a recorded context whose body does not end when it is run again."""
    return NonDeterministicExecutionError(
        f"{operation!r} is recorded as ended, but its body, run again over its operations, still "
        "waits. Code that executions in flight still replay must ask for the same operations in "
        "the same order.",
        operation_id=operation.operation_id,
    )
