"""Properties: what the default serdes takes comes back exactly; the rest it refuses."""

from __future__ import annotations

import json
import struct
from collections import OrderedDict, UserDict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from math import isnan
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_core._values.errors import SerDesError
from durable_core._values.serdes import DEFAULT_SERDES, JsonSerDes

checked = settings(deadline=None, max_examples=30)

ZONES = st.sampled_from(
    [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York"), ZoneInfo("UTC")]
) | st.builds(
    lambda seconds, name: timezone(timedelta(seconds=seconds), *name),
    st.integers(-86399, 86399),
    st.just(()) | st.tuples(st.text(min_size=1)),
)

PLAIN_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just("$py")
)
KEYS = st.text() | st.sampled_from(["$py", "v", '"$py":'])
PLAIN = st.recursive(
    PLAIN_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
)

HASHABLE_LEAVES = (
    PLAIN_LEAVES
    | st.floats()
    | st.integers(-(2**3000), 2**3000)
    | st.binary()
    | st.datetimes(timezones=st.none() | ZONES, allow_imaginary=True)
    | st.builds(lambda d, fold: d.replace(fold=fold), st.datetimes(), st.integers(0, 1))
    | st.dates()
    | st.times(timezones=st.none() | ZONES)
    | st.timedeltas()
    | st.decimals().filter(lambda d: not d.is_snan())
    | st.uuids()
)
HASHABLE = st.recursive(
    HASHABLE_LEAVES, lambda inner: st.tuples(inner, inner) | st.frozensets(inner), max_leaves=6
)
VALUES = st.recursive(
    HASHABLE | st.just(Decimal("sNaN")),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(HASHABLE | KEYS, inner)
        | st.sets(HASHABLE)
    ),
    max_leaves=20,
)


def form(value):
    """The exact form of a value: types, signs, zones and orders, with NaN like NaN."""
    kind = type(value).__name__
    match value:
        case float():
            return kind, "nan" if isnan(value) else struct.pack("d", value)
        case list() | tuple():
            return kind, tuple(map(form, value))
        case dict():
            return kind, tuple((form(key), form(item)) for key, item in value.items())
        case set() | frozenset():
            return kind, len(value), frozenset(map(form, value))
        case datetime() | time():
            zone = value.tzinfo
            zone_form = (type(zone).__name__, repr(zone), zone and zone.tzname(None))
            return kind, value.replace(tzinfo=None).isoformat(), value.fold, zone_form
        case _:
            return kind, repr(value)


@given(VALUES)
@checked
def test_every_supported_value_comes_back_exactly(value):
    text, seen = DEFAULT_SERDES.encode(value)
    assert form(seen) == form(value)
    assert form(DEFAULT_SERDES.deserialize(text)) == form(value)
    assert text.encode().decode() == text
    json.loads(text, parse_constant=pytest.fail)  # NaN and Infinity are no JSON


@given(VALUES)
@checked
def test_the_text_is_the_same_whenever_the_value_is(value):
    text, seen = DEFAULT_SERDES.encode(value)
    assert DEFAULT_SERDES.serialize(seen) == text
    assert DEFAULT_SERDES.serialize(value) == text


def has_marked_key(value):
    if isinstance(value, dict):
        return "$py" in value or any(map(has_marked_key, value.values()))
    return isinstance(value, list) and any(map(has_marked_key, value))


@given(PLAIN.filter(lambda value: not has_marked_key(value)))
@checked
def test_what_json_carries_is_stored_as_plain_compact_json(value):
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert DEFAULT_SERDES.serialize(value) == plain
    assert json.loads(plain) == value


@given(PLAIN)
@checked
def test_plain_json_is_read_as_any_other_reader_reads_it(value):
    text = JsonSerDes().serialize(value)
    assert form(json.loads(text)) == form(value)
    assert form(JsonSerDes().deserialize(text)) == form(value)


@given(VALUES)
@checked
def test_the_json_serdes_writes_what_comes_back_exactly_or_refuses(value):
    try:
        text, seen = JsonSerDes().encode(value)
    except SerDesError:
        return
    assert form(seen) == form(value) == form(json.loads(text))


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Ratio(float):
    pass


class Items(list):
    pass


class Bufferable(list):
    """Marshal writes a buffer as bytes instead of refusing it (from Python 3.12 on)."""

    def __buffer__(self, flags):
        return memoryview(b"")


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    S = 1


class Unit(Enum):
    KG = "kg"


Point = namedtuple("Point", "x y")  # noqa: PYI024 - the untyped kind on purpose


class Moment(datetime):
    pass


CHANGED_BY_JSON = [
    *(Text("a"), Number(1), Ratio(1.5), Items([1]), Bufferable([]), Colour.RED, Size.S, Unit.KG),
    *(Point(1, 2), OrderedDict(a=1), UserDict(a=1), SimpleNamespace(a=1), deque([1])),
    *(bytearray(b"a"), memoryview(b"a"), 1 + 2j, range(3), ..., object(), int, len),
    *(Moment(2026, 1, 1), {"a": 1}.keys(), iter([1]), ValueError("x")),
]


@pytest.mark.parametrize("value", CHANGED_BY_JSON, ids=lambda value: type(value).__name__)
@given(data=st.data())
@settings(deadline=None, max_examples=10)
def test_whatever_is_of_another_class_is_refused_wherever_it_stands(value, data):
    place = data.draw(
        st.recursive(
            st.just(value),
            lambda inner: (
                st.tuples(PLAIN, inner).map(list)
                | st.tuples(inner, HASHABLE)
                | st.fixed_dictionaries({"key": inner, "more": PLAIN})
                | st.fixed_dictionaries({5: inner})
            ),
            max_leaves=3,
        )
    )
    with pytest.raises(SerDesError) as caught:
        DEFAULT_SERDES.serialize(place)
    assert f"is of type {named(value)}, which " in str(caught.value)
    with pytest.raises(SerDesError):
        JsonSerDes().serialize(place)


def named(value):
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("key", [Text("a"), Colour.RED, Size.S, Unit.KG, Point(1, 2)])
def test_a_key_or_member_of_another_class_is_refused(key):
    for value in ({key: 1}, {"b": 1, key: 2}, {key}, frozenset({"other", key}), {(1, key): 1}):
        with pytest.raises(SerDesError, match=f"is of type {named(key)}"):
            DEFAULT_SERDES.serialize(value)


def test_the_exact_types_of_the_table_come_back():
    value = {
        "set": {"a", "b"},
        "timedelta": timedelta(days=1, microseconds=5),
        "datetime": datetime(2026, 11, 25, 0, 37, tzinfo=UTC),
        "date": date(2026, 11, 25),
        "time": time(1, 2, 3),
        "decimal": Decimal("1.10"),
        "uuid": UUID(int=5),
        "tuple": (1, (2,)),
        "bytes": b"\x00\xff",
        "keys": {2: 2, None: 3, True: 4, (1, 2): 5},
    }
    assert form(DEFAULT_SERDES.encode(value)[1]) == form(value)
