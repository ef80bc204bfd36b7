from __future__ import annotations

import re

import pytest

from durable_core._values import errors
from durable_core._values.errors import (
    CallbackError,
    CallbackTimeoutError,
    CheckpointError,
    DurableError,
    DurableOperationError,
    NonDeterministicExecutionError,
    PromiseError,
    SerDesError,
    StepError,
    StepInterruptedError,
    ValidationError,
    error_type_name,
    matches_error,
)


class OutOfStockError(Exception):
    class InnerError(Exception):
        pass


class SoldOutError(OutOfStockError):
    pass


MODULE = OutOfStockError.__module__


def test_builtins_are_recorded_by_name_and_others_with_their_module():
    assert error_type_name(KeyError) == "KeyError"
    assert error_type_name(OutOfStockError) == f"{MODULE}.OutOfStockError"
    assert error_type_name(OutOfStockError.InnerError) == f"{MODULE}.OutOfStockError.InnerError"


def test_a_cause_is_known_by_class_name_and_qualified_name():
    error = StepError("none left", error_type_name(OutOfStockError))
    assert error.is_caused_by(OutOfStockError)
    assert error.is_caused_by("OutOfStockError")
    assert error.is_caused_by(f"{MODULE}.OutOfStockError")
    assert not error.is_caused_by("Error")
    assert not error.is_caused_by(KeyError)


def test_a_builtin_cause_is_known_by_class_and_name():
    error = StepError("x", "KeyError")
    assert error.is_caused_by(KeyError)
    assert error.is_caused_by("KeyError")
    assert not error.is_caused_by(LookupError)


def test_a_subclass_is_another_cause():
    assert not StepError("x", error_type_name(SoldOutError)).is_caused_by(OutOfStockError)


def test_an_error_without_a_type_has_no_known_cause():
    assert not StepError("x").is_caused_by(Exception)
    assert not StepError("x").is_caused_by("Exception")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StepError("none left", "shop.OutOfStockError"), "shop.OutOfStockError: none left"),
        (StepError("none left"), "none left"),
        (StepError(None, "KeyError"), "KeyError"),
        (StepError(), "StepError"),
        (StepError("", ""), "StepError"),
    ],
)
def test_the_text_says_what_is_known(error, text):
    assert str(error) == text


def test_an_operation_error_carries_its_record():
    error = DurableOperationError(
        "m", "T", "d", ("line",), operation_id="1-2", operation_name="charge"
    )
    found = (error.message, error.error_type, error.data, error.stack_trace)
    assert found == ("m", "T", "d", ("line",))
    assert (error.operation_id, error.operation_name) == ("1-2", "charge")


@pytest.mark.parametrize(
    ("error_type", "is_heartbeat"), [("Callback.Heartbeat", True), ("Callback.Timeout", False)]
)
def test_a_callback_timeout_tells_whether_the_heartbeat_stayed_away(error_type, is_heartbeat):
    assert CallbackTimeoutError("late", error_type).heartbeat is is_heartbeat


def test_the_hierarchy_is_as_the_module_says():
    assert issubclass(StepInterruptedError, StepError)
    assert issubclass(CallbackTimeoutError, CallbackError)
    assert issubclass(ValidationError, ValueError)
    assert PromiseError("x").errors == ()
    public = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert all(issubclass(kind, DurableError) for kind in public if issubclass(kind, Exception))


def test_a_divergence_and_a_checkpoint_error_carry_their_data():
    assert NonDeterministicExecutionError("x", operation_id="3").operation_id == "3"
    error = CheckpointError("x", code="Throttled", is_retryable=True)
    assert (str(error), error.code, error.is_retryable) == ("x", "Throttled", True)


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [
        (OutOfStockError, True),
        (SoldOutError, True),
        (KeyError, False),
        ("item 5", True),
        ("item 6", False),
        (re.compile(r"item \d$"), True),
        (re.compile(r"^\d"), False),
    ],
)
def test_an_error_matches_by_class_text_or_pattern(pattern, is_match):
    assert matches_error(SoldOutError("no item 5"), pattern) is is_match


def test_a_recorded_error_matches_by_what_caused_it():
    error = StepError("none left", error_type_name(OutOfStockError))
    assert matches_error(error, OutOfStockError)
    assert matches_error(error, StepError)
    assert not matches_error(error, KeyError)


def test_errors_that_come_back_as_themselves_are_known_by_their_recorded_name():
    assert errors.RESTORED_BY_TYPE[error_type_name(SerDesError)] is SerDesError
    assert set(errors.RESTORED_BY_TYPE.values()) <= set(errors.UNRETRYABLE_ERRORS)
