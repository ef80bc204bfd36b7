"""Suite `wait`: requirements 2-1 to 2-5."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from conformance.handlers.registry import requirement

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext


@requirement("2-1")
async def basic(event: Any, context: DurableContext) -> None:
    await context.wait(timedelta(seconds=2))


@requirement("2-2")
async def named(event: Any, context: DurableContext) -> None:
    await context.wait("custom_wait_name", timedelta(seconds=2))


@requirement("2-3")
async def sequential(event: Any, context: DurableContext) -> dict:
    await context.wait("wait-1", seconds=2)
    await context.wait("wait-2", seconds=2)
    return {"completedWaits": 2}


@requirement("2-4")
async def one_minute(event: Any, context: DurableContext) -> None:
    await context.wait(minutes=1)


@requirement("2-5")
async def one_hour(event: Any, context: DurableContext) -> None:
    await context.wait(hours=1)
