"""Workflow code that holds the event loop is told of: on a clock that only the test moves."""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from durable_core.lowlevel import Workflow

if TYPE_CHECKING:
    from durable_core import DurableContext


class Stopwatch:
    """Real time, as the host reads it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def block(self, seconds: float) -> None:
        """Do what `time.sleep` would do to the loop."""
        self.seconds += seconds


@pytest.fixture
def stopwatch(bench: Any) -> Stopwatch:
    stopwatch = Stopwatch()
    bench.environment["monotonic"] = stopwatch
    return stopwatch


def line_of(warning: warnings.WarningMessage) -> str:
    assert warning.filename == __file__
    return Path(__file__).read_text(encoding="utf-8").splitlines()[warning.lineno - 1].strip()


async def one() -> int:
    return 1


def test_a_blocking_call_between_two_steps_is_told_of_with_the_line_that_came_after_it(
    bench: Any, stopwatch: Stopwatch
) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        await context.step("first", one)
        stopwatch.block(3)
        return await context.step("second", one)

    with pytest.warns(RuntimeWarning, match="held the event loop") as caught:
        assert bench.result(handler) == 1
    (warning,) = caught
    assert line_of(warning) == 'return await context.step("second", one)'
    assert str(warning.message).startswith(
        f"workflow code held the event loop for 3.0 s before it came to {__file__}:"
        f"{warning.lineno} (Step 'second'): "
    )
    assert "use `await context.wait(...)` or `await asyncio.sleep(...)`" in str(warning.message)


def test_a_blocking_call_in_a_child_context_is_told_of_where_the_child_stands(
    bench: Any, stopwatch: Stopwatch
) -> None:
    async def child(context: DurableContext) -> None:
        stopwatch.block(2)
        await context.step(one)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context("child", child)

    with pytest.warns(
        RuntimeWarning, match=r"\(Step 'one'\), .* \(RunInChildContext 'child'\):"
    ) as caught:
        bench.finish(handler)
    (warning,) = caught
    assert line_of(warning) == "await context.step(one)"


def test_long_work_before_the_end_of_the_handler_is_told_of_at_the_handler(
    bench: Any, stopwatch: Stopwatch
) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("first", one)
        stopwatch.block(3)

    with pytest.warns(RuntimeWarning, match=re.escape("(the end of handler)")) as caught:
        bench.finish(handler)
    (warning,) = caught
    assert line_of(warning).startswith("async def handler")


def test_a_line_is_told_of_once_an_invocation(bench: Any, stopwatch: Stopwatch) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        for _ in range(3):
            stopwatch.block(2)
            await context.step("again", one)

    with pytest.warns(RuntimeWarning, match="Step 'again'") as caught:
        bench.finish(handler)
    assert len(caught) == 1


def test_steps_and_unrecorded_calls_may_take_as_long_as_they_like(
    bench: Any, stopwatch: Stopwatch
) -> None:
    async def slow() -> int:
        stopwatch.block(60)
        await asyncio.sleep(0)
        stopwatch.block(60)
        return 1

    def plain() -> int:
        stopwatch.block(60)
        return 1

    async def handler(event: Any, context: DurableContext) -> list[int]:
        return [
            await context.step("async", slow),
            await context.step("plain", plain),
            await context.unrecorded(slow),
        ]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bench.result(handler) == [1, 1, 1]


def test_the_replay_of_many_records_may_take_longer(bench: Any, stopwatch: Stopwatch) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        for _ in range(600):
            await context.step("short", one)
        await context.wait("pause", 5)
        if bench.invocations == 2:
            stopwatch.block(1.5)
        await context.step("last", one)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bench.result(handler)


def test_a_filter_that_makes_errors_of_warnings_fails_no_execution(
    bench: Any, stopwatch: Stopwatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        stopwatch.block(3)
        return await context.step("only", one)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bench.result(handler) == 1
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("workflow code held the event loop for 3.0 s")


def test_a_handler_without_code_of_its_own_is_named_by_its_type(
    bench: Any, stopwatch: Stopwatch
) -> None:
    class Handler:
        async def __call__(self, event: Any, context: DurableContext) -> None:
            stopwatch.block(3)

    with pytest.warns(RuntimeWarning, match=re.escape("<unknown>:1 (the end of Handler)")):
        bench.result(Workflow(Handler()))
