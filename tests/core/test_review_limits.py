"""Names at their limit, states that cannot be written or read, values that a serdes changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import (
    CallbackTimeoutError,
    ChildContextError,
    CompletionConfig,
    DurableContext,
    NestingType,
    PassThroughSerDes,
    SerDesError,
    WaitDecision,
)
from durable_testing.model import ServiceConfig

THREE_TRIES = ServiceConfig(invocation_attempts=3, invocation_backoff_seconds=0)
LONGEST = "x" * 256


def test_wait_for_callback_takes_the_longest_name(execute: Any):
    async def submit(callback_id: str) -> None:
        pass

    async def handler(event: Any, ctx: DurableContext) -> Any:
        try:
            await ctx.wait_for_callback(LONGEST, submit, timeout=5)
        except CallbackTimeoutError:
            return "nobody answered"

    ran = execute(handler)

    assert ran.result == "nobody answered"
    assert [len(operation.name) for operation in ran.operations] == [256, 256, 256]
    assert ran.operations[2].name.endswith("x submitter")


def test_with_retry_takes_the_longest_name(execute: Any):
    async def bad(ctx: DurableContext) -> None:
        raise ValueError("no")

    async def handler(event: Any, ctx: DurableContext) -> Any:
        try:
            await ctx.with_retry(LONGEST, bad)
        except ChildContextError as error:
            return error.error_type

    ran = execute(handler)

    assert ran.result == "ValueError"
    assert ran.operations[-1].name.endswith("x-attempt-3")


def test_a_function_with_an_empty_name_lends_none(execute: Any):
    async def body() -> int:
        return 1

    body.__name__ = ""

    async def handler(event: Any, ctx: DurableContext) -> Any:
        return await ctx.step(body)

    assert execute(handler).operations[0].name is None


async def again(state: Any) -> Any:
    return state


def test_a_state_that_cannot_be_written_fails_the_condition(execute: Any):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        poll = ctx.wait_for_condition(
            again, initial_state=object(), wait_strategy=lambda *_: WaitDecision.stop()
        )
        with pytest.raises(SerDesError, match="object"):
            await poll
        return "told"

    assert execute(handler).result == "told"


class Fading:
    """Loses what it wrote."""

    def __init__(self) -> None:
        self.reads = 0

    def serialize(self, value: Any, context: Any) -> str:
        return str(value)

    def deserialize(self, data: str | None, context: Any) -> Any:
        self.reads += 1
        if self.reads > 2:
            raise OSError("gone")
        return data


@pytest.mark.parametrize("beside", ["nothing", "a step that runs"])
def test_a_state_that_cannot_be_read_back_fails_the_condition(execute: Any, beside: str):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        poll = ctx.wait_for_condition(
            again,
            initial_state="a",
            serdes=serdes,
            wait_strategy=lambda *_: WaitDecision.wait(2),
        )
        if beside != "nothing":
            ctx.step(endless).add_done_callback(print)
        with pytest.raises(SerDesError, match="gone"):
            await poll
        return "told"

    async def endless() -> None:
        await asyncio.Event().wait()

    serdes = Fading()
    ran = execute(handler, config=THREE_TRIES, patience_seconds=0.05)

    assert ran.result == "told"
    assert ran.invocations == (2 if beside == "nothing" else 1)


def test_a_state_of_none_is_a_state(execute: Any):
    seen: list[Any] = []

    async def check(state: Any) -> None:
        seen.append(state)

    async def handler(event: Any, ctx: DurableContext) -> Any:
        return await ctx.wait_for_condition(
            check,
            initial_state="first",
            serdes=PassThroughSerDes(),
            wait_strategy=lambda _, n: WaitDecision.wait(2) if n < 3 else WaitDecision.stop(),
        )

    execute(handler)

    assert seen == ["first", None, None]


def test_an_items_error_names_the_item_live_and_replayed(execute: Any):
    seen: list[Any] = []

    async def bad(ctx: DurableContext, item: int, index: int) -> None:
        raise ValueError("no")

    async def handler(event: Any, ctx: DurableContext) -> Any:
        for nesting in (NestingType.NESTED, NestingType.FLAT):
            (error,) = (await ctx.map("m", [1], bad, nesting=nesting)).errors()
            seen.append((error.operation_name, error.operation_id))
        await ctx.wait(1)

    execute(handler)

    assert seen[:2] == seen[2:]
    assert [name for name, _ in seen] == ["map-item-0"] * 4


class Lossy:
    """Brings everything back as text."""

    def serialize(self, value: Any, context: Any) -> str:
        return str(value)

    def deserialize(self, data: str | None, context: Any) -> Any:
        return data


@pytest.mark.parametrize("nesting", list(NestingType))
def test_an_items_result_is_seen_as_it_will_be_read_back(execute: Any, nesting: NestingType):
    seen: list[Any] = []

    async def same(ctx: DurableContext, item: Any, index: int) -> Any:
        return item

    async def handler(event: Any, ctx: DurableContext) -> Any:
        result = await ctx.map([1, 2], same, nesting=nesting, item_serdes=Lossy())
        seen.append(result.results())
        await ctx.wait(1)

    execute(handler)

    assert seen == [["1", "2"], ["1", "2"]]


def test_a_flat_item_whose_result_cannot_be_written_fails_alone(execute: Any):
    async def same(ctx: DurableContext, item: Any, index: int) -> Any:
        return object() if item == 1 else item

    async def handler(event: Any, ctx: DurableContext) -> Any:
        result = await ctx.map(
            [1, 2], same, nesting=NestingType.FLAT, completion=CompletionConfig.all_completed()
        )
        return [item.status.value for item in result.all]

    assert execute(handler).result == ["FAILED", "SUCCEEDED"]


def test_a_summary_that_is_too_large_fails_its_context_alone(execute: Any):
    async def child(ctx: DurableContext) -> str:
        return "x" * 300_000

    async def handler(event: Any, ctx: DurableContext) -> Any:
        with pytest.raises(SerDesError, match="the summary of RunInChildContext 'child'"):
            await ctx.run_in_child_context(child, summary=lambda text: text)
        return "told"

    assert execute(handler, config=THREE_TRIES).result == "told"
