"""An invocation ends, whatever the code that it leaves behind does."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from durable_core import DurableContext, suspending
from durable_core._engine import loop
from durable_testing.model import ServiceConfig

THREE_TRIES = ServiceConfig(invocation_attempts=3, invocation_backoff_seconds=0)


async def one() -> int:
    return 1


def test_losers_that_a_replay_never_ran_hold_nothing_up(execute: Any):
    async def slow() -> None:
        await asyncio.sleep(3600)

    async def handler(event: Any, ctx: DurableContext) -> Any:
        first = await ctx.promise.race([one(), slow()], cancel_losers=True)
        await ctx.wait(5)
        await ctx.wait(5)
        return first

    ran = execute(handler)

    # A third invocation: the second one was suspended in the second wait.
    assert (ran.result, ran.invocations) == (1, 3)


@pytest.mark.parametrize("changed", ["name", "subtype"])
def test_a_divergence_in_an_item_that_is_admitted_late_fails_the_execution(
    execute: Any, changed: str
):
    def version(names: list[str]) -> Any:
        async def item(ctx: DurableContext, item: int, index: int) -> None:
            await ctx.step(one)
            if index == 2:
                await ctx.wait(10)

        async def handler(event: Any, ctx: DurableContext) -> Any:
            await ctx.map("m", [1, 2, 3], item, max_concurrency=1, item_namer=lambda _, n: names[n])

        return handler

    ran = execute(version(["a", "b", "c"]), version(["a", "x", "c"]), config=THREE_TRIES)

    assert ran.error.type == "durable_core.NonDeterministicExecutionError"
    assert ran.invocations == 2


def test_polling_without_a_pause_is_told(execute: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "MAX_CALLS_A_TURN", 10_000)

    async def handler(event: Any, ctx: DurableContext) -> Any:
        handle = ctx.step(one)
        while not handle.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        return await handle

    ran = execute(handler, config=THREE_TRIES)

    assert ran.error.type == "durable_core.WorkflowDeadlockError"
    assert "never becomes idle" in ran.error.message
    assert __file__ in ran.error.message


def test_a_loop_that_goes_on_after_a_divergence_ends_all_the_same(execute: Any):
    def version(name: str) -> Any:
        async def handler(event: Any, ctx: DurableContext) -> Any:
            while True:
                try:
                    await ctx.step(name, one)
                    await ctx.wait(1)
                except Exception:  # noqa: BLE001, S112
                    continue

        return handler

    ran = execute(version("a"), version("b"), config=THREE_TRIES)

    assert ran.error.type == "durable_core.NonDeterministicExecutionError"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_catches_everything_is_suspended_all_the_same(execute: Any):
    caught = 0

    async def handler(event: Any, ctx: DurableContext) -> Any:
        nonlocal caught
        while True:
            try:
                await ctx.wait(1)
            except BaseException:  # noqa: BLE001
                caught += 1
            else:
                return "waited"

    assert execute(handler).result == "waited"
    assert caught < 3_000


def test_a_handler_that_returns_because_it_is_suspended_is_not_done(execute: Any):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        try:
            await ctx.wait(1)
            await ctx.unrecorded(asyncio.sleep, 0)
            await ctx.wait(1)
        except BaseException:  # noqa: BLE001
            return "cut off"
        return "done"

    assert execute(handler).result == "done"


def test_generators_are_closed_with_the_invocation(execute: Any):
    log: list[str] = []

    async def steps(ctx: DurableContext, label: str) -> Any:
        try:
            for number in range(5):
                yield await ctx.step(f"{label}{number}", one)
        finally:
            log.append(f"{label} {'suspending' if suspending() else 'closed'}")

    async def handler(event: Any, ctx: DurableContext) -> Any:
        async for _ in steps(ctx, "left"):
            break
        async with aclosing(steps(ctx, "closing")) as numbers:
            async for _ in numbers:
                break
        log.append("returns")

    execute(handler)

    assert log == ["closing closed", "returns", "left closed"]


def test_generators_that_ended_are_not_kept(execute: Any):
    kept: list[int] = []

    async def few() -> Any:
        yield 1

    async def handler(event: Any, ctx: DurableContext) -> Any:
        for _ in range(1000):
            async for _ in few():
                pass
        kept.append(len(asyncio.get_running_loop()._generators))  # type: ignore[attr-defined]

    execute(handler)

    assert kept[0] < 100
