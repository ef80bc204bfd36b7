from __future__ import annotations

from durable_core.lowlevel import (
    ErrorObject,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import Invoke, StartRequest


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


def wait(operation_id, seconds):
    return up(operation_id, "WAIT", "START", wait_seconds=seconds)


def retry(operation_id, seconds):
    return up(operation_id, "STEP", "RETRY", next_attempt_delay_seconds=seconds)


def invokes(stage):
    return [effect for effect in stage.effects() if isinstance(effect, Invoke)]


def test_two_timers_due_at_once_ask_for_one_invocation(stage):
    stage.run(wait("1", 5), retry("2", 5))
    stage.suspend()
    due = stage.model.next_due_ms()
    assert due == stage.record("1").scheduled_end_ms == stage.record("2").next_attempt_at_ms
    stage.now = due - 1
    stage.model.fire_due(stage.now)
    assert stage.effects() == []
    stage.advance(0.001)
    assert len(invokes(stage)) == 1
    assert stage.record("1").status is OperationStatus.SUCCEEDED
    assert stage.record("2").status is OperationStatus.READY


def test_of_two_timers_the_first_wakes_and_the_second_joins_in(stage):
    stage.run(wait("1", 5), wait("2", 6))
    stage.suspend()
    stage.advance(5.1)
    assert len(invokes(stage)) == 1
    stage.advance(1)  # before anybody began the invocation
    assert invokes(stage) == []
    event = stage.model.begin_invocation(stage.arn, stage.now).input
    assert event.updated_operation_ids == {"1", "2"}


def test_a_wait_ends_when_it_is_due_however_late_it_is_looked_at(stage):
    stage.run(wait("1", 5))
    stage.suspend()
    due = stage.record("1").scheduled_end_ms
    stage.advance(500)
    assert stage.record("1").ended_at_ms == due
    event = stage.model.history(stage.arn)[-1]
    assert (event.type, event.at_ms, event.details) == ("WaitSucceeded", due, {"Duration": 5})


def test_a_cancelled_wait_never_fires(stage):
    stage.run(wait("1", 5))
    stage.send(up("1", "WAIT", "CANCEL"))
    stage.suspend()  # nothing pending: a strike
    assert stage.events()[-2:] == ["WaitCancelled", "InvocationCompleted"]
    stage.begin()
    stage.advance(10)
    assert stage.record("1").status is OperationStatus.CANCELLED
    assert stage.record("1").ended_at_ms == stage.record("1").started_at_ms + 1


def test_a_ready_step_is_written_to_no_history_and_starts_again(stage):
    stage.run(up("1", "STEP", "START"), retry("1", 5))
    stage.suspend()
    before = stage.events()
    stage.advance(6)
    assert stage.events() == before
    step = stage.begin().input.operations[1]
    assert (step.status, step.attempt, step.next_attempt_at_ms) == (OperationStatus.READY, 1, None)
    (step,) = stage.send(up("1", "STEP", "START")).operations
    assert (step.status, step.attempt) == (OperationStatus.STARTED, 1)
    first_start = stage.record("1").started_at_ms
    (step,) = stage.send(up("1", "STEP", "SUCCEED", payload="1")).operations
    assert (step.attempt, step.result, step.error) == (2, "1", None)
    assert step.started_at_ms == first_start


def test_a_retry_keeps_its_error_or_its_state_until_the_next_attempt(stage):
    error = ErrorObject("no", "ValueError")
    stage.run(retry("1", 5)._replace(error=error), retry("2", 5)._replace(payload='"state"'))
    assert (stage.record("1").error, stage.record("1").result) == (error, None)
    assert (stage.record("2").error, stage.record("2").result) == (None, '"state"')
    stage.advance(6)
    stage.send(retry("1", 5)._replace(payload="2"))
    assert (stage.record("1").error, stage.record("1").result) == (None, "2")


def test_timers_fire_before_a_batch_is_judged(stage):
    stage.run(retry("1", 5), wait("2", 5))
    stage.now += 5001
    assert "Cannot cancel a WAIT" in stage_refusal_after_firing(stage, up("2", "WAIT", "CANCEL"))
    stage.send(up("1", "STEP", "START"))
    assert stage.record("1").status is OperationStatus.STARTED


def stage_refusal_after_firing(stage, update):
    stage.model.fire_due(stage.now)
    return stage.refusal(update)


def test_an_execution_times_out_while_suspended(stage):
    stage.run(up("1", "CALLBACK", "START"))
    stage.suspend()
    assert stage.model.next_operation_due_ms(stage.arn) is None
    assert stage.model.next_due_ms() == stage.execution.started_at_ms + 86_400_000
    stage.advance(86_400)
    description = stage.model.get_execution(stage.arn)
    assert description.status == "TIMED_OUT"
    assert description.error == ErrorObject("Execution timed out after 86400 seconds.")
    event = stage.model.history(stage.arn)[-1]
    assert (event.type, event.details) == ("ExecutionTimedOut", {})
    assert stage.model.next_due_ms() is None


def test_the_message_of_a_timeout_may_be_left_out_as_on_aws(limited):
    stage = limited(timeout_message=None)
    stage.start()
    stage.advance(86_401)
    assert stage.model.get_execution(stage.arn).error is None
    assert stage.model.begin_invocation(stage.arn, stage.now) is None


def test_a_running_invocation_is_void_once_the_execution_timed_out(stage):
    stage.run(wait("1", 5))
    stage.now += 86_400_001
    assert "Invalid checkpoint token" in stage_refusal_after_firing(stage, wait("2", 5))
    stage.end({"Status": "SUCCEEDED", "Result": "1"})
    assert stage.status == "TIMED_OUT"
    assert stage.model.get_execution(stage.arn).result is None
    assert stage.events()[-3:] == ["WaitSucceeded", "ExecutionTimedOut", "InvocationCompleted"]


def test_what_is_due_before_the_timeout_happens_before_it(stage):
    stage.run(wait("1", 86_399))
    stage.suspend()
    stage.advance(90_000)
    assert stage.events()[-2:] == ["WaitSucceeded", "ExecutionTimedOut"]


def test_the_next_due_time_follows_the_earliest_open_operation(stage):
    stage.run(wait("1", 50), wait("2", 5))
    assert stage.model.next_operation_due_ms(stage.arn) == stage.record("2").scheduled_end_ms
    stage.send(up("2", "WAIT", "CANCEL"))
    assert stage.model.next_due_ms() == stage.record("1").scheduled_end_ms


def test_many_executions_fire_in_order_of_their_time(stage):
    arns = {}
    for seconds in (30, 10, 20):
        request = StartRequest("f", "{}", f"run-{seconds}", "1")
        stage.arn = stage.model.start_execution(request, stage.now).execution_arn
        arns[stage.arn] = seconds
        stage.begin()
        stage.send(wait("1", seconds))
        stage.suspend()
    stage.advance(100)
    assert [arns[effect.execution_arn] for effect in invokes(stage)] == [10, 20, 30]
