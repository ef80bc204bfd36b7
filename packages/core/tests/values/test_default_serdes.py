from __future__ import annotations

import asyncio
import json
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import TZPATH, ZoneInfo

import pytest

from durable_core._values.errors import SerDesError
from durable_core._values.serdes import (
    DEFAULT_SERDES,
    JsonSerDes,
    PassThroughSerDes,
    SerDesContext,
    decode_with,
    encode_with,
)
from durable_core._values.serdes_plain import MAX_DEPTH

CHARGE = SerDesContext("1-2", "charge", "arn:x", "result")


class Order:
    pass


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (17, "17"),
        (-0.0, "-0.0"),
        (1e300, "1e+300"),
        ("é\n", '"é\\n"'),
        ({"a": [1, None], "b": {}}, '{"a":[1,null],"b":{}}'),
        ((1, "a"), '{"$py":"tuple","v":[1,"a"]}'),
        ({"b", "a"}, '{"$py":"set","v":["a","b"]}'),
        (frozenset({1}), '{"$py":"frozenset","v":[1]}'),
        ({1: 2}, '{"$py":"dict","v":[[1,2]]}'),
        (b"\xff", '{"$py":"bytes","v":"/w=="}'),
        (float("-inf"), '{"$py":"float","v":"-inf"}'),
        ([float("inf")], '[{"$py":"float","v":"inf"}]'),
        (Decimal("1.10"), '{"$py":"decimal","v":"1.10"}'),
        (timedelta(1, 2, 3), '{"$py":"timedelta","v":[1,2,3]}'),
        (
            [datetime(2026, 11, 25, 0, 37, tzinfo=UTC)],
            '[{"$py":"datetime","v":"2026-11-25T00:37:00+00:00"}]',
        ),
        (
            datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Paris")),
            '{"$py":"datetime","v":"2026-03-29T12:00:00+02:00","zone":"Europe/Paris"}',
        ),
        (
            datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET"), fold=1),
            '{"$py":"datetime","v":"2026-01-01T00:00:00+01:00","fold":1,"name":"CET"}',
        ),
        (2**2048, '{"$py":"int","v":"0x1' + "0" * 512 + '"}'),
    ],
)
def test_the_text_is_readable_json(value, text):
    assert DEFAULT_SERDES.serialize(value, CHARGE) == text
    assert DEFAULT_SERDES.deserialize(text, CHARGE) == value


def test_data_that_looks_like_an_envelope_survives():
    value = {"$py": "tuple", "v": [1, 2]}
    text = DEFAULT_SERDES.serialize(value)
    assert text == '{"$py":"dict","v":[["$py","tuple"],["v",[1,2]]]}'
    assert DEFAULT_SERDES.deserialize(text) == value


def test_the_mark_as_a_plain_string_needs_no_envelope():
    value = {"a": "$py", "b": ['"$py":', "$py"]}
    assert DEFAULT_SERDES.serialize(value) == json.dumps(value, separators=(",", ":"))
    assert DEFAULT_SERDES.deserialize(DEFAULT_SERDES.serialize(value)) == value


def test_what_comes_back_is_a_copy():
    value = {"rows": [[1], (2,)]}
    seen = DEFAULT_SERDES.encode(value)[1]
    value["rows"][0].append(3)
    assert seen == {"rows": [[1], (2,)]}


@pytest.mark.parametrize("value", [[[1], [1]], [[1], (1,)]])
def test_what_was_shared_comes_back_as_copies(value):
    row = value[0]
    seen = DEFAULT_SERDES.encode([row, row, value])[1]
    assert seen[0] == seen[1]
    assert seen[0] is not seen[1]


@pytest.mark.parametrize("data", [None, ""])
def test_no_text_is_none(data):
    assert DEFAULT_SERDES.deserialize(data) is None
    assert JsonSerDes().deserialize(data) is None


def test_json_of_any_layout_is_read():
    text = ' { "a" : [ {"$py" : "tuple", "v" : [ 1 ] } ] } \n'
    assert DEFAULT_SERDES.deserialize(text) == {"a": [(1,)]}
    assert DEFAULT_SERDES.deserialize(" [1] ") == [1]


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[1] 2", "nope", '{"a":1}x'),
        *('{"$py":"colour","v":1}', '{"$py":"set"}', '{"$py":["set"],"v":[]}'),
        *('{"$py":"datetime","v":"tomorrow"}', '{"$py":"decimal","v":"x"}', '{"$py":null}'),
        *('{"$py":"bytes","v":"*"}', '{"$py":"uuid","v":5}', '{"$py":"set","v":[[]]}'),
        '{"$py":"datetime","v":"2026-01-01","zone":"Nowhere/At_All"}',
        '{"$py":"datetime","v":"2026-01-01","name":"CET"}',
    ],
)
def test_a_text_that_cannot_be_read_is_an_error_that_names_the_operation(text):
    with pytest.raises(SerDesError, match=r"^the result of 'charge' cannot be read back: "):
        DEFAULT_SERDES.deserialize(text, CHARGE)


def test_a_text_too_deep_to_read_is_an_error():
    text = "[" * 100_000 + "]" * 100_000
    for serdes in (DEFAULT_SERDES, JsonSerDes()):
        with pytest.raises(SerDesError, match="cannot be read back"):
            serdes.deserialize(text, CHARGE)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (Order(), "$"),
        ({"rows": [1, 2, {"when": Order()}]}, "$.rows[2].when"),
        ({"a b": Order()}, "$['a b']"),
        ({1: [Order()]}, "$[1][0]"),
        ({"x": {("a", Order()): 1}}, "$.x{key}[1]"),
        ({"x": {("a",): Order()}}, "$.x[<tuple>]"),
        ({"a": (1, {2: {3, Order()}})}, "$.a[1][2]{…}"),
        ({"k" * 80: Order()}, "$['" + "k" * 56 + "…]"),
        ([[[[[[[[[[[[[[[Order()]]]]]]]]]]]]]]], "$[0][0][0][0][0][0] … [0][0][0]"),
    ],
)
def test_a_refusal_names_the_operation_the_place_the_type_and_the_way_out(value, where):
    with pytest.raises(SerDesError) as caught:
        DEFAULT_SERDES.serialize(value, CHARGE)
    message = str(caught.value)
    assert message.startswith("the result of 'charge' cannot be recorded: ")
    assert f": {where} is of type" in message
    assert f"is of type {__name__}.Order, which would come back as something else" in message
    assert "annotate the function's return type and install durable-core[pydantic]" in message
    assert "serdes=" in message


@pytest.mark.parametrize(
    ("context", "named"),
    [
        (SerDesContext("1", "charge", None, "payload"), "the payload of 'charge' "),
        (SerDesContext("1-2", entity="state"), "the state of operation 1-2 "),
        (SerDesContext(), "the value "),
    ],
)
def test_a_refusal_names_what_is_known_of_the_operation(context, named):
    with pytest.raises(SerDesError, match=f"^{named}"):
        DEFAULT_SERDES.serialize(Order(), context)


@pytest.mark.parametrize("value", ["\ud800", ["a", "\udfff"], {"\ud800": 1}, {("\ud800",): 1}])
def test_text_that_utf8_lacks_is_refused(value):
    with pytest.raises(SerDesError, match="is text with a lone surrogate"):
        DEFAULT_SERDES.serialize(value)


def nested(depth, wrap, value=0):
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS = {
    "list": lambda value: [value],
    "dict": lambda value: {"a": value},
    "bracket in a string": lambda value: ["]" if value == 0 else "[", value],
    "tuple": lambda value: (value,),
    "frozenset": lambda value: frozenset({value}),
    "key": lambda value: {1: value},
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_is_nested_beyond_the_limit_is_refused(wrap):
    value = nested(MAX_DEPTH + 1, WRAPS[wrap])
    with pytest.raises(SerDesError, match="nested more than 200 levels deep, or holds itself"):
        DEFAULT_SERDES.serialize(value)


@pytest.mark.parametrize("wrap", ["list", "dict", "bracket in a string"])
def test_what_is_nested_up_to_the_limit_is_stored(wrap):
    value = nested(MAX_DEPTH, WRAPS[wrap])
    assert DEFAULT_SERDES.encode(value)[1] == value


def test_the_levels_of_envelopes_count():
    assert DEFAULT_SERDES.encode(nested(100, WRAPS["tuple"]))[1] == nested(100, WRAPS["tuple"])
    with pytest.raises(SerDesError, match="nested more than 200 levels deep"):
        DEFAULT_SERDES.serialize(nested(101, WRAPS["tuple"]))


@pytest.mark.parametrize("depth", [900, 3_000, 50_000])
def test_depth_beyond_the_interpreters_own_limit_is_refused_as_well(depth):
    for wrap in ("list", "tuple", "dict"):
        with pytest.raises(SerDesError, match="nested more than 200 levels deep"):
            DEFAULT_SERDES.serialize(nested(depth, WRAPS[wrap]))


def test_a_caller_deep_in_the_stack_gets_the_same_refusal():
    value = nested(150, WRAPS["tuple"])

    def call(levels):
        return DEFAULT_SERDES.serialize(value) if levels == 0 else call(levels - 1)

    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    with pytest.raises(SerDesError, match="nested more than 200 levels deep"):
        call(sys.getrecursionlimit() - depth - 60)


def test_what_holds_itself_is_refused():
    ring = []
    ring.append({"ring": ring})
    table = {}
    table[1] = (table,)
    for value in (ring, table):
        with pytest.raises(SerDesError, match="holds itself"):
            DEFAULT_SERDES.serialize(value)


def test_many_brackets_on_few_levels_are_stored_whatever_the_strings_hold():
    rows = [{"id": n, "note": "[[{" * (n % 3), "tags": [["x"]]} for n in range(300)]
    assert DEFAULT_SERDES.encode(rows)[1] == rows


def test_a_number_json_readers_could_refuse_stays_readable():
    value = [10**5000, "plain"]
    text = DEFAULT_SERDES.serialize(value)
    assert text.startswith('[{"$py":"int","v":"0x')
    assert DEFAULT_SERDES.deserialize(text) == value


class Zone(tzinfo):
    def utcoffset(self, when):
        return timedelta(hours=1)

    def dst(self, when):
        return None

    def tzname(self, when):
        return "Z"


def test_a_zone_of_another_class_is_refused():
    with pytest.raises(SerDesError, match=r"\$\.when has a tzinfo of type .*Zone; use datetime"):
        DEFAULT_SERDES.serialize({"when": datetime(2026, 1, 1, tzinfo=Zone())})


def test_a_zone_whose_key_leads_elsewhere_is_refused():
    found = [path for root in TZPATH if (path := Path(root, "Europe/Paris")).is_file()]
    if not found:
        pytest.skip("no zone files here")
    with found[0].open("rb") as file:
        lying = ZoneInfo.from_file(file, key="America/New_York")
    with found[0].open("rb") as file:
        keyless = ZoneInfo.from_file(file)
    with found[0].open("rb") as file:
        unknown = ZoneInfo.from_file(file, key="Nowhere/At_All")
    for zone in (lying, keyless, unknown):
        with pytest.raises(SerDesError, match="tzinfo"):
            DEFAULT_SERDES.serialize(datetime(2026, 1, 1, tzinfo=zone))


def test_a_zone_that_was_loaded_anew_is_the_same_zone():
    value = datetime(2026, 1, 1, tzinfo=ZoneInfo.no_cache("Europe/Paris"))
    assert DEFAULT_SERDES.encode(value)[1].tzinfo is ZoneInfo("Europe/Paris")


def test_a_class_that_only_borrows_a_known_name_is_refused():
    impostor = type("UUID", (), {"__module__": "uuid"})
    homeless = type("Decimal", (), {"__module__": "decimal", "__qualname__": "Decimal"})
    for kind in (impostor, homeless):
        with pytest.raises(SerDesError, match="which would come back as something else"):
            DEFAULT_SERDES.serialize(kind())


class TestJsonSerDes:
    def test_it_refuses_what_plain_json_would_bend(self):
        for value in [(1,), {1: 2}, float("nan"), b"", {1}, [Decimal(1)], "\ud800", Order()]:
            with pytest.raises(SerDesError, match="plain JSON would not bring back this"):
                JsonSerDes().serialize(value, CHARGE)

    def test_it_reads_and_writes_envelopes_as_the_data_they_are(self):
        text = '{"$py":"tuple","v":[1]}'
        assert JsonSerDes().deserialize(text) == {"$py": "tuple", "v": [1]}
        assert JsonSerDes().serialize({"$py": "tuple", "v": [1]}) == text

    def test_a_text_that_cannot_be_read_is_an_error(self):
        with pytest.raises(SerDesError, match="the result of 'charge' cannot be read back"):
            JsonSerDes().deserialize("{", CHARGE)


class TestPassThroughSerDes:
    def test_text_passes_as_it_is(self):
        for data in ["", "{", "plain", None]:
            assert PassThroughSerDes().serialize(data) == data
            assert PassThroughSerDes().deserialize(data) == data

    def test_anything_else_is_refused(self):
        for value in (5, b"", type("Text", (str,), {})("a")):
            with pytest.raises(SerDesError, match="PassThroughSerDes takes str or None, not a"):
                PassThroughSerDes().serialize(value, CHARGE)


class Reversed:
    """A serdes of a user's own, with nothing but the two methods of the protocol."""

    def serialize(self, value, context):
        return value[::-1]

    def deserialize(self, data, context):
        return data[::-1]


class TestOtherSerdes:
    def test_they_are_asked_for_the_text_and_then_for_the_value(self):
        assert encode_with(Reversed(), "abc", CHARGE) == ("cba", "abc")
        assert decode_with(Reversed(), "cba", CHARGE) == "abc"

    def test_encode_gives_both_at_once(self):
        assert encode_with(DEFAULT_SERDES, (1,), CHARGE) == ('{"$py":"tuple","v":[1]}', (1,))
        assert encode_with(PassThroughSerDes(), None, CHARGE) == (None, None)

    def test_whatever_they_raise_is_a_serdes_error_that_names_the_operation(self):
        name = r".*Reversed could not (write|read) the result of 'charge': TypeError"
        with pytest.raises(SerDesError, match=name):
            encode_with(Reversed(), 5, CHARGE)
        with pytest.raises(SerDesError, match=name):
            decode_with(Reversed(), None, CHARGE)

    def test_their_own_serdes_errors_pass_unchanged(self):
        def fail(*_):
            raise SerDesError("mine")

        serdes = SimpleNamespace(serialize=fail, deserialize=fail)
        for call in (encode_with, decode_with):
            with pytest.raises(SerDesError, match=r"^mine$"):
                call(serdes, "x", CHARGE)


async def _async_items():
    yield 1


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: (n for n in range(3)), "generator, .* return list"),
        (lambda: map(str, [1]), "map, .* return list"),
        (lambda: iter({1}), "set_iterator, .* return list"),
        (_async_items, "async_generator, .* async for"),
        ({}.keys, "dict_keys, which is a view of something else: return list"),
        (threading.Lock, "lock, which lives in this process only"),
        (lambda: lambda: None, "function, which lives in this process only"),
        (lambda: json, "module, which lives in this process only"),
        (asyncio.Event, "Event, which would come back as something else; annotate"),
    ],
)
def test_what_has_no_text_is_refused_with_what_to_do(make, advice):
    with pytest.raises(SerDesError, match=advice):
        DEFAULT_SERDES.serialize({"a": [make()]})


def test_a_coroutine_is_refused_with_what_to_do():
    async def fn(): ...

    coroutine = fn()
    with pytest.raises(SerDesError, match=r"coroutine, .* return what awaiting it gives"):
        DEFAULT_SERDES.serialize(coroutine)
    coroutine.close()
