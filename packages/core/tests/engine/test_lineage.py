"""Sub-tasks have the same place on every replay, however asyncio walks what it is given."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest

from durable_core._journal.ids import operation_id

if TYPE_CHECKING:
    from durable_core import DurableContext


async def value(number: int) -> int:
    return number


async def part(context: DurableContext, number: int) -> int:
    return await context.step(f"s{number}", value, number)


def ids(bench: Any) -> dict[str, str]:
    return {r.name: r.id for r in bench.service.records.values() if r.name}


@pytest.mark.parametrize("kind", [list, tuple])
def test_as_completed_over_coroutines_gives_each_the_place_it_was_given(
    bench: Any, kind: Any
) -> None:
    async def handler(event: Any, context: DurableContext) -> list[int]:
        parts = kind(part(context, number) for number in range(5))
        found = [await entry for entry in asyncio.as_completed(parts)]
        again = [await e for e in asyncio.as_completed([part(context, 9)])]
        await context.wait("w", 1)
        return [*found, *again]

    first = bench.result(handler)
    assert first == [0, 1, 2, 3, 4, 9]
    other = type(bench)()
    assert other.result(handler) == first
    assert ids(other) == ids(bench)
    assert ids(bench) == {
        **{f"s{n}": operation_id(f"t{n + 1}-1") for n in range(5)},
        "s9": operation_id("t6-1"),
        "w": operation_id("1"),
    }


def test_as_completed_over_handles(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[int]:
        waits = [context.wait(f"w{seconds}", seconds) for seconds in (7, 3, 5)]
        order: list[int] = []
        for entry in asyncio.as_completed(waits):  # type: ignore[type-var]
            await entry
            order.append(sum(handle.done() for handle in waits))
        return order

    assert bench.result(handler) == [1, 2, 3]


def test_as_completed_over_an_iterator_of_coroutines_is_refused(bench: Any) -> None:
    parts: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        parts.extend(part(context, number) for number in range(2))
        for entry in asyncio.as_completed(iter(parts)):
            await entry

    output = bench.invoke(handler)
    assert output.error.type == "durable_core.ContextScopeError"
    assert "asyncio.as_completed() was given an iterator" in output.error.message
    for coroutine in parts:
        coroutine.close()


def test_as_completed_over_a_set_of_coroutines_is_refused(bench: Any) -> None:
    parts: set[Any] = set()

    async def handler(event: Any, context: DurableContext) -> None:
        parts.update(part(context, number) for number in range(2))
        for entry in asyncio.as_completed(parts):
            await entry

    output = bench.invoke(handler)
    assert output.error.type == "durable_core.ContextScopeError"
    assert "asyncio.as_completed() was given a set of coroutines" in output.error.message
    for coroutine in parts:
        coroutine.close()


def test_as_completed_over_a_set_of_handles(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        waits = {context.wait(f"w{seconds}", seconds) for seconds in (7, 3, 5)}
        return len([await entry for entry in asyncio.as_completed(waits)])  # type: ignore[type-var]

    assert cut.result(handler) == 3


def test_one_coroutine_given_twice_is_one_task(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        task = asyncio.ensure_future(part(context, 1))
        found = [await entry for entry in asyncio.as_completed([task, task])]
        return len(found)

    assert bench.result(handler) == 1


def test_the_same_list_may_be_walked_twice(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[int]:
        parts: list[Any] = [part(context, number) for number in range(2)]
        first = [await entry for entry in asyncio.as_completed(parts)]
        parts[:] = [part(context, number) for number in (2, 3)]
        return [*first, *[await entry for entry in asyncio.as_completed(parts)]]

    assert bench.result(handler) == [0, 1, 2, 3]
    assert len(set(ids(bench).values())) == 4


def test_gather_wait_and_groups_number_tasks_in_the_order_given(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[int]:
        found = list(await asyncio.gather(*(part(context, n) for n in range(2))))
        tasks = {asyncio.create_task(part(context, n)) for n in (2, 3)}
        done, _ = await asyncio.wait(tasks)
        found += [task.result() for task in done]
        async with asyncio.TaskGroup() as group:
            more = [group.create_task(part(context, n)) for n in (4, 5)]
        await context.wait(1)
        return [*found, *[task.result() for task in more]]

    result = cut.result(handler)
    assert sorted(result) == [0, 1, 2, 3, 4, 5]
    assert result[:2] == [0, 1]
    assert result[4:] == [4, 5]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks start eagerly from 3.12 on")
def test_an_eager_task_counts_as_any_other(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[int]:
        loop = asyncio.get_running_loop()
        eager: Any = asyncio.Task(part(context, 1), loop=loop, eager_start=True)  # type: ignore[call-arg]
        other = asyncio.create_task(part(context, 2))
        found = [await eager, await other]
        await context.wait(1)
        return found

    assert cut.result(handler) == [1, 2]
