"""Errors of tasks that nobody awaits, as a test reads them in the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from durable_testing import DurableTestRunner, replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core import DurableContext


async def one() -> int:
    return 1


async def fails() -> None:
    raise LookupError("unseen")


async def refuses() -> None:
    raise LookupError("refused")


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(record.exc_info[1]) for record in caplog.records if record.exc_info]


async def careless(event: Any, context: DurableContext) -> int:
    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    return await context.step("first", one)


@pytest.mark.parametrize(
    "run",
    [
        lambda: DurableTestRunner(careless, replay_check=False).run_sync(),
        lambda: DurableTestRunner(careless, replay_check=False).explore_sync(),
        lambda: replay(careless, DurableTestRunner(careless, replay_check=False).run_sync()),
    ],
    ids=["run", "explore", "replay"],
)
def test_an_error_is_told_with_nothing_of_the_kit_before_it(
    caplog: pytest.LogCaptureFixture, run: Callable[[], object]
) -> None:
    run()

    assert "LookupError: unseen" in caplog.text
    assert "another exception occurred" not in caplog.text


async def in_a_child(event: Any, context: DurableContext) -> int:
    return await context.run_in_child_context("child", careless_child)


async def careless_child(context: DurableContext) -> int:
    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    await context.step("first", one)
    return await context.step("second", one)


async def beside_what_is_not_recorded_yet(event: Any, context: DurableContext) -> None:
    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    await context.step("first", one)
    asyncio.gather(context.step("second", one))


async def of_an_operation(event: Any, context: DurableContext) -> int:
    async def asks() -> None:
        await context.step("asked", refuses)

    task = asyncio.create_task(asks())
    await asyncio.wait([task])
    return await context.step("first", one)


def breaks() -> None:
    raise LookupError("broken")


async def in_a_callback(event: Any, context: DurableContext) -> int:
    asyncio.get_running_loop().call_soon(breaks)
    await context.step("first", one)
    return await context.step("second", one)


async def of_two_alike(event: Any, context: DurableContext) -> int:
    await asyncio.wait([asyncio.create_task(fails()), asyncio.create_task(fails())])
    return await context.step("first", one)


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (careless, ["unseen"]),
        (in_a_child, ["unseen"]),
        (beside_what_is_not_recorded_yet, ["unseen"]),
        (of_an_operation, ["LookupError: refused"]),
        (in_a_callback, ["broken"]),
        (of_two_alike, ["unseen", "unseen"]),
    ],
)
def test_the_check_tells_no_error_again(
    caplog: pytest.LogCaptureFixture, handler: Any, told: list[str]
) -> None:
    DurableTestRunner(handler, replay_check="every").run_sync()

    assert errors_in(caplog) == told


async def of_replays_alone(event: Any, context: DurableContext) -> int:
    if not context.execution.first_invocation:
        await asyncio.wait([asyncio.create_task(fails())])
    return await context.step("first", one)


async def of_replays_alone_in_a_child(event: Any, context: DurableContext) -> int:
    async def calm_child(context: DurableContext) -> int:
        await context.step("first", one)
        return await context.step("second", one)

    is_first = context.execution.first_invocation
    return await context.run_in_child_context("child", calm_child if is_first else careless_child)


async def in_other_words(event: Any, context: DurableContext) -> int:
    async def fails_here() -> None:
        raise LookupError("unseen" if context.execution.first_invocation else "other words")

    await asyncio.wait([asyncio.create_task(fails_here())])
    return await context.step("first", one)


async def in_another_place(event: Any, context: DurableContext) -> int:
    async def fails_too() -> None:
        raise LookupError("unseen")

    how = fails if context.execution.first_invocation else fails_too
    await asyncio.wait([asyncio.create_task(how())])
    return await context.step("first", one)


@pytest.mark.parametrize(
    ("handler", "by_run", "by_replays"),
    [
        (of_replays_alone, [], ["unseen"]),
        (of_replays_alone_in_a_child, [], ["unseen"]),
        (in_other_words, ["unseen"], ["other words"]),
        (in_another_place, ["unseen"], ["unseen"]),
    ],
)
def test_an_error_that_only_replays_show_is_told_once(
    caplog: pytest.LogCaptureFixture, handler: Any, by_run: list[str], by_replays: list[str]
) -> None:
    DurableTestRunner(handler, replay_check=False).run_sync()
    assert errors_in(caplog) == by_run
    caplog.clear()

    DurableTestRunner(handler, replay_check="every").run_sync()
    assert errors_in(caplog) == by_run + by_replays


def test_the_errors_of_an_execution_are_told_in_each_run(caplog: pytest.LogCaptureFixture) -> None:
    runner = DurableTestRunner(careless)
    runner.run_sync()
    runner.run_sync()

    assert errors_in(caplog) == ["unseen", "unseen"]


def test_the_replay_of_a_recorded_history_tells_each_error_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = DurableTestRunner(in_a_child, replay_check=False).run_sync()
    caplog.clear()
    replay(in_a_child, result, every=True)

    assert errors_in(caplog) == ["unseen"]
