from __future__ import annotations

import pytest

from durable_aws_lambda.events import REQUIRED_KEYS, read_context, read_event
from durable_core import ValidationError

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/e-1/i-1"


def event(**members):
    return {
        "DurableExecutionArn": ARN,
        "CheckpointToken": "dG9rZW4=",
        "InitialExecutionState": {"Operations": [execution()], "NextMarker": ""},
    } | members


def execution(**members):
    return {
        "Id": "i-1",
        "Name": "e-1",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "StartTimestamp": 1767356934930,
        "ExecutionDetails": {"InputPayload": '{"k":1}'},
    } | members


def test_an_invocation_is_read_from_its_event():
    invocation = read_event(event(UpdatedOperationIds=["i-1"], LocalRunner=True))
    assert invocation.execution_arn == ARN
    assert invocation.checkpoint_token == "dG9rZW4="  # noqa: S105
    assert invocation.next_marker is None
    assert invocation.updated_operation_ids == {"i-1"}
    (operation,) = invocation.operations
    assert operation.input_payload == '{"k":1}'
    assert operation.started_at_ms == 1767356934930


@pytest.mark.parametrize(
    "stamp", [1767356934930, 1767356934.93, "2026-01-02T12:28:54.930Z", "2026-01-02T12:28:54.930"]
)
def test_times_may_be_milliseconds_seconds_or_text(stamp):
    state = {"Operations": [execution(StartTimestamp=stamp)]}
    (operation,) = read_event(event(InitialExecutionState=state)).operations
    assert operation.started_at_ms == 1767356934930


def test_the_first_page_may_be_empty():
    invocation = read_event(event(InitialExecutionState={"Operations": [], "NextMarker": "m"}))
    assert (invocation.operations, invocation.next_marker) == ((), "m")


@pytest.mark.parametrize("payload", [{"order_id": "A-1"}, {}])
def test_another_event_is_refused_with_the_way_to_configure_the_function(payload):
    with pytest.raises(ValidationError) as caught:
        read_event(payload)
    text = str(caught.value)
    assert "not a durable invocation: no DurableExecutionArn, CheckpointToken, Initial" in text
    assert "DurableConfig: {ExecutionTimeout" in text
    assert "a version, an alias or $LATEST" in text


@pytest.mark.parametrize("key", REQUIRED_KEYS)
def test_each_required_member_is_missed_by_name(key):
    members = event()
    del members[key]
    with pytest.raises(ValidationError, match=f"no {key} in it"):
        read_event(members)


@pytest.mark.parametrize("payload", [None, "text", 7, ["a"]])
def test_what_is_no_object_is_refused_too(payload):
    with pytest.raises(ValidationError, match=f"but a {type(payload).__name__}"):
        read_event(payload)


@pytest.mark.parametrize(
    "operation", [{"Id": "x"}, execution(Type="QUANTUM"), execution(Status="MAYBE"), "x"]
)
def test_a_state_from_the_future_is_reported_as_such(operation):
    state = {"Operations": [operation]}
    with pytest.raises(ValidationError, match="newer than this package"):
        read_event(event(InitialExecutionState=state))


class LambdaContext:
    aws_request_id = "r-1"
    tenant_id = "t-1"

    def get_remaining_time_in_millis(self):
        return 2500


def test_the_lambda_context_tells_the_request_the_tenant_and_the_time_left():
    assert read_context(LambdaContext()) == ("r-1", "t-1", 2500)


def test_a_stand_in_for_the_context_may_lack_everything():
    assert read_context(None) == (None, None, None)
