from __future__ import annotations

import pytest

from durable_core.lowlevel import (
    ErrorObject,
    InvocationOutput,
    InvocationStatus,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import ExecutionClosed, Invoke, StartMode

INVALID = "InvalidParameterValueException"
PENDING = {"Status": "PENDING"}
NOTHING_PENDING = "Cannot return PENDING status with no pending operations."


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


def invokes(stage):
    return [effect for effect in stage.effects() if isinstance(effect, Invoke)]


def outcome(stage):
    description = stage.model.get_execution(stage.arn)
    return description.status.value, description.result, description.error


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"Status": "SUCCEEDED", "Result": "42"}, ("SUCCEEDED", "42", None)),
        ({"Status": "SUCCEEDED"}, ("SUCCEEDED", None, None)),
        ({"Status": "SUCCEEDED", "Result": None, "Error": None}, ("SUCCEEDED", None, None)),
        (
            {"Status": "FAILED", "Error": {"ErrorMessage": "no", "ErrorType": "E"}},
            ("FAILED", None, ErrorObject("no", "E")),
        ),
        ({"Status": "FAILED"}, ("FAILED", None, None)),
        ({"Status": "FAILED", "Result": ""}, ("FAILED", None, None)),
        (InvocationOutput(InvocationStatus.SUCCEEDED, "42"), ("SUCCEEDED", "42", None)),
    ],
)
def test_an_answer_closes_the_execution(stage, output, expected):
    stage.run()
    stage.end(output)
    assert outcome(stage) == expected
    assert stage.effects()[-1:] == [ExecutionClosed(stage.arn, expected[0])]
    assert stage.events() == [
        "ExecutionStarted",
        "InvocationCompleted",
        "ExecutionSucceeded" if expected[0] == "SUCCEEDED" else "ExecutionFailed",
    ]
    assert stage.model.next_due_ms() is None


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, "Invalid Status in invocation output."),
        ([], "Invalid Status in invocation output."),
        ({}, "Invalid Status in invocation output."),
        ({"Status": "DONE"}, "Invalid Status in invocation output."),
        ({"Status": ["PENDING"]}, "Invalid Status in invocation output."),
        ({"Status": "SUCCEEDED", "Result": 42}, "Invalid Status in invocation output."),
        ({"Status": "FAILED", "Error": "no"}, "Invalid Status in invocation output."),
        ({"Status": "FAILED", "Result": "1"}, "Cannot provide a Result for FAILED status."),
        ({"Status": "SUCCEEDED", "Error": {}}, "Cannot provide an Error for SUCCEEDED status."),
        (
            {"Status": "SUCCEEDED", "Result": "x" * (6 * 1024 * 1024 + 1)},
            "Execution output payload size must be less than or equal to 6291456 bytes.",
        ),
    ],
)
def test_what_is_no_answer_fails_the_execution_at_once(stage, output, message):
    stage.run(up("1", "WAIT", "START", wait_seconds=9))
    stage.end(output)
    error = ErrorObject(message, INVALID)
    assert outcome(stage) == ("FAILED", None, error)
    wire = {"ErrorMessage": message, "ErrorType": INVALID}
    assert stage.model.history(stage.arn)[-2].details["Error"]["Payload"] == wire


def test_an_asynchronous_result_may_be_1_mib(stage):
    stage.start(mode=StartMode.ASYNC)
    stage.begin()
    stage.end({"Status": "SUCCEEDED", "Result": "x" * 1_048_577})
    assert "less than or equal to 1048576 bytes" in outcome(stage)[2].message


@pytest.mark.parametrize(
    "update",
    [
        up("1", "WAIT", "START", wait_seconds=9),
        up("1", "CALLBACK", "START"),
        up("1", "CHAINED_INVOKE", "START", function_name="plain"),
        up("1", "STEP", "RETRY", next_attempt_delay_seconds=9),
    ],
)
def test_pending_is_accepted_with_something_pending(stage, update):
    stage.run(update)
    stage.suspend()
    assert invokes(stage) == []
    assert stage.status == "RUNNING"
    assert stage.execution.strikes == 0


@pytest.mark.parametrize(
    "updates",
    [
        (),
        (up("1", "STEP", "START"),),
        (up("1", "CONTEXT", "START"),),
        (up("1", "STEP", "SUCCEED"),),
    ],
)
def test_pending_with_nothing_pending_fails_at_the_third_time(stage, updates):
    stage.run(*updates)
    for _ in range(2):
        stage.suspend()
        assert stage.status == "RUNNING"
        stage.begin()
    stage.suspend()
    assert outcome(stage) == ("FAILED", None, ErrorObject(NOTHING_PENDING, INVALID))
    assert invokes(stage) == []


def test_a_valid_answer_in_between_forgives_the_strikes(stage):
    stage.run()
    for _ in range(2):
        stage.suspend()
        stage.begin()
    stage.send(up("1", "WAIT", "START", wait_seconds=1))
    stage.suspend()
    stage.advance(2)
    stage.begin()
    stage.suspend()
    assert stage.status == "RUNNING"


def test_pending_with_a_change_unseen_is_invoked_again_at_once(stage):
    callback = stage.run(up("1", "CALLBACK", "START")).operations[0]
    stage.model.callback_succeed(callback.callback_id, "1", stage.now)
    stage.suspend()
    assert stage.begin().input.updated_operation_ids == {"1"}
    assert stage.execution.strikes == 0


def test_pending_after_a_wait_fell_due_is_invoked_again_at_once(stage):
    stage.run(up("1", "WAIT", "START", wait_seconds=5))
    stage.now += 6000
    stage.suspend()
    assert len(invokes(stage)) == 1


def test_what_an_invocation_was_told_at_its_start_is_not_unseen(stage):
    callback = stage.run(up("1", "CALLBACK", "START"), up("2", "CALLBACK", "START")).operations[0]
    stage.suspend()
    stage.model.callback_succeed(callback.callback_id, "1", stage.now)
    stage.begin()
    stage.suspend()
    assert invokes(stage) == []


def test_one_invocation_runs_at_a_time(stage):
    callback = stage.run(up("1", "CALLBACK", "START")).operations[0]
    assert stage.model.begin_invocation(stage.arn, stage.now) is None
    stage.model.callback_succeed(callback.callback_id, "1", stage.now)
    assert stage.model.begin_invocation(stage.arn, stage.now) is None
    assert stage.model.begin_invocation("arn:unknown", stage.now) is None


def test_the_end_of_an_invocation_that_does_not_run_changes_nothing(stage):
    stage.run(up("1", "WAIT", "START", wait_seconds=5))
    stage.suspend()
    before = stage.picture()
    stage.suspend()
    stage.crash()
    stage.model.end_invocation("arn:unknown", stage.invocation, PENDING, stage.now)
    assert stage.picture() == before


def test_failed_invocations_are_tried_again_with_growing_pauses_then_fail(stage):
    stage.start()
    for delay in (1, 2, 4, 8):
        stage.begin()
        stage.crash()
        assert stage.model.next_operation_due_ms(stage.arn) == stage.execution.retry_at_ms
        assert stage.execution.retry_at_ms == stage.execution.last_stamp_ms + delay * 1000
        stage.advance(delay - 0.01)
        assert invokes(stage) == []
        stage.advance(0.02)
    stage.begin()
    stage.crash("last")
    assert outcome(stage) == ("FAILED", None, ErrorObject("last", "Runtime.ExitError"))
    assert stage.events().count("InvocationCompleted") == 5
    description = stage.model.get_execution(stage.arn)
    assert (description.invocations, description.billed_operations) == (5, 5)


def test_a_successful_invocation_forgives_the_failures(stage):
    stage.start()
    for _ in range(3):
        for delay in (1, 2, 4, 8):
            stage.begin()
            stage.crash()
            stage.advance(delay + 0.1)
        stage.begin()
        stage.send(up(f"w{stage.now}", "WAIT", "START", wait_seconds=1))
        stage.suspend()
        stage.advance(2)
    assert stage.status == "RUNNING"


def test_the_number_of_attempts_is_configurable(limited):
    stage = limited(invocation_attempts=1)
    stage.run()
    stage.crash()
    assert stage.status == "FAILED"


def test_an_event_during_the_pause_waits_for_the_next_attempt(stage):
    callback = stage.run(up("1", "CALLBACK", "START")).operations[0]
    stage.crash()
    stage.model.callback_succeed(callback.callback_id, "1", stage.now)
    assert invokes(stage) == []
    stage.advance(1.1)
    assert stage.begin().input.updated_operation_ids == {"1"}


def test_a_void_invocation_that_fails_costs_nothing(stage):
    stage.run()
    stage.model.stop(stage.arn, None, stage.now)
    stage.crash()
    assert stage.events()[-2:] == ["ExecutionStopped", "InvocationCompleted"]
    assert (stage.execution.failures, invokes(stage)) == (0, [])


def test_recovery_ends_lost_invocations_and_asks_for_new_ones(stage):
    stage.run(up("1", "STEP", "START"), up("2", "CHAINED_INVOKE", "START", function_name="plain"))
    dispatch = stage.effects()[0]
    stage.model.recover(stage.now)
    assert stage.effects() == [dispatch, Invoke(stage.arn, "f", "1")]
    event = stage.model.history(stage.arn)[-1]
    assert event.type == "InvocationCompleted"
    assert event.details["Error"]["Payload"]["ErrorType"] == "Runtime.ExitError"
    assert (stage.execution.failures, stage.record("1").status) == (0, OperationStatus.STARTED)
    stage.suspend()  # of the lost invocation: nobody listens
    assert stage.status == "RUNNING"


def test_recovery_asks_again_for_an_invocation_that_had_not_begun(stage):
    stage.start()
    stage.effects()
    stage.model.recover(stage.now)
    assert len(invokes(stage)) == 1
    stage.model.recover(stage.now)
    stage.begin()


def test_recovery_lets_happen_what_fell_due_meanwhile(stage):
    stage.run(up("1", "WAIT", "START", wait_seconds=5))
    stage.suspend()
    stage.now += 3_600_000
    stage.model.recover(stage.now)
    assert len(invokes(stage)) == 1
    assert stage.record("1").status is OperationStatus.SUCCEEDED


def test_recovery_of_a_suspended_or_closed_execution_asks_for_nothing(stage):
    stage.run(up("1", "WAIT", "START", wait_seconds=5))
    stage.suspend()
    stage.model.recover(stage.now)
    assert stage.effects() == []
    stage.model.stop(stage.arn, None, stage.now)
    stage.effects()
    stage.model.recover(stage.now)
    assert stage.effects() == []


def test_recovery_puts_a_pause_in_force_that_its_invocation_held_up(stage):
    stage.run(up("1", "STEP", "START"))
    stage.model.pause(stage.arn, stage.now)
    stage.model.recover(stage.now)
    assert stage.status == "PAUSED"
    assert invokes(stage) == []
    stage.model.resume(stage.arn, stage.now)
    stage.begin()
