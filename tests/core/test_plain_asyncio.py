"""Plain asyncio is durable: the same result with suspensions in between as without."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from durable_core import DurableContext


async def echo(value: Any) -> Any:
    return value


async def gathered(event: Any, context: DurableContext) -> Any:
    async def branch(name: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        await context.step(f"step {name}", echo, name)
        await asyncio.sleep(seconds)
        return name

    return await asyncio.gather(branch("a", 30), branch("b", 20), branch("c", 10))


async def task_group(event: Any, context: DurableContext) -> Any:
    order: list[str] = []

    async def branch(name: str, seconds: float) -> None:
        await context.wait(f"wait {name}", seconds)
        order.append(await context.step(f"step {name}", echo, name))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("a", 30), ("b", 20), ("c", 10)):
            group.create_task(branch(name, seconds))
    return order


async def task_group_failing(event: Any, context: DurableContext) -> Any:
    async def fails() -> None:
        await asyncio.sleep(20)
        raise ValueError("no")

    async def waits(name: str) -> None:
        try:
            await asyncio.sleep(300)
        except asyncio.CancelledError:
            caught.append(name)
            raise

    caught: list[str] = []
    await asyncio.sleep(10)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits("a"))
            group.create_task(fails())
            group.create_task(waits("b"))
    except* ValueError as errors:
        messages = [str(error) for error in errors.exceptions]
    return [messages, sorted(caught)]


async def first_completed(event: Any, context: DurableContext) -> Any:
    async def branch(name: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return await context.step(f"step {name}", echo, name)

    pending = {asyncio.ensure_future(branch(n, s)) for n, s in (("a", 30), ("b", 20), ("c", 10))}
    order: list[str] = []
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        order.extend(task.result() for task in done)
    return order


async def waiting_for_handles(event: Any, context: DurableContext) -> Any:
    slow, fast = context.wait("slow", 50), context.wait("fast", 10)
    done, pending = await asyncio.wait({slow, fast}, return_when=asyncio.FIRST_COMPLETED)
    names = [sorted(handle.name or "" for handle in handles) for handles in (done, pending)]
    await slow
    return names


async def as_completed(event: Any, context: DurableContext) -> Any:
    async def branch(name: str, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return await context.step(f"step {name}", echo, name)

    branches = [branch("a", 30), branch("b", 20), branch("c", 10)]
    return [await following for following in asyncio.as_completed(branches)]


async def timeouts(event: Any, context: DurableContext) -> Any:
    results: list[str] = []
    for seconds in (60, 20):
        try:
            async with asyncio.timeout(40):
                await asyncio.sleep(seconds)
                results.append("in time")
        except TimeoutError:
            results.append("too late")
        await context.step("note", echo, seconds)
    return results


async def wait_for(event: Any, context: DurableContext) -> Any:
    handle = context.wait("long", 100)
    try:
        await asyncio.wait_for(asyncio.shield(handle), 30)
    except TimeoutError:
        first = await context.step("late", echo, "late")
    await asyncio.wait_for(handle, 1000)
    return first


async def sleeping(event: Any, context: DurableContext) -> Any:
    began = asyncio.get_running_loop().time()
    for _ in range(4):
        await asyncio.sleep(25)
    return round(asyncio.get_running_loop().time() - began) >= 100


async def events(event: Any, context: DurableContext) -> Any:
    ready, order = asyncio.Event(), []

    async def waiter(name: str) -> None:
        await ready.wait()
        order.append(await context.step(f"step {name}", echo, name))

    tasks = [asyncio.ensure_future(waiter(name)) for name in "abc"]
    await asyncio.sleep(60)
    await asyncio.sleep(60)
    ready.set()
    await asyncio.gather(*tasks)
    return order


async def queues(event: Any, context: DurableContext) -> Any:
    queue: asyncio.Queue[int | None] = asyncio.Queue(maxsize=2)
    taken: list[int] = []

    async def producer() -> None:
        for number in range(6):
            await queue.put(await context.step(f"make {number}", echo, number))
        await queue.put(None)

    async def consumer() -> None:
        while (number := await queue.get()) is not None:
            await asyncio.sleep(10)
            taken.append(number)

    await asyncio.gather(producer(), consumer())
    return taken


async def semaphores(event: Any, context: DurableContext) -> Any:
    limit = asyncio.Semaphore(2)
    running, most = 0, 0

    async def branch(number: int) -> int:
        nonlocal running, most
        async with limit:
            running += 1
            most = max(most, running)
            await asyncio.sleep(10 + number)
            running -= 1
            return await context.step(f"step {number}", echo, number)

    return [await asyncio.gather(*(branch(number) for number in range(5))), most]


async def cancellation(event: Any, context: DurableContext) -> Any:
    order: list[str] = []

    async def worker() -> str:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            order.append("cancelled")
            await context.step("clean up", echo, "clean")
            order.append("cleaned")
            raise
        return "never"

    task = asyncio.ensure_future(worker())
    await asyncio.sleep(20)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        order.append("seen")
    await asyncio.sleep(20)
    return order


WORKFLOWS = {
    gathered: ["a", "b", "c"],
    task_group: ["c", "b", "a"],
    task_group_failing: [["no"], ["a", "b"]],
    first_completed: ["c", "b", "a"],
    waiting_for_handles: [["fast"], ["slow"]],
    as_completed: ["c", "b", "a"],
    timeouts: ["too late", "in time"],
    wait_for: "late",
    sleeping: True,
    events: ["a", "b", "c"],
    queues: [0, 1, 2, 3, 4, 5],
    semaphores: [[0, 1, 2, 3, 4], 2],
    cancellation: ["cancelled", "cleaned", "seen"],
}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.__name__)
def test_it_gives_its_result_over_several_invocations(execute: Any, workflow: Any) -> None:
    ran = execute(workflow)
    assert ran.result == WORKFLOWS[workflow]
    assert ran.invocations > 2


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.__name__)
def test_a_crash_after_each_checkpoint_changes_neither_result_nor_operations(
    execute: Any, crashing: Any, workflow: Any
) -> None:
    straight = execute(workflow)
    crashed = execute(workflow, hooks=crashing(lambda call, request: True))
    assert crashed.result == straight.result == WORKFLOWS[workflow]
    assert {o.id for o in crashed.operations} == {o.id for o in straight.operations}
    assert crashed.invocations > straight.invocations


def test_a_step_that_keeps_the_invocation_alive_gives_the_same_without_suspension(
    execute: Any,
) -> None:
    """While a long step runs, timers fire in-process: the very same workflows never suspend."""

    async def busy() -> None:
        await asyncio.get_running_loop().create_future()

    async def awaited(handle: Any) -> None:
        await handle

    for workflow, expected in WORKFLOWS.items():

        async def beside(event: Any, context: DurableContext, workflow: Any = workflow) -> Any:
            async with asyncio.timeout(100_000):
                running = asyncio.ensure_future(awaited(context.step("busy", busy)))
                result = await workflow(event, context)
            was_done = running.done()
            running.cancel()
            return [result, was_done]

        ran = execute(beside, patience_seconds=0)
        assert ran.result == [expected, False], workflow
        assert ran.invocations == 1


def test_a_cancelled_timer_far_from_its_end_is_taken_back(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        async with asyncio.timeout(500):
            await context.wait("short", 5)

    ran = execute(workflow)
    assert [(o.type, o.status) for o in ran.operations] == [
        ("WAIT", "CANCELLED"),
        ("WAIT", "SUCCEEDED"),
    ]


def test_a_cancelled_timer_near_its_end_is_left_to_fire_into_nothing(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        async with asyncio.timeout(12):
            await context.wait("short", 5)
        await context.wait("after", 60)
        return "done"

    ran = execute(workflow)
    assert ran.result == "done"
    assert [o.status for o in ran.operations] == ["SUCCEEDED"] * 3


def test_a_timer_that_is_cancelled_before_anybody_waited_costs_nothing(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> str:
        async with asyncio.timeout(500):  # noqa: ASYNC100  that nobody waits is the point
            pass
        return "done"

    ran = execute(workflow)
    assert ran.result == "done"
    assert ran.operations == []
    assert ran.batches == []
