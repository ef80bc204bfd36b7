"""The texts were written by AWS's SDK for Python 3.0.0."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from durable_core._values.errors import SerDesError
from durable_core._values.serdes import SerDesContext
from durable_core._values.serdes_aws import AwsEnvelopeSerDes

WRITTEN = [
    (None, "null"),
    (1, "1"),
    ([1, "a"], '[1,"a"]'),
    ([None, True, 1.5], "[null,true,1.5]"),
    (
        {"a": 1, "l": [1, (2,)]},
        (
            '{"t":"m","v":{"a":{"t":"i","v":1},"l":{"t":"l","v":[{"t":"i","v":1},'
            '{"t":"t","v":[{"t":"i","v":2}]}]}}}'
        ),
    ),
    ({}, '{"t":"m","v":{}}'),
    (
        {"t": "s", "v": 1},
        '{"t":"m","v":{"t":{"t":"s","v":"s"},"v":{"t":"i","v":1}}}',
    ),
    (b"\xff", '{"t":"B","v":"/w=="}'),
    (Decimal("1.10"), '{"t":"d","v":"1.10"}'),
    (UUID(int=5), '{"t":"u","v":"00000000-0000-0000-0000-000000000005"}'),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '{"t":"dt","v":"2026-01-02T03:04:05+00:00"}'),
    (date(2026, 1, 2), '{"t":"D","v":"2026-01-02"}'),
    (
        {"n": None, "f": 0.5, "b": False},
        '{"t":"m","v":{"n":{"t":"n","v":null},"f":{"t":"f","v":0.5},"b":{"t":"b","v":false}}}',
    ),
    (
        {
            "all": [{"index": 0, "status": "SUCCEEDED", "result": {"a": 1}, "error": None}],
            "completionReason": "ALL_COMPLETED",
        },
        (
            '{"t":"br","v":{"all":{"t":"l","v":[{"t":"m","v":{"index":{"t":"i","v":0},"status":'
            '{"t":"s","v":"SUCCEEDED"},"result":{"t":"m","v":{"a":{"t":"i","v":1}}},"error":'
            '{"t":"n","v":null}}}]},"completionReason":{"t":"s","v":"ALL_COMPLETED"}}}'
        ),
    ),
]


@pytest.mark.parametrize(
    ("value", "text"),
    [pytest.param(*case, id=str(number)) for number, case in enumerate(WRITTEN)],
)
def test_what_the_other_sdk_wrote_is_read(value, text):
    read = AwsEnvelopeSerDes().deserialize(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ['{"t":"s"}', '{"t":"new","v":1}', '{"a":{"t":"s","v":1}}'])
def test_what_is_no_envelope_is_plain_json(text):
    assert AwsEnvelopeSerDes().deserialize(text) == __import__("json").loads(text)


@pytest.mark.parametrize("data", [None, ""])
def test_no_text_is_none(data):
    assert AwsEnvelopeSerDes().deserialize(data) is None


@pytest.mark.parametrize(
    "text",
    [
        *("{", '{"t":"l","v":[1]}', '{"t":"m","v":5}', '{"t":"dt","v":"soon"}'),
        *('{"t":"d","v":"x"}', '{"t":"l","v":[{"t":"new","v":1}]}'),
    ],
)
def test_what_cannot_be_read_is_an_error(text):
    with pytest.raises(SerDesError, match="cannot be read back"):
        AwsEnvelopeSerDes().deserialize(text, SerDesContext())


def test_it_does_not_write():
    with pytest.raises(SerDesError, match="only reads"):
        AwsEnvelopeSerDes().serialize(1)
