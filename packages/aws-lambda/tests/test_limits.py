from __future__ import annotations

import pytest

from durable_aws_lambda.limits import Totals
from durable_core.lowlevel import (
    CheckpointError,
    ErrorObject,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)


def start(number, **fields):
    return OperationUpdate(
        f"id{number}", OperationType.STEP, OperationAction.START, subtype="Step", **fields
    )


def succeed(number, payload):
    return start(number)._replace(action=OperationAction.SUCCEED, payload=payload)


def record(number, result=None):
    return Operation(f"id{number}", OperationType.STEP, OperationStatus.SUCCEEDED, 1, result=result)


@pytest.fixture
def warnings():
    return []


def totals(warnings, **limits):
    return Totals(warn=warnings.append, **limits)


def test_one_operation_too_many_is_named_before_it_is_sent(warnings):
    counted = totals(warnings, max_operations=3)
    counted.add_records([record(1), record(2)])
    counted.add_updates([start(3)])
    with pytest.raises(CheckpointError, match=r"Step 'charge' \(id4\).* 4 operations; .* 3\. Do"):
        counted.add_updates([start(4, name="charge")])


def test_the_error_ends_the_execution(warnings):
    with pytest.raises(CheckpointError) as caught:
        totals(warnings, max_operations=0).add_updates([start(1)])
    assert not caught.value.is_retryable
    assert caught.value.code == "ExecutionLimitExceeded"


def test_an_operation_counts_once_however_often_it_is_updated_or_reported(warnings):
    counted = totals(warnings, max_operations=1, max_bytes=8)
    counted.add_updates([start(1), succeed(1, "1234")])
    counted.add_records([record(1, "1234"), record(1, "1234")])
    counted.add_updates([succeed(1, "5678")])


def test_the_execution_itself_is_not_one_of_the_new_operations(warnings):
    counted = totals(warnings, max_operations=1)
    counted.add_records([record(1)])
    counted.add_updates(
        [OperationUpdate("execution-result-1", OperationType.EXECUTION, OperationAction.SUCCEED)]
    )


def test_bytes_are_those_of_utf8(warnings):
    counted = totals(warnings, max_bytes=6)
    with pytest.raises(CheckpointError, match=r"7 bytes; .*FileSystemSerDes"):
        counted.add_updates([succeed(1, "äöü"), succeed(2, "x")])


def test_errors_count_with_all_their_texts(warnings):
    counted = totals(warnings, max_bytes=9)
    error = ErrorObject("1", "22", "333", ("4444",))
    with pytest.raises(CheckpointError, match="10 bytes"):
        counted.add_updates([start(1, error=error)])


def test_a_warning_comes_at_80_percent_and_once_a_limit(warnings):
    counted = totals(warnings, max_operations=10, max_bytes=100)
    counted.add_records([record(number) for number in range(7)])
    counted.add_updates([start(7, name="eighth")])
    assert len(warnings) == 1
    assert "8 of at most 10 operations, as of operation Step 'eighth' (id7)" in warnings[0]
    counted.add_updates([start(8), succeed(8, "x" * 80)])
    assert len(warnings) == 2
    assert "80 of at most 100 bytes" in warnings[1]


def test_the_input_counts_too(warnings):
    counted = totals(warnings, max_bytes=5)
    counted.add_records([record(1)._replace(input_payload="12345")])
    with pytest.raises(CheckpointError):
        counted.add_updates([succeed(2, "6")])
