from __future__ import annotations

import pytest

from durable_core.lowlevel import (
    ErrorObject,
    ExecutionStatus,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import (
    ErrorCode,
    ExecutionClosed,
    ExecutionDeleted,
    Invoke,
    PauseDetails,
    ServiceError,
    StartRequest,
)
from durable_testing.model.lifecycle import (
    EXECUTION_TRANSITIONS,
    OPEN_STATUSES,
    ExecutionTrigger,
    next_execution_status,
)

DAY = 86_400
PAUSE, RESUME = "pause-1", "resume-1"


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


def wait(seconds=10):
    return up("w", "WAIT", "START", wait_seconds=seconds)


def invokes(stage):
    return [effect for effect in stage.effects() if isinstance(effect, Invoke)]


def assert_conflict(call, stage):
    before = stage.picture()
    with pytest.raises(ServiceError) as caught:
        call()
    assert (caught.value.code, caught.value.form.status) == (ErrorCode.RESOURCE_CONFLICT, 409)
    assert stage.picture() == before


@pytest.mark.parametrize("status", ExecutionStatus)
@pytest.mark.parametrize("trigger", ExecutionTrigger)
def test_the_table_decides_and_the_rest_is_a_conflict(status, trigger):
    expected = EXECUTION_TRANSITIONS[status].get(trigger)
    if expected is not None:
        assert next_execution_status(status, trigger) is expected
        return
    with pytest.raises(ServiceError, match="ResourceConflictException: Cannot ") as caught:
        next_execution_status(status, trigger)
    assert status.value in caught.value.message


# Stop


@pytest.mark.parametrize("given", [None, ErrorObject()])
def test_a_stop_without_error_says_that_a_user_stopped_it(stage, given):
    stage.start()
    assert stage.model.stop(stage.arn, given, stage.now) == stage.execution.ended_at_ms
    description = stage.model.get_execution(stage.arn)
    assert description.status == "STOPPED"
    assert description.error == ErrorObject("Execution stopped by user request")
    assert ExecutionClosed(stage.arn, ExecutionStatus.STOPPED) in stage.effects()
    assert stage.model.begin_invocation(stage.arn, stage.now) is None


def test_the_error_of_a_stop_is_that_of_the_execution_and_of_its_event(stage):
    stage.run(wait())
    stage.suspend()
    stage.model.stop(stage.arn, ErrorObject("enough"), stage.now)
    event = stage.model.history(stage.arn)[-1]
    assert event.details == {"Error": {"Payload": {"ErrorMessage": "enough"}, "Truncated": False}}
    assert stage.model.get_execution(stage.arn).error == ErrorObject("enough")
    stage.advance(60)
    assert stage.record("w").status is OperationStatus.STARTED  # nothing happens any more


def test_a_closed_execution_is_stopped_again_at_the_time_it_closed(stage):
    stage.run()
    stage.end({"Status": "SUCCEEDED"})
    ended = stage.execution.ended_at_ms
    before = stage.picture()
    assert stage.model.stop(stage.arn, None, stage.now + 9) == ended
    assert stage.picture() == before


def test_a_stop_while_an_invocation_runs_voids_it(stage):
    stage.run(wait())
    stage.model.stop(stage.arn, None, stage.now)
    assert "Invalid checkpoint token" in stage.refusal(up("1", "STEP", "START"))
    stage.end({"Status": "SUCCEEDED", "Result": "1"})
    assert (stage.status, stage.model.get_execution(stage.arn).result) == ("STOPPED", None)
    assert stage.events()[-2:] == ["ExecutionStopped", "InvocationCompleted"]
    assert invokes(stage) == []


def test_what_timed_out_meanwhile_is_not_stopped(stage):
    stage.start()
    stage.now += DAY * 1000 + 1
    ended = stage.model.stop(stage.arn, None, stage.now)
    assert (stage.status, ended) == ("TIMED_OUT", stage.execution.ended_at_ms)


# Pause and resume


def test_an_idle_execution_is_paused_at_once(stage):
    stage.run(wait())
    stage.suspend()
    stage.model.pause(stage.arn, stage.now, reason="maintenance", is_timeout_paused=False)
    assert stage.status == "PAUSED"
    event = stage.model.history(stage.arn)[-1]
    assert (event.type, event.details) == (
        "ExecutionPaused",
        {
            "PauseRequestTimestamp": stage.now,
            "ExecutionTimeoutPaused": False,
            "Reason": {"Payload": "maintenance", "Truncated": False},
        },
    )
    pause = stage.model.get_execution(stage.arn).pause
    assert pause == PauseDetails(stage.now, "maintenance", False)


def test_a_pause_in_mid_invocation_keeps_its_next_checkpoint_and_withholds_the_token(stage):
    stage.run()
    stage.model.pause(stage.arn, stage.now)
    assert stage.status == "PAUSING"
    request = stage.request(up("1", "STEP", "SUCCEED", payload="1"), call="c")
    response = stage.model.checkpoint(request, stage.now)
    assert response == (None, (), None)
    assert (stage.status, stage.record("1").result) == ("PAUSED", "1")
    with pytest.raises(ServiceError, match="Invalid checkpoint token"):  # nor is it kept
        stage.model.checkpoint(request, stage.now)
    stage.end({"Status": "SUCCEEDED", "Result": "void"})
    assert (stage.status, invokes(stage)) == ("PAUSED", [])
    stage.model.resume(stage.arn, stage.now)
    step = stage.begin().input.operations[1]
    assert step.result == "1"


def test_a_pause_is_in_force_when_the_invocation_ends_without_a_checkpoint(stage):
    stage.run(wait())
    stage.model.pause(stage.arn, stage.now)
    stage.suspend()
    assert stage.events()[-2:] == ["InvocationCompleted", "ExecutionPaused"]
    stage.model.resume(stage.arn, stage.now)
    assert invokes(stage) == []  # nothing was interrupted, nothing has changed


@pytest.mark.parametrize(
    ("output", "status"),
    [({"Status": "SUCCEEDED"}, "SUCCEEDED"), ({"Status": "FAILED"}, "FAILED"), (7, "FAILED")],
)
def test_an_invocation_may_close_the_execution_that_is_to_be_paused(stage, output, status):
    stage.run()
    stage.model.pause(stage.arn, stage.now)
    stage.end(output)
    assert stage.status == status
    assert "ExecutionPaused" not in stage.events()


def test_a_closing_checkpoint_wins_over_a_pause(stage):
    stage.run()
    stage.model.pause(stage.arn, stage.now)
    stage.send(up("r", "EXECUTION", "SUCCEED"))
    assert stage.status == "SUCCEEDED"


@pytest.mark.parametrize("how", ["crash", "strike"])
def test_an_invocation_that_is_to_be_repeated_is_so_after_the_pause(stage, how):
    stage.run()
    stage.model.pause(stage.arn, stage.now)
    stage.crash() if how == "crash" else stage.suspend()
    assert (stage.status, invokes(stage)) == ("PAUSED", [])
    stage.advance(5)
    assert invokes(stage) == []
    stage.model.resume(stage.arn, stage.now)
    stage.begin()


def test_the_pause_after_a_crash_still_counts_when_the_execution_goes_on_early(stage):
    stage.run()
    stage.model.pause(stage.arn, stage.now)
    stage.crash()
    stage.model.resume(stage.arn, stage.now)
    assert invokes(stage) == []
    stage.advance(1.5)
    stage.begin()


def test_the_world_goes_on_during_a_pause_and_is_seen_after_it(stage):
    stage.run(wait(5), up("c", "CALLBACK", "START"))
    stage.suspend()
    stage.model.pause(stage.arn, stage.now)
    stage.advance(6)
    stage.model.callback_succeed(stage.record("c").callback_id, "1", stage.now)
    assert invokes(stage) == []
    stage.model.resume(stage.arn, stage.now, reason="done")
    assert stage.begin().input.updated_operation_ids == {"w", "c"}
    event = stage.model.history(stage.arn)[-1]
    assert event.details["Reason"] == {"Payload": "done", "Truncated": False}
    assert event.details["ResumeRequestTimestamp"] == stage.now
    assert stage.model.get_execution(stage.arn).pause is None


def test_an_invocation_that_was_asked_for_is_owed_after_the_pause(stage):
    stage.start()
    stage.effects()
    stage.model.pause(stage.arn, stage.now)
    assert stage.model.begin_invocation(stage.arn, stage.now) is None
    stage.model.resume(stage.arn, stage.now)
    stage.begin()


def test_a_resume_takes_a_pause_back_that_is_not_in_force_yet(stage):
    stage.run()
    stage.model.pause(stage.arn, stage.now)
    stage.model.resume(stage.arn, stage.now)
    assert stage.send(wait()).checkpoint_token is not None
    assert (stage.status, "ExecutionPaused" in stage.events()) == ("RUNNING", False)


def test_a_resume_before_the_paused_invocation_ended_waits_for_its_end(stage):
    stage.run()
    stage.model.pause(stage.arn, stage.now)
    stage.send(wait())
    stage.model.resume(stage.arn, stage.now)
    assert invokes(stage) == []
    stage.end({"Status": "SUCCEEDED", "Result": "void"})
    assert stage.status == "RUNNING"
    stage.begin()


def test_a_paused_timeout_stands_still_and_goes_on(stage):
    stage.run(up("c", "CALLBACK", "START"))
    stage.suspend()
    started = stage.execution.started_at_ms
    stage.now = started + 3_600_000
    stage.model.pause(stage.arn, stage.now)
    assert stage.model.get_execution(stage.arn).expected_timeout_at_ms == (
        started + 366 * DAY * 1000
    )
    stage.advance(10 * DAY)
    assert stage.status == "PAUSED"
    stage.model.resume(stage.arn, stage.now)
    assert stage.model.get_execution(stage.arn).expected_timeout_at_ms == (
        stage.now + DAY * 1000 - 3_600_000
    )
    stage.advance(DAY)
    assert stage.status == "TIMED_OUT"


@pytest.mark.parametrize(("is_timeout_paused", "days"), [(False, 1), (True, 366)])
def test_a_paused_execution_times_out_at_last(stage, is_timeout_paused, days):
    stage.run(up("c", "CALLBACK", "START"))
    stage.suspend()
    stage.model.pause(stage.arn, stage.now, is_timeout_paused=is_timeout_paused)
    stage.advance(days * DAY)
    assert stage.status == "TIMED_OUT"


def test_a_paused_execution_may_be_stopped(stage):
    stage.start()
    stage.model.pause(stage.arn, stage.now)
    stage.model.stop(stage.arn, None, stage.now)
    assert stage.status == "STOPPED"
    assert stage.model.get_execution(stage.arn).pause is None


def test_the_same_client_token_pauses_and_resumes_once(stage):
    stage.start()
    for _ in range(2):
        stage.model.pause(stage.arn, stage.now, client_token=PAUSE)
    for _ in range(2):
        stage.model.resume(stage.arn, stage.now, client_token=RESUME)
    assert stage.events() == ["ExecutionStarted", "ExecutionPaused", "ExecutionResumed"]


def test_what_does_not_fit_the_status_is_a_conflict(stage):
    stage.start()
    stage.effects()
    assert_conflict(lambda: stage.model.resume(stage.arn, stage.now), stage)
    assert_conflict(lambda: stage.model.delete(stage.arn, stage.now), stage)
    stage.model.pause(stage.arn, stage.now, client_token=PAUSE)
    assert_conflict(lambda: stage.model.pause(stage.arn, stage.now, client_token=RESUME), stage)
    assert_conflict(lambda: stage.model.pause(stage.arn, stage.now), stage)
    assert_conflict(lambda: stage.model.delete(stage.arn, stage.now), stage)
    stage.model.stop(stage.arn, None, stage.now)
    assert_conflict(lambda: stage.model.pause(stage.arn, stage.now), stage)
    assert_conflict(lambda: stage.model.resume(stage.arn, stage.now), stage)


@pytest.mark.parametrize(("how", "status"), [("stop", "STOPPED"), ("wait", "TIMED_OUT")])
def test_an_execution_that_is_to_be_paused_may_still_be_stopped_or_time_out(stage, how, status):
    stage.run()
    stage.model.pause(stage.arn, stage.now, is_timeout_paused=False)
    assert stage.status == "PAUSING"
    if how == "stop":
        stage.model.stop(stage.arn, None, stage.now)
    else:
        stage.advance(DAY)
    assert stage.status == status
    assert "Invalid checkpoint token" in stage.refusal(wait())
    stage.suspend()
    assert "ExecutionPaused" not in stage.events()


# Delete and retention


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"])
def test_whatever_is_closed_may_be_deleted(stage, status):
    stage.run()
    if status == "TIMED_OUT":
        stage.advance(DAY + 1)
    elif status == "STOPPED":
        stage.model.stop(stage.arn, None, stage.now)
    else:
        stage.end({"Status": status})
    assert stage.status == status
    stage.model.delete(stage.arn, stage.now)
    assert stage.status == "DELETING"


def test_a_deleted_execution_is_seen_deleting_and_then_gone(stage):
    stage.run(up("c", "CALLBACK", "START"))
    callback_id = stage.record("c").callback_id
    stage.model.stop(stage.arn, None, stage.now)
    assert stage.model.delete(stage.arn, stage.now) == stage.now
    assert stage.status == "DELETING"
    assert_conflict(lambda: stage.model.delete(stage.arn, stage.now), stage)
    stage.effects()
    assert stage.model.next_due_ms() == stage.now + 1000
    stage.advance(1.1)
    assert stage.model.next_due_ms() is None
    assert stage.effects() == [ExecutionDeleted(stage.arn)]
    for call in (stage.model.get_execution, stage.model.get_history, stage.model.operations):
        with pytest.raises(ServiceError, match="Durable Execution does not exist") as caught:
            call(stage.arn)
        assert caught.value.form.status == 404
    for verb in (stage.model.pause, stage.model.resume, stage.model.delete, stage.model.hold):
        with pytest.raises(ServiceError, match="Durable Execution does not exist"):
            verb(stage.arn, stage.now)
    assert stage.model.find_execution("f", "run") is None
    assert stage.model.find_callback(callback_id) is None
    stage.start('{"other": 1}')  # the name is free again
    assert stage.status == "RUNNING"


def test_an_execution_is_kept_for_its_retention_and_then_forgotten(stage):
    stage.run()
    stage.end({"Status": "SUCCEEDED"})
    stage.effects()
    assert stage.model.next_expiry_ms() == stage.execution.ended_at_ms + 14 * DAY * 1000
    stage.advance(14 * DAY - 1)
    assert stage.effects() == []
    assert stage.status == "SUCCEEDED"
    stage.advance(2)
    assert stage.effects() == [ExecutionDeleted(stage.arn)]
    assert (stage.model.arns(), stage.model.next_expiry_ms()) == ([], None)


def test_an_execution_deleted_early_does_not_expire_again(stage):
    stage.start()
    stage.model.stop(stage.arn, None, stage.now)
    stage.model.delete(stage.arn, stage.now)
    stage.advance(2)
    stage.effects()
    stage.advance(15 * DAY)
    assert stage.effects() == []


def test_open_statuses_are_those_that_can_still_close():
    closing = {ExecutionTrigger.STOP, ExecutionTrigger.TIME_OUT}
    assert {status for status, row in EXECUTION_TRANSITIONS.items() if closing <= set(row)} == (
        OPEN_STATUSES
    )


def test_what_is_not_to_be_stored_is_forgotten(stage):
    stage.run(wait())
    stage.model.forget_changes()
    assert (stage.model.state.changed, stage.execution.unsaved) == ({}, {})
    stage.model.start_execution(StartRequest("f", name="second"), stage.now)
    assert list(stage.model.state.changed) != [stage.arn]
