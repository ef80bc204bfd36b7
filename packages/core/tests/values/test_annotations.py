from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypeVar,
    Union,
)
from uuid import UUID

import pytest
from typing_extensions import TypeAliasType, TypedDict

from durable_core._values import serdes_types
from durable_core._values.annotations import holds_class
from durable_core._values.errors import SerDesError
from durable_core._values.serdes import (
    DEFAULT_SERDES,
    JsonSerDes,
    SerDesContext,
    serdes_for_parameter,
    serdes_for_return,
)
from durable_core.pydantic_serdes import PydanticSerDes, Unadapted

CHARGE = SerDesContext("1", "charge", None, "result")
T = TypeVar("T")


def counted(*callables):
    """Parameters with their numbers as ids: callables show their addresses."""
    return [pytest.param(fn, id=str(number)) for number, fn in enumerate(callables)]


@dataclass
class Order:
    order_id: str
    quantity: int = 1


class Point(NamedTuple):
    x: int
    y: int


class Colour(StrEnum):
    RED = "red"


class Row(TypedDict):
    id: int
    when: NotRequired[datetime]
    more: NotRequired[list[Row]]


class OrderRow(TypedDict):
    order: Order


class Opaque:
    """Nothing that pydantic can take."""


OPTIONAL_STR = Optional[str]  # noqa: UP045 - the old spellings are of other classes
UNION = Union[int, list[str]]  # noqa: UP007
OPTIONAL_POINT = Optional[Point]  # noqa: UP045
ORDER_UNION = Union[int, Order]  # noqa: UP007

OrderId = NewType("OrderId", str)
Boxed = NewType("Boxed", Order)


def returning(annotation):
    def fn(): ...

    fn.__annotations__ = {"return": annotation}
    return fn


@pytest.mark.parametrize(
    "annotation",
    [
        *(None, Any, object, str, int, dict, list, tuple, set, bytes, datetime, Decimal, UUID),
        *(dict[str, int], dict[str, Any], list[tuple[int, ...]], set[UUID], dict[int, Decimal]),
        *(int | None, OPTIONAL_STR, UNION, Literal["a", 1], T, list[T]),
        *(
            Sequence[int],
            Mapping[str, datetime],
            Annotated[int, "metres"],
            OrderId,
            Callable[[], int],
        ),
        *(Row, list[Row], "dict[str, int]"),
        *(Awaitable[int], complex, type, ...),
    ],
    ids=repr,
)
def test_what_the_default_serdes_knows_is_left_to_it(annotation):
    assert serdes_for_return(returning(annotation), DEFAULT_SERDES) is DEFAULT_SERDES


@pytest.mark.parametrize(
    "annotation",
    [
        *(Order, Point, Colour, OrderRow, Path, Boxed),
        *(Order | None, OPTIONAL_POINT, ORDER_UNION, list[Order], dict[str, Colour]),
        *(tuple[int, Order], set[Colour], Sequence[Order], Annotated[Order, "new"]),
        *(Literal[Colour.RED], Awaitable[Order], Coroutine[Any, Any, Order]),
        *("Order", "list[Order]", list["Order"], "Awaitable[Order]", "Row | Order"),
    ],
    ids=repr,
)
def test_a_class_is_left_to_pydantic(annotation):
    assert isinstance(serdes_for_return(returning(annotation), DEFAULT_SERDES), PydanticSerDes)


def alias(value, *arguments):
    """What `type Alias = …` makes (from Python 3.12 on): another hint's name."""
    return SimpleNamespace(__value__=value, __args__=arguments)


def test_an_alias_is_what_it_stands_for():
    recursive = alias(None)
    recursive.__value__ = dict[str, recursive]
    assert not holds_class(recursive)
    assert not holds_class(alias(list[int]))
    assert holds_class(alias(list[Order]))
    assert holds_class(TypeAliasType("Orders", list[Order]))
    box = TypeAliasType("Box", list[T], type_params=(T,))
    assert holds_class(box[Order])
    assert not holds_class(box[int])


def test_a_typed_dict_whose_fields_cannot_be_found_holds_no_class():
    assert not holds_class(TypedDict("Unknown", {"field": ForwardRef("Missing")}))


async def asynchronous(order_id: str) -> Order:
    return Order(order_id)


def synchronous(order_id: str) -> Order:
    return Order(order_id)


def unannotated(order_id):
    return order_id


def forgetful(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)

    return wrapper


class Shop:
    region: str = "eu"

    async def order(self, order_id: str) -> Order:
        return Order(order_id)

    @classmethod
    def default(cls, order: Order) -> Order:
        return order

    @staticmethod
    def count(order: Order) -> int:
        return order.quantity

    def __call__(self, order: Order) -> Order:
        return order


@pytest.mark.parametrize(
    "fn",
    counted(
        *(asynchronous, synchronous, forgetful(asynchronous), forgetful(forgetful(synchronous))),
        *(Shop().order, Shop.order, Shop.default, Shop(), Order),
        *(functools.partial(synchronous, "A-1"), functools.partial(Shop().order, "A-1")),
        *(functools.partial(functools.partial(Shop()), Order("A-1")), functools.partial(Order)),
    ),
)
def test_the_annotation_is_found_behind_every_kind_of_callable(fn):
    for _ in range(2):
        serdes = serdes_for_return(fn, DEFAULT_SERDES)
        assert serdes.deserialize('{"order_id":"A-1","quantity":2}') == Order("A-1", 2)


@pytest.mark.parametrize(
    "fn",
    counted(
        *(unannotated, lambda: 1, len, dict, str, Shop.count, functools.partial(unannotated, 1)),
        *(functools.partial(len), forgetful(unannotated), print, [].append, asyncio.sleep),
    ),
)
def test_a_callable_without_a_class_to_return_is_left_to_the_default(fn):
    for _ in range(2):
        assert serdes_for_return(fn, DEFAULT_SERDES) is DEFAULT_SERDES


def test_functions_of_one_definition_are_told_apart_by_their_annotation():
    def definition(kind):
        def fn() -> kind: ...

        return fn

    for kind in (Order, Point, Order, int):
        fn = definition(kind)
        fn.__annotations__["return"] = kind
        serdes = serdes_for_return(fn, DEFAULT_SERDES)
        assert (serdes is DEFAULT_SERDES) is (kind is int)
        if kind is Point:
            assert serdes.deserialize("[1,2]") == Point(1, 2)
        if kind is Order:
            assert serdes.deserialize('{"order_id":"A"}') == Order("A")


def test_closures_are_told_apart_by_the_class_they_close_over():
    def definition(kind):
        def fn() -> kind:
            return kind

        return fn

    assert serdes_for_return(definition(Point), DEFAULT_SERDES).deserialize("[1,2]") == Point(1, 2)
    assert serdes_for_return(definition(int), DEFAULT_SERDES) is DEFAULT_SERDES
    assert serdes_for_return(definition(Colour), DEFAULT_SERDES).deserialize('"red"') is Colour.RED


def test_an_annotation_of_a_closure_is_evaluated_once_unless_it_names_what_was_captured(
    monkeypatch,
):
    evaluations = []
    evaluated = serdes_types.evaluated

    def counting(hint, *names):
        evaluations.append(hint)
        return evaluated(hint, *names)

    monkeypatch.setattr(serdes_types, "evaluated", counting)

    def definition(factor):
        def fn() -> Order:
            return Order("A", factor)

        return fn

    for factor in range(3):
        serdes = serdes_for_return(definition(factor), DEFAULT_SERDES)
        assert serdes.deserialize('{"order_id":"A"}') == Order("A")
    assert evaluations == ["Order"]


def test_a_closure_over_a_name_not_yet_assigned_is_left_to_the_default():
    def fn() -> later:
        return later

    serdes = serdes_for_return(fn, DEFAULT_SERDES)
    assert serdes.deserialize(serdes.serialize([1])) == [1]
    later = Order
    assert isinstance(serdes_for_return(fn, DEFAULT_SERDES), PydanticSerDes)


def test_wrapped_functions_are_told_apart_though_the_wrapper_is_one():
    other = {"Order": Point}
    exec("from __future__ import annotations\ndef fn() -> Order: ...", other)  # noqa: S102
    assert serdes_for_return(forgetful(synchronous), DEFAULT_SERDES).deserialize(
        '{"order_id":"A"}'
    ) == Order("A")
    assert serdes_for_return(forgetful(other["fn"]), DEFAULT_SERDES).deserialize("[1,2]") == Point(
        1, 2
    )


def test_the_cache_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(serdes_types, "_MOST_ENTRIES", 3)
    for _ in range(10):
        names = {}
        exec("def fn() -> int: ...", names)  # noqa: S102
        assert serdes_for_return(names["fn"], DEFAULT_SERDES) is DEFAULT_SERDES
    assert len(serdes_types._RETURNS) <= 3


def test_annotations_that_cannot_be_evaluated_are_none():
    class Lazy:
        @property
        def __annotations__(self):
            raise NameError("from 3.14 on, evaluating annotations may fail")

        def __call__(self): ...

        __code__ = synchronous.__code__

    assert serdes_for_return(Lazy(), DEFAULT_SERDES) is DEFAULT_SERDES
    assert serdes_for_parameter(Lazy(), 0, DEFAULT_SERDES) is DEFAULT_SERDES


def test_what_is_refused_under_an_annotation_that_cannot_be_resolved_is_refused_for_it():
    def fn() -> Elsewhere: ...  # noqa: F821  the point

    serdes = serdes_for_return(fn, DEFAULT_SERDES)
    assert serdes.encode({"a": (1,)}) == DEFAULT_SERDES.encode({"a": (1,)})
    assert serdes.deserialize('{"a":1}') == {"a": 1}
    with pytest.raises(SerDesError) as caught:
        serdes.serialize(Order("A"), SerDesContext("1", "load", None, "result"))
    assert "the result of 'load' cannot be recorded" in str(caught.value)
    assert str(caught.value).endswith(
        "<locals>.fn() cannot be resolved (NameError: name 'Elsewhere' is not defined): import it "
        "at run time, not under TYPE_CHECKING"
    )
    assert "the annotation 'Elsewhere' of test_what" in str(caught.value)
    assert "annotate" not in str(caught.value)


@pytest.mark.parametrize(
    "hint", ["list[Missing]", "not an (expression", "Missing", list[ForwardRef("Missing")]]
)
def test_an_annotation_that_cannot_be_resolved_holds_no_class(hint):
    def fn(event): ...

    fn.__annotations__ = {"return": hint, "event": hint}
    assert serdes_for_return(fn, DEFAULT_SERDES).serialize([1]) == "[1]"
    assert serdes_for_parameter(fn, 0, DEFAULT_SERDES) is DEFAULT_SERDES


def test_an_annotation_that_is_no_type_is_told_of_too():
    names = {}
    exec("def fn() -> 'not a type': ...", names)  # noqa: S102
    serdes = serdes_for_return(names["fn"], DEFAULT_SERDES)
    with pytest.raises(SerDesError, match=r"SyntaxError.*write one that typing.get_type_hints"):
        serdes.serialize(Order("A"))
    with pytest.raises(SerDesError, match=r"surrogate, which UTF-8 lacks$"):
        serdes.serialize("\ud800")


def test_one_annotation_that_cannot_be_evaluated_does_not_hide_the_others(monkeypatch):
    class Lazy:
        @property
        def __annotations__(self):
            raise NameError("Unimportable")

        def __call__(self): ...

        __code__ = synchronous.__code__

    library = SimpleNamespace(
        Format=SimpleNamespace(FORWARDREF="forwardref"),
        get_annotations=lambda fn, **_: {"x": ForwardRef("Unimportable"), "return": Order},
    )
    monkeypatch.setitem(sys.modules, "annotationlib", library)
    assert isinstance(serdes_for_return(Lazy(), DEFAULT_SERDES), PydanticSerDes)


def test_a_default_of_the_users_own_is_kept():
    own = JsonSerDes()
    assert serdes_for_return(synchronous, own) is own
    assert serdes_for_return(unannotated, own) is own


class TestWithoutPydantic:
    @pytest.fixture(autouse=True)
    def _is_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "durable_core.pydantic_serdes", None)
        serdes_types._RETURNS.clear()
        yield
        serdes_types._RETURNS.clear()

    def test_a_class_is_refused_with_the_package_to_install(self):
        serdes = serdes_for_return(asynchronous, DEFAULT_SERDES)
        way_out = "its annotation .*Order.* needs pydantic; install durable-core\\[pydantic\\]"
        with pytest.raises(
            SerDesError, match=f"^the result of 'charge' cannot be recorded: {way_out}"
        ):
            serdes.serialize(Order("A"), CHARGE)
        with pytest.raises(
            SerDesError, match=f"^the result of 'charge' cannot be read back: {way_out}"
        ):
            serdes.deserialize('{"order_id":"A"}', CHARGE)

    def test_none_needs_no_class(self):
        serdes = serdes_for_return(asynchronous, DEFAULT_SERDES)
        assert serdes.serialize(None) == "null"
        assert [serdes.deserialize(data) for data in (None, "", "null")] == [None, None, None]

    def test_input_into_a_class_is_refused(self):
        with pytest.raises(SerDesError, match="needs pydantic"):
            serdes_for_parameter(Shop(), 0, DEFAULT_SERDES).deserialize('{"order_id":"A"}')

    def test_input_that_needs_no_class_is_read_as_json(self):
        def fn(event: Row): ...

        assert serdes_for_parameter(fn, 0, DEFAULT_SERDES) is DEFAULT_SERDES


def test_an_annotation_that_pydantic_cannot_take_leaves_the_default_and_says_why():
    serdes = serdes_for_return(returning(Opaque | None), DEFAULT_SERDES)
    assert isinstance(serdes, Unadapted)
    assert serdes.serialize({1: 2}) == DEFAULT_SERDES.serialize({1: 2})
    assert serdes.deserialize("null") is None
    with pytest.raises(
        SerDesError, match=r"is of type .*Opaque.*pydantic cannot take the annotation"
    ):
        serdes.serialize(Opaque(), CHARGE)


def test_pydantic_is_imported_when_an_annotation_needs_it_and_not_before():
    # What measures the coverage of this process may have imported some before.
    script = """
import sys, datetime, dataclasses
before = set(sys.modules)
from durable_core._values.serdes import DEFAULT_SERDES, serdes_for_return, serdes_for_parameter
@dataclasses.dataclass
class Order: ...
def plain(event: dict[str, int]) -> list[datetime.datetime]: ...
def classy() -> Order: ...
serdes_for_return(plain, DEFAULT_SERDES); serdes_for_parameter(plain, 0, DEFAULT_SERDES)
DEFAULT_SERDES.encode({"when": datetime.datetime(2026, 1, 1), "n": [1]})
heavy = {"pydantic", "decimal", "zoneinfo"} & (set(sys.modules) - before)
assert not heavy, heavy
serdes_for_return(classy, DEFAULT_SERDES)
assert "pydantic" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603
