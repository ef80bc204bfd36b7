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
