"""Names: given, lent by the function, or none."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from durable_core import (
    ContextScopeError,
    DurableContext,
    ValidationError,
    current_step,
    suspending,
)
from durable_core._context.names import checked_name, name_of


class Callable:
    def __call__(self) -> int:
        return 1


class Named(Callable):
    __name__ = "named object"


def plain() -> int:
    return 1


def odd() -> int:
    return 1


odd.__name__ = "größe"


def long_named() -> int:
    return 1


long_named.__name__ = "n" * 257


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (plain, "plain"),
        (partial(plain), "plain"),
        (partial(partial(plain)), "plain"),
        (lambda: 1, None),
        (partial(lambda: 1), None),
        (Callable(), None),
        (Named(), "named object"),
        (Callable, "Callable"),
        (Callable().__call__, "__call__"),
        (odd, None),
        (long_named, None),
    ],
)
def test_a_function_lends_its_name(bench: Any, fn: Any, name: str | None) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(fn, serdes=Any_())

    assert name_of(fn) == name
    bench.invoke(handler)
    assert bench.service.requests[0].updates[0].name == name


class Any_:  # noqa: N801
    def serialize(self, value: Any, context: Any) -> str:
        return "x"

    def deserialize(self, data: str | None, context: Any) -> Any:
        return data


@pytest.mark.parametrize("name", ["a", " ", "~", "a b/c", "n" * 256, None])
def test_a_name_that_the_service_takes(name: str | None) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "ü", "a\nb", "\x7f", "n" * 257, 5])
def test_a_name_that_it_does_not_take_is_refused_at_the_call(bench: Any, name: Any) -> None:
    with pytest.raises(ValidationError, match="1 to 256 printable ASCII characters"):
        checked_name(name)

    async def handler(event: Any, context: DurableContext) -> None:
        context.create_callback(name)

    assert bench.invoke(handler).error.type == "durable_core.ValidationError"


def test_a_call_in_place_of_a_function_is_explained(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.step("s", plain())
        return str(raised.value)

    assert bench.result(handler) == (
        "step() takes an optional name and a function: step('name', fn, *args); found 1 where the "
        "function should be. A call such as fn(x) runs at once: pass the function and its arguments"
    )


# What runs


def test_a_step_knows_itself(bench: Any) -> None:
    seen: list[Any] = []

    def body() -> None:
        step = current_step()
        seen.append((step.name, step.operation_id, step.attempt, step.idempotency_key))

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("s", body)

    bench.invoke(handler)
    record = bench.service.named("s")
    assert seen == [("s", record.id, 1, f"e0-{record.id[:32]}")]


@pytest.mark.parametrize("where", ["handler", "nowhere"])
def test_no_step_runs_elsewhere(bench: Any, where: str) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ContextScopeError) as raised:
            current_step()
        return str(raised.value)

    if where == "handler":
        assert "outside a step" in bench.result(handler)
    else:
        with pytest.raises(ContextScopeError, match="outside a step"):
            current_step()


def test_nothing_is_suspending_elsewhere(bench: Any) -> None:
    seen: list[bool] = [suspending()]

    def body() -> None:
        seen.append(suspending())

    async def handler(event: Any, context: DurableContext) -> None:
        seen.append(suspending())
        await context.step(body)

    bench.invoke(handler)
    assert seen == [False, False, False]


def test_a_context_outside_its_workflow_is_refused(bench: Any) -> None:
    kept: list[DurableContext] = []

    async def handler(event: Any, context: DurableContext) -> None:
        kept.append(context)

    bench.invoke(handler)
    with pytest.raises(ContextScopeError, match="was used outside its workflow"):
        kept[0].step(plain)
