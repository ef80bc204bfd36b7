from __future__ import annotations

import pytest

from durable_core.lowlevel import (
    CheckpointRequest,
    ErrorObject,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import ServiceError, StartRequest


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


def start_step(operation_id="1", **more):
    return up(operation_id, "STEP", "START", **more)


def wait(operation_id="1", seconds=10, **more):
    return up(operation_id, "WAIT", "START", wait_seconds=seconds, **more)


ERROR = ErrorObject("no", "ValueError")
STALE = "Invalid checkpoint token"


def test_the_first_invocation_carries_the_execution_and_its_input(stage):
    stage.start('{"k": 1}')
    event = stage.begin().input
    (record,) = event.operations
    assert stage.arn.endswith(f"function:f:1/durable-execution/run/{record.id}")
    assert (record.type, record.status) == (OperationType.EXECUTION, OperationStatus.STARTED)
    assert (record.name, record.input_payload) == ("run", '{"k": 1}')
    assert event.updated_operation_ids == {record.id}
    assert event.next_marker is None


def test_start_and_succeed_in_one_batch_give_two_events_of_one_time(stage):
    response = stage.run(start_step(), up("1", "STEP", "SUCCEED", payload="7"))
    (step,) = response.operations
    assert (step.status, step.attempt, step.result) == (OperationStatus.SUCCEEDED, 1, "7")
    assert step.started_at_ms == step.ended_at_ms
    started, succeeded = stage.model.history(stage.arn)[-2:]
    assert (started.type, succeeded.type) == ("StepStarted", "StepSucceeded")
    assert started.at_ms == succeeded.at_ms


def test_a_retry_of_an_absent_step_waits_for_its_next_attempt(stage):
    response = stage.run(up("1", "STEP", "RETRY", error=ERROR, next_attempt_delay_seconds=5))
    (step,) = response.operations
    assert (step.status, step.attempt, step.error) == (OperationStatus.PENDING, 1, ERROR)
    assert step.next_attempt_at_ms == step.started_at_ms + 5000


def test_an_empty_checkpoint_polls_for_what_fell_due(stage):
    stage.run(wait(seconds=2))
    assert stage.send().operations == ()
    stage.now += 2100
    (record,) = stage.send().operations
    assert record.status is OperationStatus.SUCCEEDED
    assert stage.send().operations == ()


def test_a_token_is_good_for_one_checkpoint(stage):
    stage.run()
    old = stage.token
    stage.send(start_step())
    stage.token = old
    assert STALE in stage.refusal(start_step("2"))


def test_a_refused_batch_does_not_use_up_the_token(stage):
    stage.run()
    assert "Invalid current" not in stage.refusal(up("1", "WAIT", "CANCEL"))
    assert stage.send(start_step()).checkpoint_token is not None


def test_the_token_of_an_earlier_invocation_is_stale(stage):
    stage.run(wait(seconds=1))
    stale = stage.token
    stage.suspend()
    stage.advance(2)
    stage.begin()
    stage.token = stale
    assert STALE in stage.refusal()


def test_a_token_of_another_execution_is_named_as_such(stage):
    stage.run()
    foreign = stage.token
    other = stage.model.start_execution(StartRequest("f", name="other"), stage.now).execution_arn
    with pytest.raises(ServiceError, match="not valid for the durable execution ARN"):
        stage.model.checkpoint(CheckpointRequest(other, foreign, (), ""), stage.now)


@pytest.mark.parametrize("arn", ["arn:unknown", "arn:other"])
def test_an_unknown_execution_has_no_valid_token(stage, arn):
    with pytest.raises(ServiceError, match="InvalidParameterValueException: Invalid checkpoint"):
        stage.model.checkpoint(CheckpointRequest(arn, "abcd", (), ""), stage.now)
    with pytest.raises(ServiceError, match=STALE):
        stage.model.get_state(arn, "abcd", stage.now)


def test_the_same_client_token_is_answered_with_the_same_response(stage):
    stage.run()
    request = stage.request(start_step(), call="call-1")
    first = stage.model.checkpoint(request, stage.now)
    before = stage.picture()
    assert stage.model.checkpoint(request, stage.now + 900_000) == first
    assert stage.picture() == before
    with pytest.raises(ServiceError, match=STALE):  # the window is over
        stage.model.checkpoint(request, stage.now + 900_001)


def test_only_the_last_checkpoint_is_answered_again(stage):
    stage.run()
    request = stage.request(start_step(), call="call-1")
    stage.token = stage.model.checkpoint(request, stage.now).checkpoint_token
    stage.send(start_step("2"), call="call-2")
    with pytest.raises(ServiceError, match=STALE):
        stage.model.checkpoint(request, stage.now)


def test_another_client_token_is_another_call(stage):
    stage.run()
    request = stage.request(start_step(), call="call-1")
    stage.model.checkpoint(request, stage.now)
    other = "call-2"
    with pytest.raises(ServiceError, match=STALE):
        stage.model.checkpoint(request._replace(client_token=other), stage.now)


def test_a_call_without_client_token_is_never_answered_again(stage):
    stage.run()
    request = stage.request(start_step())
    stage.model.checkpoint(request, stage.now)
    with pytest.raises(ServiceError, match=STALE):
        stage.model.checkpoint(request, stage.now)


def test_the_closing_checkpoint_has_no_token_and_is_not_answered_again(stage):
    stage.run()
    request = stage.request(up("result", "EXECUTION", "SUCCEED", payload="1"), call="c")
    response = stage.model.checkpoint(request, stage.now)
    assert response.checkpoint_token is None
    assert stage.status == "SUCCEEDED"
    with pytest.raises(ServiceError, match=STALE):
        stage.model.checkpoint(request, stage.now)


def test_a_checkpointed_result_wins_over_what_the_invocation_returns(stage):
    stage.run()
    big = "x" * 6_291_456
    stage.send(start_step(), up("execution-result-1", "EXECUTION", "SUCCEED", payload=big))
    stage.end({"Status": "SUCCEEDED", "Result": ""})
    assert stage.model.get_execution(stage.arn).result == big
    assert stage.events()[-3:] == ["StepStarted", "InvocationCompleted", "ExecutionSucceeded"]


def test_a_checkpointed_error_closes_the_execution_as_failed(stage):
    stage.run()
    stage.send(up("r", "EXECUTION", "FAIL", error=ERROR))
    description = stage.model.get_execution(stage.arn)
    assert (description.status, description.error) == ("FAILED", ERROR)


def test_what_the_world_did_meanwhile_comes_with_the_next_checkpoint(stage):
    response = stage.run(up("1", "CALLBACK", "START"), start_step("2"))
    callback_id = response.operations[0].callback_id
    stage.model.callback_succeed(callback_id, "yes", stage.now)
    assert stage.effects() == []  # one invocation at a time
    delta = stage.send(up("2", "STEP", "SUCCEED", payload="1")).operations
    assert [(record.id, record.status) for record in delta] == [
        ("1", OperationStatus.SUCCEEDED),
        ("2", OperationStatus.SUCCEEDED),
    ]


def test_a_delta_lists_each_changed_record_once_in_start_order(stage):
    stage.run(start_step("b"), start_step("a"))
    batch = [up(name, "STEP", "SUCCEED", payload=name) for name in ("a", "b")]
    assert [record.id for record in stage.send(*batch).operations] == ["b", "a"]


def test_what_is_reported_later_carries_a_later_time(stage):
    stage.run(start_step("1"), up("1", "STEP", "SUCCEED"))
    (second,) = stage.send(start_step("2"), up("2", "STEP", "SUCCEED")).operations
    assert second.ended_at_ms > stage.record("1").ended_at_ms


def test_the_clock_going_back_does_not_take_the_times_back(stage):
    stage.run(start_step("1"), up("1", "STEP", "SUCCEED"))
    stage.now -= 500_000
    stage.send(start_step("2"))
    times = [event.at_ms for event in stage.model.history(stage.arn)]
    assert times == sorted(times)


def test_a_crash_in_a_step_leaves_it_started_with_its_attempts(stage):
    stage.run(start_step())
    stage.crash()
    stage.advance(1.5)
    event = stage.begin().input
    step = event.operations[1]
    assert (step.status, step.attempt) == (OperationStatus.STARTED, 0)
    assert "Invalid current STEP state to start." in stage.refusal(start_step())
    (step,) = stage.send(up("1", "STEP", "SUCCEED", payload="1")).operations
    assert step.attempt == 1
