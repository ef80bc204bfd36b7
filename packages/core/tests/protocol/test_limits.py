"""The service's limits and patterns (service 1.1)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_core._protocol import limits, patterns


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            patterns.OPERATION_ID_PATTERN,
            ["a", "A-1_b", "x" * 64],
            ["", "a b", "a/b", "x" * 65, "é"],
        ),
        (
            patterns.OPERATION_NAME_PATTERN,
            [" ", "a~", "x" * 256],
            ["", "x" * 257, "é", "a\n", "\t"],
        ),
        (patterns.SUBTYPE_PATTERN, ["Step", "x" * 32], ["", "x" * 33, "a.b", "a b"]),
        (patterns.EXECUTION_NAME_PATTERN, ["order-1", "x" * 64], ["", "x" * 65, "a:b", "ä"]),
        (
            patterns.FUNCTION_NAME_PATTERN,
            [
                "f",
                "f:1",
                "f:$LATEST",
                "f:live",
                "my_f-1.x",
                "function:f",
                "123456789012:function:f",
                "arn:aws:lambda:eu-west-1:123456789012:function:f:3",
                "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f",
                "arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST.PUBLISHED",
            ],
            ["", "a b", "f:", "f:1:2", "arn:aws:sqs:eu-west-1:123456789012:queue", "ü"],
        ),
        (patterns.TENANT_ID_PATTERN, ["a", "t:1/x=+-@ ._", "x" * 256], ["", "x" * 257, "a#b", "ö"]),
    ],
)
def test_what_a_pattern_takes_and_refuses(pattern, good, bad) -> None:
    assert [text for text in good if pattern.fullmatch(text) is None] == []
    assert [text for text in bad if pattern.fullmatch(text) is not None] == []


@given(st.text())
def test_a_size_is_counted_in_bytes_of_utf8(text: str) -> None:
    assert limits.utf8_size(text) == len(text.encode())


@given(st.text())
def test_a_json_size_is_that_of_the_text_between_the_quotes(text: str) -> None:
    written = json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass")
    assert limits.json_size(text) == len(written) - 2


@pytest.mark.parametrize("code", range(0x80))
def test_each_ascii_character_has_the_json_size_that_it_is_written_with(code: int) -> None:
    assert limits.json_size(chr(code)) == len(json.dumps(chr(code), ensure_ascii=False)) - 2


def test_a_result_at_the_threshold_leaves_room_for_its_envelope() -> None:
    envelope = {"Status": "SUCCEEDED", "Result": ""}
    room = limits.MAX_RESPONSE_BYTES - limits.RESULT_THRESHOLD_BYTES
    assert len(json.dumps(envelope)) <= room


def test_the_limits_are_the_services() -> None:
    assert limits.MAX_BATCH_UPDATES == 250
    assert limits.MAX_BATCH_BYTES == 768_000
    assert limits.MAX_OPERATIONS == 3000
    assert limits.MAX_PAYLOAD_BYTES == limits.CHILD_RESULT_THRESHOLD_BYTES == 262_144
    assert limits.MAX_INVOKE_PAYLOAD_BYTES == limits.MAX_CALLBACK_RESULT_BYTES == 1_048_576
    assert limits.MAX_RESPONSE_BYTES == 6_291_456
    assert limits.MAX_DELAY_SECONDS == 366 * 24 * 60 * 60
    assert limits.MAX_CALLBACK_TIMEOUT_SECONDS == 99_999_999
