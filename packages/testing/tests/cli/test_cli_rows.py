"""Operations and spans in words."""

import pytest
from rich.console import Console

from durable_core.lowlevel import (
    ErrorObject,
    ExecutionStatus,
    Operation,
    OperationStatus,
    OperationType,
)
from durable_testing.cli.durations import countdown, in_words
from durable_testing.cli.rows import error_line, row_of
from durable_testing.cli.tree import TreeView
from durable_testing.model import ExecutionDescription

STEP, WAIT, CONTEXT = OperationType.STEP, OperationType.WAIT, OperationType.CONTEXT
STARTED, SUCCEEDED = OperationStatus.STARTED, OperationStatus.SUCCEEDED


def test_spans_are_told_in_two_units_at_most():
    spans = (0, 120, 5300, 60_000, 123_000, 3_600_000, 273_600_000)
    words = ["0 ms", "120 ms", "5.3 s", "1 m 0 s", "2 m 3 s", "1 h 0 m", "3 d 4 h"]
    assert [in_words(span) for span in spans] == words


def test_countdowns_are_whole_seconds_rounded_up():
    assert [countdown(span) for span in (-5, 0, 1, 1000, 1001, 61_000)] == [
        "0 s",
        "0 s",
        "1 s",
        "1 s",
        "2 s",
        "1 m 1 s",
    ]


@pytest.mark.parametrize(
    ("operation", "notes"),
    [
        (Operation("1", STEP, STARTED, 0, attempt=1), ("attempt 2",)),
        (Operation("1", STEP, SUCCEEDED, 0, attempt=1), ()),
        (Operation("1", STEP, SUCCEEDED, 0, attempt=3), ("3 attempts",)),
        (
            Operation(
                "1",
                STEP,
                OperationStatus.PENDING,
                0,
                attempt=1,
                next_attempt_at_ms=5000,
                error=ErrorObject("no", "m.Bad"),
            ),
            ("attempt 2 in 3 s", "Bad: no"),
        ),
        (Operation("1", STEP, OperationStatus.READY, 0, attempt=1), ("attempt 2 is due",)),
        (Operation("1", WAIT, STARTED, 0, scheduled_end_ms=12_000), ("10 s left",)),
        (Operation("1", WAIT, SUCCEEDED, 0, ended_at_ms=12_000), ()),
        (Operation("1", CONTEXT, STARTED, 0), ()),
    ],
)
def test_a_row_says_where_an_operation_stands(operation, notes):
    assert row_of(operation, 2000).notes == notes


def test_errors_are_told_in_one_line():
    assert error_line(ErrorObject("two\nlines", "pkg.Kind")) == "Kind: two"
    assert error_line(ErrorObject()) == "an error without a message"


def drawn(operations, *, is_whole):
    description = ExecutionDescription(
        "arn", "big", "f", "f", "1", ExecutionStatus.RUNNING, 0, None, None, None, None, None,
        1, 1, None, None, 2, 1, 1,
    )  # fmt: skip
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(TreeView(is_whole=is_whole).draw(description, operations, 1000))
    return console.export_text().splitlines()


def test_of_many_operations_the_telling_ones_are_drawn():
    operations = [
        Operation(str(number), STEP, SUCCEEDED, 0, name=f"step-{number}", ended_at_ms=1)
        for number in range(100)
    ]
    operations[7] = operations[7]._replace(status=OperationStatus.FAILED)
    head, *lines = drawn(operations, is_whole=False)
    assert head == "▸ big  running  1.0 s  2 invocations"
    assert "step-7 " in lines[0]
    assert "step-99" in lines[-2]
    assert lines[-1] == "└── … 80 more: 80 ✓"
    assert len(drawn(operations, is_whole=True)) == 101
