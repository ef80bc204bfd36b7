"""What a step returns comes back the same, live and replayed, or `SerDesError` says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel

from durable_core import DurableContext, SerDesError
from durable_testing import DurableTestRunner


@dataclass
class Order:
    order_id: str
    total: Decimal


class Colour(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Parcel(BaseModel):
    weight: float
    sent: datetime


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

BUILTINS = [
    *({1, 2}, frozenset({"a"}), timedelta(days=1, seconds=2), NEW_YEAR, date(2026, 1, 1)),
    *(time(1, 2), Decimal("1.10"), UUID(int=5), (1, (2,)), b"\xff", {1: 2}, {"a": [(1, {2})]}),
]
CLASSES = [
    Order("A-1", Decimal("9.90")),
    Colour.RED,
    Point(1, 2),
    Parcel(weight=1.5, sent=NEW_YEAR),
]


def seen_by_workflow(value, annotation=None):
    """What the workflow gets from a step, on the first run and on each replay."""
    seen = []

    def make():
        return value

    if annotation is not None:
        make.__annotations__["return"] = annotation

    async def handler(event: None, context: DurableContext) -> None:
        try:
            seen.append(await context.step("make", make))
        except SerDesError as error:
            seen.append(error)
        await context.wait(seconds=5)

    result = DurableTestRunner(handler).run_sync()
    assert result.error is None
    assert len(seen) > 1
    return seen


@pytest.mark.parametrize("value", BUILTINS, ids=range(len(BUILTINS)))
def test_a_builtin_value_comes_back_without_an_annotation(value):
    for found in seen_by_workflow(value):
        assert type(found) is type(value)
        assert found == value


@pytest.mark.parametrize("value", CLASSES, ids=range(len(CLASSES)))
@pytest.mark.parametrize("annotate", [type, lambda value: type(value) | None], ids=["exact", "or"])
def test_a_value_of_a_class_comes_back_by_the_annotation(value, annotate):
    for found in seen_by_workflow(value, annotate(value)):
        assert type(found) is type(value)
        assert found == value


@pytest.mark.parametrize("value", CLASSES, ids=range(len(CLASSES)))
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"rows": [(v,)]}], ids=["bare", "nested"])
def test_without_an_annotation_the_error_says_what_to_do(value, wrap):
    for found in seen_by_workflow(wrap(value)):
        assert isinstance(found, SerDesError)
        assert f"is of type {type(value).__module__}.{type(value).__name__}" in str(found)
        assert "the result of 'make' cannot be recorded" in str(found)
        assert "annotate the function's return type and install durable-core[pydantic]" in str(
            found
        )
