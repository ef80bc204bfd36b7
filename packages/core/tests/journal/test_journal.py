"""Look-ups and claims of recorded operations."""

from __future__ import annotations

import pytest

from durable_core._journal.divergence import describe, mismatch, unclaimed
from durable_core._journal.journal import DEADLINE_SUBTYPE, Journal, is_settled
from durable_core._protocol.records import (
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)

EXECUTION = Operation("e", OperationType.EXECUTION, OperationStatus.STARTED, 1)


def record(
    key: str,
    parent: str | None = None,
    *,
    name: str | None = None,
    status: OperationStatus = OperationStatus.SUCCEEDED,
    subtype: str = "Step",
    kind: OperationType = OperationType.STEP,
) -> Operation:
    return Operation(key, kind, status, 1, parent, name, subtype)


def called(
    kind: OperationType, parent: str | None, name: str | None, subtype: str
) -> OperationUpdate:
    return OperationUpdate("a", kind, OperationAction.START, parent, name, subtype)


def test_the_execution_is_found_wherever_it_stands_and_is_no_record() -> None:
    journal = Journal([record("a"), EXECUTION, record("b")])
    assert journal.execution == EXECUTION
    assert list(journal.records) == ["a", "b"]
    assert journal.unclaimed(None) == 2


def test_a_journal_may_be_empty() -> None:
    journal = Journal([])
    assert journal.execution is None
    assert journal.claim("a") is None
    assert journal.unclaimed(None) == 0


def test_a_claim_is_counted_where_its_record_hangs() -> None:
    journal = Journal([EXECUTION, record("a"), record("b"), record("c", "a")])
    assert journal.unclaimed(None) == 2
    assert journal.unclaimed("a") == 1
    assert journal.claim("c") == record("c", "a")
    assert journal.claim("a") == record("a")
    assert (journal.unclaimed(None), journal.unclaimed("a")) == (1, 0)
    assert journal.claimed_ids == {"a", "c"}


def test_a_claim_without_a_record_counts_nothing() -> None:
    journal = Journal([EXECUTION, record("a")])
    assert journal.claim("new") is None
    assert journal.unclaimed(None) == 1
    assert journal.claimed_ids == set()


def test_a_reported_record_is_found_but_was_not_loaded() -> None:
    journal = Journal([EXECUTION])
    journal.report(record("a", "p"))
    assert journal.unclaimed("p") == 0
    assert journal.claim("a") == record("a", "p")


def test_a_wait_of_the_host_need_not_be_claimed() -> None:
    journal = Journal(
        [EXECUTION, record("d", subtype=DEADLINE_SUBTYPE, kind=OperationType.WAIT), record("a")]
    )
    assert journal.unclaimed(None) == 1
    journal.claim("a")
    assert journal.unclaimed(None) == 0


def test_start_order_is_that_of_the_records() -> None:
    journal = Journal([record("b"), EXECUTION, record("a")])
    assert (journal.sequence("b"), journal.sequence("a")) == (0, 1)


@pytest.mark.parametrize("status", OperationStatus)
def test_a_record_is_settled_exactly_when_its_status_is_terminal(status: OperationStatus) -> None:
    assert is_settled(record("a", status=status)) is record("a", status=status).is_terminal


# Divergence


def test_an_operation_is_described_by_its_subtype_and_name() -> None:
    assert describe("STEP", "Step", "charge") == "Step 'charge'"
    assert describe("WAIT", None, None) == "WAIT (unnamed)"


def test_a_mismatch_says_what_was_expected_found_where_and_what_to_do() -> None:
    error = mismatch(
        record("a", name="charge"),
        called(OperationType.WAIT, None, "cool-off", "Wait"),
        "3",
        "orders.py:41",
    )
    assert error.operation_id == "a"
    assert str(error) == (
        "at operation '3': the journal has Step 'charge', the code called Wait 'cool-off' "
        "(orders.py:41): type 'STEP' became 'WAIT', subtype 'Step' became 'Wait', "
        "name 'charge' became 'cool-off'.\n"
        "  3\n"
        "  ├─ recorded  Step 'charge'  SUCCEEDED\n"
        "  └─ called    Wait 'cool-off'  at orders.py:41\n"
        "Code that executions in flight still replay must ask for the same operations in the same "
        "order: undo the change, or let them finish on the version they started on (publish a "
        "version and an alias), or branch on something recorded. "
        "This execution has ended with this error: start another once the code fits."
    )


def test_a_mismatch_of_the_parent_alone_is_told() -> None:
    error = mismatch(
        record("a", "p", name="n"), called(OperationType.STEP, "q", "n", "Step"), "1", "x.py:1"
    )
    assert "(x.py:1): parent 'p' became 'q'.\n" in str(error)


def test_unclaimed_records_are_listed_with_their_context() -> None:
    journal = Journal([EXECUTION, record("a"), record("b", name="late"), record("c", "a")])
    journal.claim("a")
    error = unclaimed(journal, None, "the handler", "returned")
    assert error.operation_id == "b"
    assert str(error).startswith(
        "the handler returned, but 1 recorded operation(s) in it were never asked for by this "
        "replay.\n"
        "  the handler\n"
        "  ├─ recorded, not called  Step 'late'  SUCCEEDED\n"
        "  └─ returned\n"
        "Code that executions"
    )


def test_a_long_list_of_unclaimed_records_is_cut() -> None:
    journal = Journal([EXECUTION, *(record(str(number)) for number in range(11))])
    message = str(unclaimed(journal, None, "the handler", "returned"))
    assert message.count("recorded, not called") == 8
    assert "but 11 recorded operation(s)" in message
    assert "  ├─ … and 3 more\n" in message


def test_an_empty_list_of_unclaimed_records_names_no_operation() -> None:
    assert unclaimed(Journal([]), None, "the handler", "returned").operation_id is None
