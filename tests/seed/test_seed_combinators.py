"""Seed: Promise Combinators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core import RetryPresets

if TYPE_CHECKING:
    from durable_core import DurableContext


async def fetch(what: str) -> str:
    if what.startswith("bad"):
        raise ValueError(what)
    return what.upper()


def test_all_gives_the_results_in_order(run: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        return await context.promise.all(
            [context.step(fetch, name) for name in ("user", "posts", "comments")]
        )

    assert run(handler).value == ["USER", "POSTS", "COMMENTS"]


def test_race_gives_what_ends_first(run: Any) -> None:
    async def later(child: DurableContext) -> str:
        await child.wait(seconds=10)
        return "secondary"

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.promise.race(
            [context.step(fetch, "primary"), context.run_in_child_context(later)]
        )

    assert run(handler).value == "PRIMARY"


def test_any_gives_the_first_that_succeeds(run: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        return await context.promise.any(
            [
                context.step(fetch, "bad source", retry_strategy=RetryPresets.none()),
                context.step(fetch, "source 2"),
            ]
        )

    assert run(handler).value == "SOURCE 2"


def test_all_settled_gives_each_outcome(run: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[Any]:
        settled = await context.promise.all_settled(
            [
                context.step(fetch, "one"),
                context.step(fetch, "bad two", retry_strategy=RetryPresets.none()),
            ]
        )
        return [[outcome.status, outcome.value, str(outcome.error)] for outcome in settled]

    first, second = run(handler).value
    assert first[1] == "ONE"
    assert first[0] != second[0]
    assert "bad two" in second[2]


def test_combinators_take_plain_coroutines_too(run: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        return await context.promise.all([fetch("user"), fetch("posts")])

    assert run(handler).value == ["USER", "POSTS"]
