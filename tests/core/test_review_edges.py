"""Edges of batches and of contexts whose end was pinned."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from durable_core import ChildContextError, CompletionConfig

if TYPE_CHECKING:
    from durable_core import DurableContext

LIMIT = 262_144


def test_a_result_at_the_limit_keeps_its_room_when_its_end_is_pinned(execute: Any) -> None:
    async def body(child: DurableContext) -> str:
        return "x" * (LIMIT - 2)

    async def workflow(event: Any, context: DurableContext) -> Any:
        result = await context.run_in_child_context("large", body)
        began = context.now()
        await context.wait("pause", 5)
        return [len(result), began == context.execution.started_at]

    ran = execute(workflow)
    assert ran.result == [LIMIT - 2, True]
    assert ran.operation("large").replay_children


def test_a_completion_predicate_that_cancels_fails_the_batch(execute: Any) -> None:
    def decide(status: Any) -> Any:
        raise asyncio.CancelledError

    async def item(child: DurableContext, number: int, index: int) -> int:
        return number

    async def workflow(event: Any, context: DurableContext) -> str:
        try:
            await context.map("all", [1], item, completion=CompletionConfig(should_complete=decide))
        except ChildContextError as error:
            return str(error.error_type)
        return "no error"

    assert execute(workflow).result == "asyncio.exceptions.CancelledError"
