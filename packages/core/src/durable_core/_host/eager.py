"""Tasks that run at once up to their first real wait: what needs none costs no loop turn."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

_HAS_EAGER_START = sys.version_info >= (3, 12)


def start_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], context: Context
) -> asyncio.Future[Any]:
    """Start a task and run its first part now. Call it outside any task of the loop."""
    if _HAS_EAGER_START:
        options: dict[str, Any] = {"eager_start": True}
        return asyncio.Task(coroutine, loop=loop, context=context, **options)
    if not isinstance(loop, asyncio.BaseEventLoop):
        return loop.create_task(coroutine, context=context)
    return _start_captured(loop, coroutine, context)


def _start_captured(
    loop: asyncio.BaseEventLoop, coroutine: Coroutine[Any, Any, Any], context: Context
) -> asyncio.Future[Any]:
    """Do what `eager_start` does from 3.12 on: take the task's first step off its hands."""
    first_steps: list[Callable[[], object]] = []

    def capture(step: Callable[[], object], *, context: Context | None = None) -> None:
        del context
        first_steps.append(step)

    loop.call_soon = capture  # pyright: ignore[reportAttributeAccessIssue]
    try:
        task = asyncio.Task(coroutine, loop=loop, context=context)
    finally:
        del loop.call_soon
    context.run(first_steps[0])
    return task
