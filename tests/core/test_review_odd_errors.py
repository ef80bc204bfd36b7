"""Whatever user code raises is recorded, and the execution goes on or ends by it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import DurableContext, DurableOperationError, NestingType, RetryDecision
from durable_testing.model import ServiceConfig

THREE_TRIES = ServiceConfig(invocation_attempts=3, invocation_backoff_seconds=0)


def stop(*_: Any) -> RetryDecision:
    return RetryDecision.stop()


class MuteError(Exception):
    """Cannot be shown as a text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class UnshownError(MuteError):
    """Cannot be shown at all."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


async def raising(kind: Any, where: str, ctx: DurableContext) -> None:
    async def bad(*_: Any) -> None:
        raise kind

    match where:
        case "step":
            await ctx.step(bad, retry_strategy=stop)
        case "child":
            await ctx.run_in_child_context(bad)
        case "virtual":
            await ctx.run_in_child_context(bad, virtual=True)
        case "map":
            (await ctx.map([1], bad)).throw_if_error()
        case "flat":
            (await ctx.map([1], bad, nesting=NestingType.FLAT)).throw_if_error()
        case "promise":
            await ctx.promise.all([bad()])
        case _:
            await bad()


WHERE = ("step", "child", "virtual", "map", "flat", "promise", "handler")


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", [MuteError, UnshownError])
def test_an_error_without_a_text_is_recorded_by_its_class(execute: Any, kind: Any, where: str):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        await raising(kind, where, ctx)

    ran = execute(handler, config=THREE_TRIES)

    assert ran.invocations == 1
    assert ran.error.type.endswith(kind.__name__)
    assert "its text cannot be shown (RuntimeError)" in ran.error.message


@pytest.mark.parametrize("where", WHERE)
def test_a_message_that_utf8_cannot_carry_is_spelled_out(execute: Any, where: str):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        await raising(FileNotFoundError("no file 'caf\udce9'"), where, ctx)

    ran = execute(handler, config=THREE_TRIES)

    assert ran.invocations == 1
    assert ran.error.message == "no file 'caf\\udce9'"


def test_a_groups_message_says_what_its_members_say(execute: Any):
    async def bad() -> None:
        raise ValueError("the cause")

    async def child(ctx: DurableContext) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(bad())

    async def handler(event: Any, ctx: DurableContext) -> Any:
        try:
            await ctx.run_in_child_context(child)
        except DurableOperationError as error:
            return [error.error_type, error.message]

    text = "unhandled errors in a TaskGroup (1 sub-exception): ValueError: the cause"
    assert execute(handler).result == ["ExceptionGroup", text]


@pytest.mark.parametrize("where", ["handler", "child", "virtual", "map", "step"])
def test_a_generator_exit_of_the_users_own_is_an_error_like_any_other(execute: Any, where: str):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        await raising(GeneratorExit("mine"), where, ctx)

    ran = execute(handler, config=THREE_TRIES)

    assert (ran.error.type, ran.error.message) == ("GeneratorExit", "mine")


def test_unrecorded_code_may_raise_stop_iteration(execute: Any):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        try:
            await ctx.unrecorded(next, iter(()))
        except RuntimeError as error:
            return str(error)

    ran = execute(handler, config=THREE_TRIES)

    assert (ran.result, ran.invocations) == ("unrecorded code raised StopIteration()", 1)


def test_errors_of_a_promise_are_cut_until_all_of_them_fit(execute: Any):
    async def bad(number: int) -> None:
        raise ValueError(f"{number}" + "x" * 60_000)

    async def handler(event: Any, ctx: DurableContext) -> Any:
        steps = [ctx.step(bad, number, retry_strategy=stop) for number in range(100)]
        try:
            await ctx.promise.any(steps)
        except DurableOperationError as error:
            return [entry.message[:2] for entry in error.errors]  # type: ignore[attr-defined]

    ran = execute(handler, config=THREE_TRIES)

    assert ran.result == [f"{number}xx"[:2] for number in range(100)]


def test_values_too_large_together_are_recorded_by_reference(execute: Any):
    async def big(number: int) -> str:
        return str(number) * 200_000

    async def handler(event: Any, ctx: DurableContext) -> Any:
        values = await ctx.promise.all([ctx.step(big, number) for number in range(3)])
        settled = await ctx.promise.all_settled([ctx.step(big, number) for number in range(3)])
        await ctx.wait(1)
        return [[value[0] for value in values], [entry.value[0] for entry in settled]]

    ran = execute(handler)

    assert ran.result == [["0", "1", "2"], ["0", "1", "2"]]
    assert ran.invocations == 2
