"""Steps, waits and threads at once: nothing lost, nothing run twice, nothing leaks."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

from durable_core import CompletionConfig, DurableContext, current_step


def test_a_gather_of_a_step_and_a_wait_suspends_only_after_the_step_is_recorded(
    execute: Any,
) -> None:
    runs: Counter[str] = Counter()
    release = threading.Event()

    def blocking() -> str:
        runs["blocking"] += 1
        release.wait(0.05)
        return "recorded"

    async def workflow(event: Any, context: DurableContext) -> Any:
        return await asyncio.gather(context.step(blocking), context.wait("long", 60))

    ran = execute(workflow)
    assert ran.result == ["recorded", None]
    assert runs == {"blocking": 1}
    assert ran.invocations == 2
    assert ran.batches == [["START blocking", "START long"], ["SUCCEED blocking"]]


def test_nothing_of_an_invocation_that_ended_acts_in_the_next(execute: Any) -> None:
    late: list[str] = []
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def straggler() -> str:
        begun.set()
        gate.wait(60)
        late.append("ended")
        ended.set()
        return "late"

    async def stuck() -> None:
        begun.wait(60)  # what does not run yet is not left behind
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            late.append("cancelled")

    async def racing(event: Any, context: DurableContext) -> Any:
        contenders = [context.step(straggler), context.step(stuck), context.wait("first", 1)]
        return await context.promise.race("race", contenders)

    async def echo(value: Any) -> Any:
        return value

    async def following(event: Any, context: DurableContext) -> Any:
        gate.set()
        await context.step("wait for the straggler", ended.wait, 60)
        return await context.step("own", echo, "own")

    first = execute(racing, patience_seconds=0)
    assert (first.status, first.result) == ("SUCCEEDED", None)
    assert late == ["cancelled"]
    second = execute(following)
    assert late == ["cancelled", "ended"]
    assert second.result == "own"
    assert [o.name for o in second.operations] == ["wait for the straggler", "own"]
    assert [o.status for o in first.operations] == ["STARTED", "STARTED", "SUCCEEDED", "SUCCEEDED"]


def test_a_task_group_with_a_suspended_child_suspends(execute: Any) -> None:
    async def child(context: DurableContext) -> None:
        await context.wait("inner", 60)

    async def workflow(event: Any, context: DurableContext) -> str:
        async def run() -> None:
            await context.run_in_child_context("child", child)

        async with asyncio.TaskGroup() as group:
            group.create_task(run())
            group.create_task(asyncio.sleep(30))
        return "done"

    ran = execute(workflow)
    assert ran.result == "done"
    assert ran.invocations == 3


def test_a_map_of_1200_blocking_steps_uses_a_bounded_number_of_threads(execute: Any) -> None:
    most = 0

    def blocking(number: int) -> int:
        nonlocal most
        most = max(most, threading.active_count())
        return number

    async def item(child: DurableContext, number: int, index: int) -> int:
        return await child.step("blocking", blocking, number)

    async def workflow(event: Any, context: DurableContext) -> int:
        result = await context.map("all", range(1200), item)
        return sum(result.results())

    before = threading.active_count()
    ran = execute(workflow)
    assert ran.result == sum(range(1200))
    assert most - before <= 40


def test_a_batch_is_flushed_once_for_all_that_start_together(execute: Any) -> None:
    async def body(number: int) -> int:
        return number

    async def workflow(event: Any, context: DurableContext) -> Any:
        return await asyncio.gather(*(context.step(f"s{n}", body, n) for n in range(100)))

    ran = execute(workflow)
    assert ran.result == list(range(100))
    assert len(ran.batches) == 1


def test_early_completion_of_a_map_stops_what_still_runs(execute: Any) -> None:
    stopped: list[int] = []

    async def body(number: int) -> int:
        if number == 2:
            return number
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            stopped.append(number)
        return number

    async def item(child: DurableContext, number: int, index: int) -> int:
        return await child.step("body", body, number)

    async def workflow(event: Any, context: DurableContext) -> Any:
        result = await context.map(
            "first", range(4), item, completion=CompletionConfig.first_successful()
        )
        await context.wait("pause", 60)
        return [[entry.index, entry.status.value, entry.result] for entry in result.all]

    ran = execute(workflow)
    assert ran.result == [
        [0, "STARTED", None],
        [1, "STARTED", None],
        [2, "SUCCEEDED", 2],
        [3, "STARTED", None],
    ]
    assert sorted(stopped) == [0, 1, 3]


def test_context_variables_of_the_caller_are_seen_in_steps_and_threads(execute: Any) -> None:
    from contextvars import ContextVar  # noqa: PLC0415

    user: ContextVar[str] = ContextVar("user")

    async def in_task() -> list[Any]:
        return [user.get(), current_step().attempt]

    def in_thread() -> list[Any]:
        return [user.get(), current_step().name]

    async def workflow(event: Any, context: DurableContext) -> Any:
        user.set("ann")
        return [await context.step(in_task), await context.step(in_thread)]

    assert execute(workflow).result == [["ann", 1], ["ann", "in_thread"]]
