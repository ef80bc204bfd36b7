"""The records' JSON form, both ways (service 1.0, 2, 3.0)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_core._protocol.records import (
    ErrorObject,
    InvocationInput,
    InvocationOutput,
    InvocationStatus,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
    StatePage,
)
from durable_core._protocol.wire import (
    error_from_wire,
    error_to_wire,
    invocation_from_wire,
    operation_from_wire,
    operation_to_wire,
    operations_from_wire,
    output_to_wire,
    page_from_wire,
    parse_timestamp,
    to_datetime,
    update_to_wire,
)

MOMENT_MS = 1_767_356_934_930
TEXT = st.text(max_size=20)
MAYBE_TEXT = st.none() | TEXT
STAMPS = st.integers(1_000_000_000_000, 4_000_000_000_000)
ERRORS = st.builds(
    ErrorObject,
    MAYBE_TEXT,
    MAYBE_TEXT,
    MAYBE_TEXT,
    st.none() | st.lists(TEXT, max_size=3).map(tuple),
)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Draw a record of any type, with the details that the type has."""
    kind = draw(st.sampled_from(OperationType))
    details: dict[str, Any] = {}
    if kind not in (OperationType.EXECUTION, OperationType.WAIT):
        details["result"] = draw(MAYBE_TEXT)
        details["error"] = draw(st.none() | ERRORS)
    match kind:
        case OperationType.EXECUTION:
            details["input_payload"] = draw(MAYBE_TEXT)
        case OperationType.STEP:
            details["attempt"] = draw(st.integers(0, 9))
            details["next_attempt_at_ms"] = draw(st.none() | STAMPS)
        case OperationType.WAIT:
            details["scheduled_end_ms"] = draw(st.none() | STAMPS)
        case OperationType.CALLBACK:
            details["callback_id"] = draw(MAYBE_TEXT)
        case OperationType.CONTEXT:
            details["replay_children"] = draw(st.booleans())
        case OperationType.CHAINED_INVOKE:
            pass
    return Operation(
        draw(TEXT),
        kind,
        draw(st.sampled_from(OperationStatus)),
        draw(STAMPS),
        draw(MAYBE_TEXT),
        draw(MAYBE_TEXT),
        draw(MAYBE_TEXT),
        draw(st.none() | STAMPS),
        **details,
    )


@given(operations(), st.booleans(), st.dictionaries(st.sampled_from(["New", "Other"]), TEXT))
def test_an_operation_comes_back_from_either_wire_form_whatever_members_are_new(
    operation: Operation,
    in_event: bool,  # noqa: FBT001
    unknown: dict[str, str],
) -> None:
    wire = json.loads(json.dumps(operation_to_wire(operation, in_event=in_event)))
    wire.update(unknown)
    for member in [key for key in wire if key.endswith("Details")]:
        wire[member].update(unknown)
    assert operation_from_wire(wire) == operation


def test_an_event_has_milliseconds_and_an_answer_seconds() -> None:
    operation = Operation(
        "1",
        OperationType.STEP,
        OperationStatus.PENDING,
        MOMENT_MS,
        "0",
        "charge",
        "Step",
        error=ErrorObject("m", "ValueError", "d", ("a", "b")),
        attempt=2,
        next_attempt_at_ms=MOMENT_MS + 5000,
    )
    assert operation_to_wire(operation, in_event=True) == {
        "Id": "1",
        "Type": "STEP",
        "Status": "PENDING",
        "StartTimestamp": 1_767_356_934_930,
        "ParentId": "0",
        "Name": "charge",
        "SubType": "Step",
        "StepDetails": {
            "Error": {
                "ErrorMessage": "m",
                "ErrorType": "ValueError",
                "ErrorData": "d",
                "StackTrace": ["a", "b"],
            },
            "Attempt": 2,
            "NextAttemptTimestamp": 1_767_356_939_930,
        },
    }
    answer = operation_to_wire(operation, in_event=False)
    assert answer["StartTimestamp"] == 1_767_356_934.93
    assert answer["StepDetails"]["NextAttemptTimestamp"] == 1_767_356_939.93


def test_a_record_without_details_has_none_on_the_wire() -> None:
    wait = Operation("1", OperationType.WAIT, OperationStatus.STARTED, MOMENT_MS)
    assert operation_to_wire(wait, in_event=True) == {
        "Id": "1",
        "Type": "WAIT",
        "Status": "STARTED",
        "StartTimestamp": MOMENT_MS,
    }
    for details in ({}, {"WaitDetails": None}, {"WaitDetails": {}}):
        wire = {"Id": "1", "Type": "WAIT", "Status": "STARTED", "StartTimestamp": MOMENT_MS}
        assert operation_from_wire(wire | details) == wait


def test_details_of_another_type_are_not_read() -> None:
    wire = {
        "Id": "1",
        "Type": "CONTEXT",
        "Status": "SUCCEEDED",
        "StartTimestamp": MOMENT_MS,
        "StepDetails": {"Result": "no", "Attempt": 3},
        "ContextDetails": {"Result": "yes", "ReplayChildren": "true"},
    }
    operation = operation_from_wire(wire)
    assert (operation.result, operation.attempt, operation.replay_children) == ("yes", 0, False)


EARLIER_S = 1_767_356_934.93


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (MOMENT_MS, MOMENT_MS),
        (float(MOMENT_MS) + 0.4, MOMENT_MS),
        (EARLIER_S, MOMENT_MS),
        (1_767_356_934, 1_767_356_934_000),
        (0, 0),
        (100_000_000_000, 100_000_000_000_000),
        (100_000_000_001, 100_000_000_001),
        ("2026-01-02T12:28:54.930Z", MOMENT_MS),
        ("2026-01-02T13:28:54.930+01:00", MOMENT_MS),
        ("2026-01-02T12:28:54.930", MOMENT_MS),
        ("2026-01-02 12:28:54.930000+00:00", MOMENT_MS),
        (datetime(2026, 1, 2, 12, 28, 54, 930_000, tzinfo=UTC), MOMENT_MS),
        (datetime(2026, 1, 2, 12, 28, 54, 930_999), MOMENT_MS),  # noqa: DTZ001  a naive one is UTC
        (datetime(2026, 1, 2, 7, 28, 54, 930_000, timezone(timedelta(hours=-5))), MOMENT_MS),
    ],
)
def test_a_timestamp_is_read_from_every_form_of_the_wire(value: Any, expected: int | None) -> None:
    assert parse_timestamp(value) == expected


@given(st.integers(0, 4_000_000_000_000))
def test_seconds_with_a_fraction_keep_every_millisecond(milliseconds: int) -> None:
    assert parse_timestamp(milliseconds / 1000) == milliseconds
    assert parse_timestamp(to_datetime(milliseconds)) == milliseconds


def test_timestamps_in_seconds_are_read_in_the_fields_of_an_operation() -> None:
    wire = {
        "Id": "1",
        "Type": "STEP",
        "Status": "READY",
        "StartTimestamp": 1_767_356_934,
        "EndTimestamp": 1_767_356_935,
    }
    operation = operation_from_wire(wire)
    assert (operation.started_at_ms, operation.ended_at_ms) == (
        1_767_356_934_000,
        1_767_356_935_000,
    )
    assert operation_from_wire(wire | {"StartTimestamp": None}).started_at_ms == 0


@given(ERRORS)
def test_an_error_comes_back_and_absent_fields_stay_absent(error: ErrorObject) -> None:
    wire = error_to_wire(error)
    assert None not in wire.values()
    assert error_from_wire({**wire, "New": 1}) == error


def test_no_error_stays_none() -> None:
    assert error_from_wire(None) is None
    assert error_to_wire(ErrorObject()) == {}


def test_a_list_of_operations_keeps_its_order() -> None:
    wires: list[Any] = [
        {"Id": key, "Type": "CONTEXT", "Status": "STARTED", "StartTimestamp": MOMENT_MS}
        for key in "cab"
    ]
    assert [operation.id for operation in operations_from_wire(wires)] == ["c", "a", "b"]
    assert operations_from_wire(None) == operations_from_wire([]) == ()


IDENTITY = {"Id": "1", "ParentId": "0", "Name": "n", "SubType": "S"}


@pytest.mark.parametrize(
    ("fields", "wire"),
    [
        ({"payload": ""}, {"Payload": ""}),
        ({"error": ErrorObject("m")}, {"Error": {"ErrorMessage": "m"}}),
        ({"replay_children": True}, {"ContextOptions": {"ReplayChildren": True}}),
        ({"next_attempt_delay_seconds": 5}, {"StepOptions": {"NextAttemptDelaySeconds": 5}}),
        ({"wait_seconds": 1}, {"WaitOptions": {"WaitSeconds": 1}}),
        ({"timeout_seconds": 0}, {"CallbackOptions": {"TimeoutSeconds": 0}}),
        (
            {"timeout_seconds": 9, "heartbeat_timeout_seconds": 3},
            {"CallbackOptions": {"TimeoutSeconds": 9, "HeartbeatTimeoutSeconds": 3}},
        ),
        ({"function_name": "f"}, {"ChainedInvokeOptions": {"FunctionName": "f"}}),
        (
            {"function_name": "f", "tenant_id": "t", "trace_header": "Root=1"},
            {
                "ChainedInvokeOptions": {
                    "FunctionName": "f",
                    "TenantId": "t",
                    "XAmznTraceId": "Root=1",
                }
            },
        ),
        ({}, {}),
    ],
)
def test_an_update_is_written_with_what_it_has(fields: dict[str, Any], wire: Any) -> None:
    update = OperationUpdate(
        "1", OperationType.STEP, OperationAction.RETRY, "0", "n", "S", **fields
    )
    assert update_to_wire(update) == {**IDENTITY, "Type": "STEP", "Action": "RETRY", **wire}


def test_an_update_without_identity_leaves_it_out() -> None:
    update = OperationUpdate("1", OperationType.WAIT, OperationAction.CANCEL)
    assert update_to_wire(update) == {"Id": "1", "Type": "WAIT", "Action": "CANCEL"}


def test_an_empty_marker_means_no_more_pages() -> None:
    for marker in ({}, {"NextMarker": None}, {"NextMarker": ""}):
        assert page_from_wire(marker) == StatePage(())
    assert page_from_wire({"Operations": [], "NextMarker": "m"}) == StatePage((), "m")


EXECUTION = {
    "Id": "e",
    "Name": "order-1",
    "Type": "EXECUTION",
    "Status": "STARTED",
    "StartTimestamp": MOMENT_MS,
    "ExecutionDetails": {"InputPayload": '{"k":1}'},
}


def test_an_invocation_event_is_read_whole() -> None:
    event = {
        "DurableExecutionArn": "arn",
        "CheckpointToken": "token",
        "InitialExecutionState": {"Operations": [EXECUTION], "NextMarker": "next"},
        "UpdatedOperationIds": ["e"],
        "LocalRunner": True,
    }
    assert invocation_from_wire(event) == InvocationInput(
        "arn",
        "token",
        (
            Operation(
                "e",
                OperationType.EXECUTION,
                OperationStatus.STARTED,
                MOMENT_MS,
                name="order-1",
                input_payload='{"k":1}',
            ),
        ),
        "next",
        frozenset({"e"}),
    )


@pytest.mark.parametrize("state", [{}, {"InitialExecutionState": None}])
def test_an_event_may_lack_its_state_and_what_changed(state: dict[str, Any]) -> None:
    event = {"DurableExecutionArn": "arn", "CheckpointToken": "token", **state}
    assert invocation_from_wire(event) == InvocationInput("arn", "token", ())


@pytest.mark.parametrize(
    ("output", "wire"),
    [
        (InvocationOutput(InvocationStatus.PENDING), {"Status": "PENDING"}),
        (
            InvocationOutput(InvocationStatus.SUCCEEDED, ""),
            {"Status": "SUCCEEDED", "Result": ""},
        ),
        (
            InvocationOutput(InvocationStatus.FAILED, error=ErrorObject(type="E")),
            {"Status": "FAILED", "Error": {"ErrorType": "E"}},
        ),
    ],
)
def test_an_output_is_written_with_what_it_has(output: InvocationOutput, wire: Any) -> None:
    assert output_to_wire(output) == wire
