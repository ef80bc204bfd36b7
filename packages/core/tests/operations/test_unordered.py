"""What is taken in order must have one: sets are refused, what is ordered is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import ValidationError

if TYPE_CHECKING:
    from durable_core import DurableContext


async def text(value: Any) -> str:
    return str(value)


async def item(context: DurableContext, value: Any, index: int) -> str:
    return await context.step(text, value)


async def branch(context: DurableContext) -> str:
    return await context.step(text, "b")


@pytest.mark.parametrize("items", [{"a", "b"}, frozenset({"a", "b"}), set()])
def test_a_map_over_a_set_is_refused(bench: Any, items: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        kind = type(items).__name__
        with pytest.raises(ValidationError, match=rf"map\(\) takes its items .* a {kind} .*sorted"):
            context.map("m", items, item)
        with pytest.raises(ValidationError, match=r"Use sorted"):
            context.map(items, item)

    bench.result(handler)
    assert bench.service.records == {}


def test_branches_in_a_set_are_refused(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(ValidationError, match=r"parallel\(\) takes its branches in order"):
            context.parallel("p", {branch})  # type: ignore[call-overload]

    bench.result(handler)


@pytest.mark.parametrize("method", ["all", "all_settled", "any", "race"])
def test_coroutines_in_a_set_are_refused_by_combinators(bench: Any, method: str) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        one = text("a")
        with pytest.raises(ValidationError, match=rf"promise.{method}\(\) takes its awaitables"):
            getattr(context.promise, method)("p", {one})
        one.close()

    bench.result(handler)


def test_combinators_take_sets_of_handles_and_tasks(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        waits = {asyncio.ensure_future(context.wait(n)) for n in (3, 1, 2)}
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        await context.promise.all(pending)
        return await context.promise.all({context.step("s", text, 1)})

    assert cut.result(handler) == ["1"]


def test_dict_views_are_ordered(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        given = {"b": 1, "a": 2}
        keys = await context.map("keys", given.keys(), item)
        pairs = await context.map("items", given.items(), item)
        return [keys.results(), pairs.results()]

    assert bench.result(handler) == [["b", "a"], ["('b', 1)", "('a', 2)"]]
