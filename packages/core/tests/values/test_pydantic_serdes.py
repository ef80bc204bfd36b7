from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    SecretStr,
    computed_field,
    field_validator,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from durable_core._values.differences import difference
from durable_core._values.errors import SerDesError
from durable_core._values.serdes import SerDesContext
from durable_core.pydantic_serdes import PydanticSerDes, adapted

CHARGE = SerDesContext("1", "charge", None, "result")
T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    S = 1


class Unit(Enum):
    KG = "kg"
    PAIR = (1, 2)


class Point(NamedTuple):
    x: int
    y: float = 0.5


@dataclass
class Line:
    sku: str
    price: Decimal
    tags: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Order:
    id: UUID
    lines: list[Line]
    placed: datetime
    size: Size | None = None
    extra: dict[int, tuple[str, ...]] = field(default_factory=dict)


class LineRow(TypedDict):
    line: Line
    when: date


class Customer(BaseModel):
    name: str
    born: date | None = None
    colours: list[Colour] = []


class Aliased(BaseModel):
    first_name: str = Field(alias="firstName")


class AliasedForWriting(BaseModel):
    name: str = Field(serialization_alias="fullName")


class AliasedForReading(BaseModel):
    name: str = Field(validation_alias=AliasChoices("full", "name"))


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x: int

    @computed_field
    @property
    def double(self) -> int:
        return 2 * self.x


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Page(BaseModel, Generic[T]):
    items: list[T]


@pydantic_dataclass
class Checked:
    n: int


ORDER = Order(
    UUID(int=1),
    [Line("a", Decimal("1.10"), {"x", "y"})],
    datetime(2026, 11, 25, tzinfo=UTC),
    Size.S,
    {1: ("a", "b")},
)

SURVIVORS = [
    (Colour, Colour.RED),
    (Size, Size.S),
    (Unit, Unit.KG),
    (Point, Point(1, 2.5)),
    (Line, Line("a", Decimal("1.10"))),
    (Order, ORDER),
    (Order | None, None),
    (Order | Customer, Customer(name="Zoë")),
    (LineRow, {"line": Line("a", Decimal(1)), "when": date(2026, 1, 1)}),
    (Customer, Customer(name="a", born=date(2000, 1, 1), colours=[Colour.RED])),
    (Aliased, Aliased(firstName="a")),
    (AliasedForWriting, AliasedForWriting(name="a")),
    (AliasedForReading, AliasedForReading(name="a")),
    (Computed, Computed(x=2)),
    (Open, Open(a=1, b="c")),
    (Page[Customer], Page[Customer](items=[Customer(name="a")])),
    (RootModel[list[int]], RootModel[list[int]]([1, 2])),
    (Checked, Checked(1)),
    (dict[Colour, list[Point]], {Colour.RED: [Point(1, 2.0)]}),
    (tuple[Order, set[Size]], (ORDER, {Size.S})),
    (frozenset[Point], frozenset({Point(1, 2.0)})),
    (list[Line], []),
]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [pytest.param(*case, id=str(number)) for number, case in enumerate(SURVIVORS)],
)
def test_a_value_of_the_annotated_class_comes_back_as_it_was(annotation, value):
    serdes = PydanticSerDes(annotation)
    text, seen = serdes.encode(value, CHARGE)
    assert type(seen) is type(value)
    assert seen == value
    assert difference(value, seen) is None
    assert serdes.deserialize(serdes.serialize(value, CHARGE), CHARGE) == value
    assert serdes.deserialize(text) is not value or isinstance(value, Enum | None)


def test_what_is_stored_is_plain_json_for_other_readers():
    text = PydanticSerDes(Line).serialize(Line("é", Decimal("1.10"), {"x"}))
    assert text == '{"sku":"é","price":"1.10","tags":["x"]}'


class Premium(Customer):
    level: int = 1


@dataclass
class Fragile(Line):
    pass


class Locked(BaseModel):
    secret: SecretStr


class Excluded(BaseModel):
    shown: int
    hidden: int = Field(default=0, exclude=True)


class Private(BaseModel):
    _note: str = PrivateAttr(default="")


class Rounding(BaseModel):
    n: float

    @field_validator("n")
    @classmethod
    def rounded(cls, n: float) -> float:
        return n + 1


@dataclass
class Stamped:
    stamp: float = field(init=False, default=0.0)


@dataclass
class Loose:
    value: Any


def noted():
    private = Private()
    private._note = "kept in memory only"
    return private


REFUSED = [
    (Customer, Premium(name="a"), "is a .*Premium and comes back as a .*Customer"),
    (list[Customer], [Premium(name="a")], r"\$\[0\] is a .*Premium"),
    (Line, Fragile("a", Decimal(1)), "is a .*Fragile and comes back as a .*Line"),
    (Line, {"sku": "a", "price": "1"}, "is a dict and comes back as a .*Line"),
    (Line, None, "at the top: "),
    (Line, Line("a", 1), r"\$\.price is a int and comes back as a decimal.Decimal"),
    (Line, Line(Colour.RED, Decimal(1)), r"\$\.sku is a .*Colour and comes back as a str"),
    (Line, Line("a", Decimal("NaN")), "at price"),
    (Line, Line("\ud800", Decimal(1)), "Error"),
    (Loose, Loose((1, 2)), r"\$\.value is a tuple and comes back as a list"),
    (Loose, Loose({1: 2}), r"the key 1 of \$\.value is a int and comes back as a str"),
    (Loose, Loose(float("nan")), r"\$\.value is a float and comes back as a NoneType"),
    (Loose, Loose(object()), "PydanticSerializationError"),
    (Locked, Locked(secret=SecretStr("x")), r"\$\.secret, .*, comes back as"),
    (Excluded, Excluded(shown=1, hidden=2), r"\$\.hidden, 2, comes back as 0"),
    (Private, noted(), "__pydantic_private__"),
    (Rounding, Rounding(n=1), r"\$\.n, 2.0, comes back as 3.0"),
    (
        tuple[Colour, datetime],
        (Colour.RED, datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Paris"))),
        "zone of",
    ),
    (tuple[Colour, datetime], (Colour.RED, datetime(2026, 1, 1, fold=1)), "zone of"),  # noqa: DTZ001
    (tuple[Colour, bytes], (Colour.RED, b"\xff"), "invalid utf-8"),
    (LineRow, {"line": Line("a", Decimal(1)), "when": date(2026, 1, 1), "more": 1}, r"len\(\$\)"),
]


@pytest.mark.parametrize(
    ("annotation", "value", "found"),
    [pytest.param(*case, id=str(number)) for number, case in enumerate(REFUSED)],
)
def test_what_would_come_back_as_something_else_is_refused(annotation, value, found):
    with pytest.raises(SerDesError, match=found) as caught:
        PydanticSerDes(annotation).serialize(value, CHARGE)
    message = str(caught.value)
    assert message.startswith("the result of 'charge' cannot be recorded: a ")
    assert "would not come back the same; the annotation is " in message


def test_a_field_left_out_of_comparison_may_differ():
    @dataclass
    class Cached:
        n: int
        seen_at: float = field(init=False, default=0.0, compare=False)

    cached = Cached(1)
    cached.seen_at = 5.0
    assert PydanticSerDes(Cached).encode(cached, CHARGE)[1].n == 1
    stamped = Stamped()
    stamped.stamp = 5.0
    with pytest.raises(SerDesError, match=r"\$\.stamp"):
        PydanticSerDes(Stamped).serialize(stamped)


@pytest.mark.parametrize("text", ["{", "5", '{"sku":1}', None, ""])
def test_a_text_that_does_not_fit_is_an_error_that_says_where(text):
    expected = "^the result of 'charge' cannot be read back: the annotation is Line; at "
    with pytest.raises(SerDesError, match=expected):
        PydanticSerDes(Line).deserialize(text, CHARGE)


def test_an_adapter_is_made_once_for_an_annotation():
    assert adapted(list[Line]) is adapted(list[Line])


def test_an_annotation_that_cannot_be_a_key_works_as_well():
    annotation = Annotated[Line, {"unhashable": True}]
    assert adapted(annotation).deserialize('{"sku":"a","price":1}') == Line("a", Decimal(1))


@given(
    st.builds(
        Order,
        st.uuids(),
        st.lists(
            st.builds(
                Line,
                st.text(),
                st.decimals(allow_nan=False, allow_infinity=False),
                st.sets(st.text()),
            )
        ),
        st.datetimes(timezones=st.just(UTC)),
        st.none() | st.sampled_from(Size),
        st.dictionaries(st.integers(-(2**60), 2**60), st.lists(st.text()).map(tuple)),
    )
)
@settings(deadline=None, max_examples=25)
def test_every_order_comes_back_exactly(order):
    serdes = PydanticSerDes(Order)
    text, seen = serdes.encode(order)
    assert difference(order, seen) is None
    assert serdes.deserialize(text) == order


class TestDifference:
    @pytest.mark.parametrize(
        "value",
        [
            *(
                1,
                "a",
                None,
                [1, [2]],
                (1, {"a": {1, 2}}),
                {1: {2: 3}},
                float("nan"),
                [float("nan")],
            ),
            *(ORDER, Customer(name="a"), Open(a=[1]), Point(1, 2), Unit.PAIR, frozenset({(1, 2)})),
            *(datetime(2026, 1, 1, tzinfo=UTC), time(1, 2), timedelta(1)),
        ],
    )
    def test_nothing_differs_from_itself(self, value):
        assert difference(value, value) is None

    @pytest.mark.parametrize(
        ("written", "read", "found"),
        [
            (1, True, "$ is a int and comes back as a bool"),
            (1, 2, "$, 1, comes back as 2"),
            ("a" * 90, "b", "$, '" + "a" * 56 + "…, comes back as 'b'"),
            ([1], [1, 2], "len($), 1, comes back as 2"),
            ([1, [2]], [1, [3]], "$[1][0], 2, comes back as 3"),
            ({"a": 1}, {"b": 1}, "the key 'a' of $, 'a', comes back as 'b'"),
            ({"a": 1}, {"a": 2}, "$['a'], 1, comes back as 2"),
            ({1, 2}, {1}, "len($), 2, comes back as 1"),
            ({1, 2}, {1, 3}, "a member of $ is a int and comes back as a NoneType"),
            ({Size.S}, {1}, "a member of $ is a " + __name__ + ".Size and comes back as a int"),
            (Point(1, 2), (1, 2), f"$ is a {__name__}.Point and comes back as a tuple"),
            (
                datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
                datetime(2026, 1, 1, tzinfo=UTC),
                (
                    "the zone of $, fold 0 in datetime.timezone(datetime.timedelta(seconds=3600)), "
                    "comes back as datetime.timezone.utc"
                ),
            ),
            (
                time(1, tzinfo=UTC),
                time(1),
                "the zone of $, fold 0 in datetime.timezone.utc, comes back as None",
            ),
        ],
    )
    def test_the_first_difference_is_named_with_its_place(self, written, read, found):
        assert difference(written, read) == found
