"""Every crash a workflow could have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from durable_testing import DurableTestRunner

if TYPE_CHECKING:
    from durable_core import DurableContext


async def one(n: int) -> int:
    return n


async def sound(event: Any, context: DurableContext) -> int:
    parts = await context.map("parts", range(3), lambda child, n, _: child.step("part", one, n))
    await context.wait(hours=1)
    both = await asyncio.gather(*(context.step(f"step-{n}", one, n) for n in range(2)))
    return sum(parts.results()) + sum(both)


def test_a_sound_workflow_ends_alike_under_every_crash() -> None:
    exploration = DurableTestRunner(sound).explore_sync(seeds=range(2))

    assert exploration.deviations == ()
    assert exploration.runs == 2 * (1 + 3 * exploration.result.checkpoint_calls)
    assert exploration.runs >= 20
    exploration.assert_same()


def test_a_workflow_that_counts_in_its_process_is_found_out() -> None:
    counted: list[int] = []

    async def handler(event: Any, context: DurableContext) -> int:
        counted.clear()
        await context.step("first", count)
        await context.wait(hours=1)
        await context.step("second", count)
        return len(counted)

    async def count() -> None:
        counted.append(1)

    exploration = DurableTestRunner(handler, replay_check=False).explore_sync()

    assert exploration.result.value == 1
    assert exploration.deviations
    with pytest.raises(
        AssertionError, match=r"runs ended otherwise(.|\n)*crash (before|after) che"
    ):
        exploration.assert_same()


def test_an_exploration_runs_in_a_running_loop_too() -> None:
    async def main() -> None:
        (await DurableTestRunner(sound).explore()).assert_same()

    asyncio.run(main())


def test_an_exploration_needs_a_seed() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        DurableTestRunner(sound).explore_sync(seeds=())
