"""Exceptions to records: cut to fit, without the package's own frames."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_core import StepError
from durable_core._engine.failures import error_object, restored, stack_lines
from durable_core._protocol.limits import MAX_ERROR_BYTES
from durable_core._protocol.records import ErrorObject
from durable_core._protocol.wire import error_to_wire


class Told(Exception):  # noqa: N818
    """An error of a user."""


def raised(error: BaseException, depth: int = 0) -> BaseException:
    def deeper(left: int) -> None:
        if left:
            deeper(left - 1)
        raise error

    try:
        deeper(depth)
    except type(error) as caught:
        return caught
    raise AssertionError


def wire_size(error: ErrorObject) -> int:
    return len(json.dumps(error_to_wire(error), ensure_ascii=False).encode())


def test_an_exception_is_recorded_with_class_message_and_stack() -> None:
    record = error_object(raised(Told("what")))
    assert (record.message, record.type, record.data) == ("what", f"{__name__}.Told", None)
    assert record.stack_trace is not None
    assert any("raise error" in line for line in record.stack_trace)
    assert not any("\n" in line for line in record.stack_trace)


def test_an_error_of_a_builtin_class_has_its_bare_name_and_may_lack_a_stack() -> None:
    assert error_object(KeyError("k")) == ErrorObject("'k'", "KeyError")
    assert stack_lines(KeyError("k")) is None


def test_an_operations_error_keeps_what_it_was_recorded_with() -> None:
    error = StepError("m", "T", "d", ("line",))
    assert error_object(raised(error)) == ErrorObject("m", "T", "d", ("line",))
    bare = error_object(StepError("m"))
    assert (bare.message, bare.type) == ("m", "durable_core.StepError")


@given(
    st.text('ab"\\é😀\n\0\x1b', max_size=30),
    st.integers(0, 20_000),
    st.integers(0, 20_000),
    st.integers(2_000, MAX_ERROR_BYTES),
)
def test_a_recorded_error_fits_its_limit(text: str, times: int, more: int, limit: int) -> None:
    error = StepError(text * times, "T", text * more, tuple([text * 10] * 50))
    assert wire_size(error_object(error, limit)) <= limit


@pytest.mark.parametrize("control", ["\0", "\x1b", "\n", '"'])
def test_a_message_of_what_json_escapes_is_cut_by_its_escaped_size(control: str) -> None:
    error = StepError(control * 300_000, "T", control * 300_000, (control * 5_000,) * 20)
    record = error_object(error)
    assert wire_size(record) <= MAX_ERROR_BYTES
    assert record.message is not None
    assert record.message.endswith(control + " … (cut)")
    assert record.stack_trace is not None


def test_a_long_message_is_cut_and_says_so() -> None:
    record = error_object(raised(ValueError("é" * 300_000)))
    assert record.message is not None
    assert record.message.endswith(" … (cut)")
    assert set(record.message.removesuffix(" … (cut)")) == {"é"}
    assert record.stack_trace is not None


def test_of_a_long_stack_the_innermost_frames_are_kept() -> None:
    error = StepError("m", "T", None, tuple(f"{n:05}" + "x" * 1000 for n in range(1000)))
    stack = error_object(error).stack_trace
    assert stack is not None
    assert 10 < len(stack) < 1000
    assert stack[-1].startswith("00999")


def test_a_stack_of_which_nothing_fits_is_left_out() -> None:
    error = StepError("m", "T", None, ("x" * MAX_ERROR_BYTES,))
    assert error_object(error).stack_trace is None


def test_an_operation_without_a_recorded_error_raises_all_the_same(bench: Any) -> None:
    class Operation:
        operation_id = "1"
        name = "n"

    error: Any = restored(StepError, None, Operation())  # type: ignore[arg-type]
    assert (type(error), error.message, error.operation_id) == (StepError, None, "1")
    assert str(error) == "StepError"
