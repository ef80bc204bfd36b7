"""What a handler's input becomes by the annotation of its parameter."""

from __future__ import annotations

import functools
import types
import typing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, NotRequired, TypeVar

import pytest
from typing_extensions import TypedDict

from durable_core._values.errors import SerDesError, ValidationError
from durable_core._values.serdes import (
    DEFAULT_SERDES,
    SerDesContext,
    decode_with,
    serdes_for_parameter,
)

NEW_YEAR = datetime.fromisoformat("2026-01-01")
CHARGE = SerDesContext("1", "charge", None, "result")
T = TypeVar("T")


@dataclass
class Order:
    order_id: str
    quantity: int = 1


class Point(NamedTuple):
    x: int
    y: int


class Row(TypedDict):
    id: int
    when: NotRequired[datetime]


StdlibRow = typing.TypedDict("StdlibRow", {"id": int})  # noqa: UP013 - pydantic takes it from 3.12


class Opaque:
    """Nothing that pydantic can take."""


async def asynchronous(order_id: str) -> Order:
    return Order(order_id)


def forgetful(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)

    return wrapper


class Shop:
    @classmethod
    def default(cls, order: Order) -> Order:
        return order

    @staticmethod
    def count(order: Order) -> int:
        return order.quantity

    def __call__(self, order: Order) -> Order:
        return order


def counted(*callables):
    """Parameters with their numbers as ids: callables show their addresses."""
    return [pytest.param(fn, id=str(number)) for number, fn in enumerate(callables)]


@pytest.mark.parametrize(
    "fn",
    counted(
        *(Shop(), Shop.default, Shop.count, Shop().count),
        *(forgetful(Shop.count), functools.partial(Shop.default)),
    ),
)
def test_they_are_counted_as_a_caller_counts(fn):
    serdes = serdes_for_parameter(fn, 0, DEFAULT_SERDES)
    assert serdes.deserialize('{"order_id":"A"}') == Order("A")


def test_what_a_partial_holds_is_not_counted():
    def fn(a: int, b: Order, c: Point): ...

    held = functools.partial(fn, 1)
    assert serdes_for_parameter(held, 0, DEFAULT_SERDES).deserialize('{"order_id":"A"}') == Order(
        "A"
    )
    assert serdes_for_parameter(held, 1, DEFAULT_SERDES).deserialize("[1,2]") == Point(1, 2)


@pytest.mark.parametrize(
    "annotation", [None, Any, dict, dict[str, Any], list[int], str, T], ids=repr
)
def test_plain_json_is_not_validated(annotation):
    def fn(event): ...

    fn.__annotations__["event"] = annotation
    assert serdes_for_parameter(fn, 0, DEFAULT_SERDES) is DEFAULT_SERDES


def test_a_parameter_that_is_not_there_is_not_validated():
    def fn(*args: Order): ...

    for callable_ in (fn, Order, len, asynchronous):
        assert serdes_for_parameter(callable_, 3, DEFAULT_SERDES) is DEFAULT_SERDES


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (Order, '{"order_id":"A","quantity":"2"}', Order("A", 2)),
        (Row, '{"id":1,"when":"2026-01-01T00:00:00"}', {"id": 1, "when": NEW_YEAR}),
        (dict[str, Decimal], '{"a":"1.10"}', {"a": Decimal("1.10")}),
        (set[int], "[1,2,2]", {1, 2}),
        (Order | None, "null", None),
        (Order | None, "", None),
        (set[int], '{"$py":"set","v":[1,2]}', {1, 2}),
        (
            dict[str, datetime],
            '{"a":{"$py":"datetime","v":"2026-01-01"}}',
            {"a": NEW_YEAR},
        ),
    ],
    ids=repr,
)
def test_json_of_any_origin_is_validated_into_the_annotation(annotation, text, value):
    def fn(event): ...

    fn.__annotations__["event"] = annotation
    assert serdes_for_parameter(fn, 0, DEFAULT_SERDES).deserialize(text) == value


def test_what_does_not_fit_is_said_place_by_place():
    def fn(event: list[Order]): ...

    serdes = serdes_for_parameter(fn, 0, DEFAULT_SERDES)
    expected = (
        r"^the input does not fit: the annotation is list.*Order.; at 0\.order_id: Field "
        r"required; at 1.quantity: Input should be a valid integer.*; at 2: .*; and 1 more$"
    )
    text = '[{}, {"order_id":"A","quantity":"x"}, 5, 6]'
    with pytest.raises(ValidationError, match=expected):
        serdes.deserialize(text, SerDesContext(entity="input"))


def test_an_annotation_that_pydantic_cannot_take_lets_no_json_through():
    def fn(event: Opaque | None): ...

    serdes = serdes_for_parameter(fn, 0, DEFAULT_SERDES)
    assert serdes.deserialize("null") is None
    with pytest.raises(SerDesError, match=r"pydantic cannot take the annotation .*Opaque"):
        serdes.deserialize("{}", CHARGE)


def test_a_typed_dict_is_read_as_json_where_pydantic_cannot_take_it():
    def fn(event: StdlibRow): ...

    assert serdes_for_parameter(fn, 0, DEFAULT_SERDES).deserialize('{"id":1}') == {"id": 1}


def test_no_input_does_not_fit_a_class():
    for data in (None, "", "null"):
        with pytest.raises(ValidationError, match=r"^the input does not fit: .*at the top"):
            serdes_for_parameter(Shop(), 0, DEFAULT_SERDES).deserialize(
                data, SerDesContext(entity="input")
            )


def test_an_operation_says_once_that_its_input_does_not_fit():
    context = SerDesContext("1", "order", None, "input")
    with pytest.raises(SerDesError, match=r"^the input of 'order' does not fit: the annotation"):
        decode_with(serdes_for_parameter(Shop(), 0, DEFAULT_SERDES), "null", context)


def test_what_is_no_json_is_a_serdes_error():
    with pytest.raises(SerDesError, match="cannot be read back"):
        serdes_for_parameter(Shop(), 0, DEFAULT_SERDES).deserialize("{")


def test_a_class_that_has_the_name_of_a_json_type_is_validated_all_the_same():
    def fn(event: int): ...

    fn.__annotations__["event"] = "dict"
    assert serdes_for_parameter(fn, 0, DEFAULT_SERDES) is DEFAULT_SERDES
    shadowed = types.FunctionType(fn.__code__, {"dict": Order})
    shadowed.__annotations__ = fn.__annotations__
    assert serdes_for_parameter(shadowed, 0, DEFAULT_SERDES).deserialize('{"order_id":"A"}') == (
        Order("A")
    )
