from __future__ import annotations

import pytest

from durable_core.lowlevel import ErrorObject, OperationAction, OperationType, OperationUpdate
from durable_testing.model import EventType, HistoryQuery, ServiceError, event_to_wire

ERROR = ErrorObject("no", "ValueError", "data", ("at 1", "at 2"))
WIRE_ERROR = {
    "ErrorMessage": "no",
    "ErrorType": "ValueError",
    "ErrorData": "data",
    "StackTrace": ["at 1", "at 2"],
}


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


def given(payload):
    return {"Payload": payload, "Truncated": False}


def last(stage):
    event = stage.model.history(stage.arn)[-1]
    return event.type, event.details


def tell_everything(stage):
    """An execution with most kinds of event in it."""
    stage.run(
        up("c", "CONTEXT", "START", name="group", subtype="Map"),
        up("s", "STEP", "START", parent_id="c", name="load", subtype="Step"),
        up("s", "STEP", "RETRY", error=ERROR, next_attempt_delay_seconds=3),
        up("b", "CALLBACK", "START", timeout_seconds=60, heartbeat_timeout_seconds=50),
    )
    stage.suspend()
    stage.advance(4)
    stage.begin()
    stage.send(up("s", "STEP", "START"), up("s", "STEP", "SUCCEED", payload="1"))
    stage.send(up("c", "CONTEXT", "SUCCEED", payload="[1]"))
    stage.model.callback_fail(stage.record("b").callback_id, ERROR, stage.now)
    stage.end({"Status": "FAILED", "Error": WIRE_ERROR})


def test_events_stand_in_the_order_in_which_they_happened(stage):
    tell_everything(stage)
    events = stage.model.history(stage.arn)
    assert [event.type for event in events] == [
        "ExecutionStarted",
        "ContextStarted",
        "StepStarted",
        "StepFailed",
        "CallbackStarted",
        "InvocationCompleted",
        "StepStarted",
        "StepSucceeded",
        "ContextSucceeded",
        "CallbackFailed",
        "InvocationCompleted",
        "ExecutionFailed",
    ]
    assert [event.id for event in events] == list(range(1, 13))
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)


def test_the_typical_run_of_a_step_and_a_wait(stage):
    stage.run(
        up("1", "STEP", "START"),
        up("1", "STEP", "SUCCEED"),
        up("2", "WAIT", "START", wait_seconds=5),
    )
    stage.suspend()
    stage.advance(6)
    stage.begin()
    stage.end({"Status": "SUCCEEDED", "Result": "1"})
    assert stage.events() == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


@pytest.mark.parametrize(
    ("update", "kind", "details"),
    [
        (up("1", "CONTEXT", "START"), EventType.CONTEXT_STARTED, {}),
        (up("c", "CONTEXT", "SUCCEED", payload="1"), "ContextSucceeded", {"Result": given("1")}),
        (up("c", "CONTEXT", "SUCCEED"), "ContextSucceeded", {"Result": {"Truncated": False}}),
        (up("c", "CONTEXT", "FAIL", error=ERROR), "ContextFailed", {"Error": given(WIRE_ERROR)}),
        (up("c", "CONTEXT", "FAIL"), "ContextFailed", {"Error": given({})}),
        (up("1", "STEP", "START"), "StepStarted", {}),
        (
            up("1", "STEP", "SUCCEED", payload="1"),
            "StepSucceeded",
            {"Result": given("1"), "RetryDetails": {"CurrentAttempt": 1}},
        ),
        (
            up("1", "STEP", "FAIL", error=ERROR),
            "StepFailed",
            {"Error": given(WIRE_ERROR), "RetryDetails": {"CurrentAttempt": 1}},
        ),
        (
            up("1", "STEP", "RETRY", error=ERROR, next_attempt_delay_seconds=3),
            "StepFailed",
            {
                "Error": given(WIRE_ERROR),
                "RetryDetails": {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 3},
            },
        ),
        (
            up("1", "STEP", "RETRY", payload="1", next_attempt_delay_seconds=3),
            "StepSucceeded",
            {
                "Result": given("1"),
                "RetryDetails": {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 3},
            },
        ),
        (up("w", "WAIT", "CANCEL"), "WaitCancelled", {}),
    ],
)
def test_each_update_writes_its_event(stage, update, kind, details):
    stage.run(up("c", "CONTEXT", "START"), up("w", "WAIT", "START", wait_seconds=99))
    stage.send(update)
    assert last(stage) == (kind, details)


def test_started_waits_and_callbacks_say_until_when(stage):
    stage.run(up("w", "WAIT", "START", wait_seconds=5))
    assert last(stage) == (
        "WaitStarted",
        {"Duration": 5, "ScheduledEndTimestamp": stage.record("w").started_at_ms + 5000},
    )
    stage.send(up("b", "CALLBACK", "START", timeout_seconds=60, heartbeat_timeout_seconds=50))
    callback_id = stage.record("b").callback_id
    assert last(stage) == (
        "CallbackStarted",
        {"CallbackId": callback_id, "Timeout": 60, "HeartbeatTimeout": 50},
    )
    stage.send(up("b2", "CALLBACK", "START"))
    assert last(stage)[1].keys() == {"CallbackId"}


def test_an_event_on_the_wire_has_seconds_or_milliseconds(stage):
    stage.run(up("w", "WAIT", "START", name="nap", subtype="Wait", wait_seconds=5))
    event = stage.model.history(stage.arn)[-1]
    wire = event_to_wire(event, include_data=True)
    assert wire == {
        "EventId": 2,
        "EventType": "WaitStarted",
        "EventTimestamp": event.at_ms / 1000,
        "Id": "w",
        "Name": "nap",
        "SubType": "Wait",
        "WaitStartedDetails": {
            "Duration": 5,
            "ScheduledEndTimestamp": event.details["ScheduledEndTimestamp"] / 1000,
        },
    }
    millis = event_to_wire(event, include_data=True, stamp=int)
    assert millis["EventTimestamp"] == event.at_ms
    assert isinstance(millis["WaitStartedDetails"]["ScheduledEndTimestamp"], int)


def test_an_invocation_completed_has_times_and_a_request_id_but_no_operation(stage):
    stage.run()
    began = stage.now
    stage.now += 50
    stage.end({"Status": "FAILED", "Error": WIRE_ERROR})
    event = stage.model.history(stage.arn)[-2]
    wire = event_to_wire(event, include_data=True)
    assert wire.keys() == {
        "EventId",
        "EventType",
        "EventTimestamp",
        "InvocationCompletedDetails",
    }
    assert wire["InvocationCompletedDetails"] == {
        "StartTimestamp": began / 1000,
        "EndTimestamp": (began + 50) / 1000,
        "RequestId": stage.invocation,
        "Error": given(WIRE_ERROR),
    }


def test_without_data_payloads_are_cut_and_the_rest_remains(stage):
    tell_everything(stage)
    cut = [event_to_wire(e, include_data=False) for e in stage.model.history(stage.arn)]
    full = [event_to_wire(e, include_data=True) for e in stage.model.history(stage.arn)]
    for without, with_data in zip(cut, full, strict=True):
        kind = without["EventType"]
        assert without.keys() == with_data.keys()
        details = without[f"{kind}Details"]
        for key, value in with_data[f"{kind}Details"].items():
            is_data = key in ("Input", "Result", "Error")
            assert details[key] == ({"Truncated": True} if is_data else value)
    assert '"Payload"' not in repr(cut)


def test_the_events_of_the_execution_carry_its_id_and_name(stage):
    tell_everything(stage)
    first, *_, final = stage.model.history(stage.arn)
    assert (first.operation_id, first.name) == (final.operation_id, final.name)
    assert (final.operation_id, final.name) == (stage.arn.rsplit("/", 1)[1], "run")


def pages(stage, **query):
    marker, found = None, []
    while True:
        page = stage.model.get_history(stage.arn, HistoryQuery(marker=marker, **query))
        found.append([event.id for event in page.events])
        if (marker := page.next_marker) is None:
            return found


def test_history_comes_in_pages_in_either_direction(stage):
    tell_everything(stage)
    assert pages(stage, max_items=5) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12]]
    assert pages(stage, max_items=5, newest_first=True) == [
        [12, 11, 10, 9, 8],
        [7, 6, 5, 4, 3],
        [2, 1],
    ]
    assert pages(stage, max_items=12) == [list(range(1, 13))]
    assert pages(stage, max_items=6) == [list(range(1, 7)), list(range(7, 13))]
    assert pages(stage) == pages(stage, max_items=0) == [list(range(1, 13))]


def test_events_between_two_pages_shift_nothing(stage):
    stage.run(*(up(f"{n}", "CONTEXT", "START") for n in range(5)))
    first = stage.model.get_history(stage.arn, HistoryQuery(newest_first=True, max_items=2))
    stage.send(up("9", "CONTEXT", "START"))
    second = stage.model.get_history(
        stage.arn, HistoryQuery(newest_first=True, max_items=9, marker=first.next_marker)
    )
    assert [event.id for event in (*first.events, *second.events)] == [6, 5, 4, 3, 2, 1]


def test_a_marker_goes_on_in_its_direction_only(stage):
    tell_everything(stage)
    marker = stage.model.get_history(stage.arn, HistoryQuery(max_items=5)).next_marker
    for query in (
        HistoryQuery(marker=marker, newest_first=True),
        HistoryQuery(marker="nonsense"),
        HistoryQuery(marker="!"),
    ):
        with pytest.raises(ServiceError, match="InvalidParameterValueException: Invalid Marker"):
            stage.model.get_history(stage.arn, query)


@pytest.mark.parametrize("max_items", [-1, 1001])
def test_the_size_of_a_page_has_its_bounds(stage, max_items):
    stage.run()
    with pytest.raises(ServiceError, match="'maxItems'"):
        stage.model.get_history(stage.arn, HistoryQuery(max_items=max_items))
    with pytest.raises(ServiceError, match="'maxItems'"):
        stage.model.get_state(stage.arn, stage.token, stage.now, max_items=max_items)
