"""A serdes made by inheriting from a shipped one is used as it was overridden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from durable_core import DefaultSerDes, DurableContext, FileSystemSerDes, JsonSerDes


def disguised(base: type[Any]) -> Any:
    class Disguised(base):
        """Says in the text that it was here."""

        __slots__ = ()

        def serialize(self, value: Any, context: Any = None, /) -> str:
            return "disguised:" + super().serialize(value)

        def deserialize(self, data: str | None, context: Any = None, /) -> Any:
            assert data is not None
            assert data.startswith("disguised:"), data
            return super().deserialize(data.removeprefix("disguised:"))

    return Disguised()


@dataclass
class Point:
    x: int


async def number() -> int:
    return 1


async def point() -> Any:
    return {"x": 1}


async def annotated() -> list[Point]:
    return []


@pytest.mark.parametrize("base", [JsonSerDes, DefaultSerDes])
@pytest.mark.parametrize("fn", [number, point, annotated])
def test_a_subclass_is_asked_to_write_as_it_is_to_read(bench: Any, base: Any, fn: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        context.configure_serdes(disguised(base))
        value = await context.step("s", fn)
        await context.wait(1)
        return value

    assert bench.finish(handler).status == "SUCCEEDED"
    assert bench.service.named("s").result.startswith("disguised:")


def test_a_store_keeps_its_inner_serdes_if_that_is_the_users_own(bench: Any, tmp_path: Any) -> None:
    store = FileSystemSerDes(tmp_path, inner=disguised(DefaultSerDes))

    async def handler(event: Any, context: DurableContext) -> Any:
        context.configure_serdes(store)
        await context.step("s", annotated)
        await context.wait(1)

    assert bench.finish(handler).status == "SUCCEEDED"
    recorded = bench.service.named("s").result
    assert "disguised:" in recorded + "".join(f.read_text() for f in tmp_path.rglob("*.*"))


def test_a_subclass_that_changes_nothing_still_gives_way_to_an_annotation(bench: Any) -> None:
    class Same(DefaultSerDes):
        pass

    async def one() -> Point:
        return Point(1)

    async def handler(event: Any, context: DurableContext) -> Any:
        context.configure_serdes(Same())
        return (await context.step(one)).x

    assert bench.result(handler) == 1
