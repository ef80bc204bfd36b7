"""The table of transitions is the one of the service (service 3.2-3.7, 10.2), and nothing else."""

from __future__ import annotations

from itertools import product

import pytest

from durable_core._protocol.records import (
    TERMINAL_STATUSES,
    OperationAction,
    OperationStatus,
    OperationType,
)
from durable_core._protocol.transitions import LEGAL_ACTIONS, Event, Trigger, next_status
from durable_core._values.errors import IllegalTransitionError

ABSENT = None
SERVICE = """
EXECUTION STARTED SUCCEED SUCCEEDED
EXECUTION STARTED FAIL FAILED
CONTEXT - START STARTED
CONTEXT STARTED SUCCEED SUCCEEDED
CONTEXT STARTED FAIL FAILED
STEP - START STARTED
STEP - SUCCEED SUCCEEDED
STEP - FAIL FAILED
STEP - RETRY PENDING
STEP STARTED SUCCEED SUCCEEDED
STEP STARTED FAIL FAILED
STEP STARTED RETRY PENDING
STEP PENDING DUE READY
STEP READY START STARTED
STEP READY SUCCEED SUCCEEDED
STEP READY FAIL FAILED
STEP READY RETRY PENDING
WAIT - START STARTED
WAIT STARTED DUE SUCCEEDED
WAIT STARTED CANCEL CANCELLED
CALLBACK - START STARTED
CALLBACK STARTED COMPLETE SUCCEEDED
CALLBACK STARTED FAIL_BY_WORLD FAILED
CALLBACK STARTED TIME_OUT TIMED_OUT
CALLBACK STARTED HEARTBEAT STARTED
CHAINED_INVOKE - START STARTED
CHAINED_INVOKE - FAIL_BY_WORLD FAILED
CHAINED_INVOKE STARTED COMPLETE SUCCEEDED
CHAINED_INVOKE STARTED FAIL_BY_WORLD FAILED
CHAINED_INVOKE STARTED TIME_OUT TIMED_OUT
CHAINED_INVOKE STARTED STOP STOPPED
"""
EXPECTED = {
    (kind, None if status == "-" else status, trigger): after
    for kind, status, trigger, after in (line.split() for line in SERVICE.split("\n") if line)
}
TRIGGERS: tuple[Trigger, ...] = (*OperationAction, *Event)
STATUSES = (ABSENT, *OperationStatus)


@pytest.mark.parametrize("kind", OperationType)
def test_every_move_of_a_type_is_the_services_and_every_other_is_refused(
    kind: OperationType,
) -> None:
    for status, trigger in product(STATUSES, TRIGGERS):
        after = EXPECTED.get((kind, status, trigger))
        if after is None:
            with pytest.raises(IllegalTransitionError):
                next_status(kind, status, trigger)
        else:
            assert next_status(kind, status, trigger) is OperationStatus(after)


def test_a_refusal_names_the_type_the_status_and_the_action() -> None:
    with pytest.raises(IllegalTransitionError) as refused:
        next_status(OperationType.WAIT, OperationStatus.SUCCEEDED, OperationAction.CANCEL)
    assert str(refused.value) == "CANCEL is not legal for a WAIT that is SUCCEEDED"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    with pytest.raises(IllegalTransitionError, match="START is not legal for a EXECUTION that is"):
        next_status(OperationType.EXECUTION, ABSENT, OperationAction.START)


def test_an_action_and_an_event_of_the_same_word_are_different_triggers() -> None:
    with pytest.raises(IllegalTransitionError):
        next_status(OperationType.CALLBACK, OperationStatus.STARTED, OperationAction.FAIL)
    with pytest.raises(IllegalTransitionError):
        next_status(OperationType.STEP, OperationStatus.STARTED, Event.FAIL)


def test_nothing_leaves_a_terminal_status() -> None:
    assert {"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"} == TERMINAL_STATUSES
    for kind, status, trigger in product(OperationType, TERMINAL_STATUSES, TRIGGERS):
        with pytest.raises(IllegalTransitionError):
            next_status(kind, status, trigger)


def test_the_actions_that_a_type_knows_at_all() -> None:
    assert dict(LEGAL_ACTIONS) == {
        "EXECUTION": {"SUCCEED", "FAIL"},
        "CONTEXT": {"START", "SUCCEED", "FAIL"},
        "STEP": {"START", "SUCCEED", "FAIL", "RETRY"},
        "WAIT": {"START", "CANCEL"},
        "CALLBACK": {"START"},
        "CHAINED_INVOKE": {"START"},
    }
