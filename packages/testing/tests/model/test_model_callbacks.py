from __future__ import annotations

from base64 import b64encode

import pytest

from durable_core.lowlevel import (
    ErrorObject,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import ErrorCode, Invoke, ServiceError

S = OperationStatus


def open_callback(stage, **options):
    update = OperationUpdate("1", OperationType.CALLBACK, OperationAction.START, **options)
    (callback,) = stage.run(update).operations
    return callback.callback_id


def is_asked_for(stage):
    return any(isinstance(effect, Invoke) for effect in stage.effects())


def assert_is_over(stage, callback_id):
    """No answer is taken any more, and none changes anything."""
    before = stage.picture()
    for answer in (
        lambda: stage.model.callback_succeed(callback_id, "late", stage.now),
        lambda: stage.model.callback_fail(callback_id, None, stage.now),
        lambda: stage.model.callback_heartbeat(callback_id, stage.now),
    ):
        with pytest.raises(ServiceError) as caught:
            answer()
        assert caught.value.code is ErrorCode.CALLBACK_TIMEOUT
        assert caught.value.message == "The callback is either timed out or already completed"
        assert (caught.value.form.status, caught.value.form.member) == (400, "Message")
    assert stage.picture() == before


def test_the_id_comes_with_the_checkpoint_and_is_found_again(stage):
    callback_id = open_callback(stage)
    assert stage.model.find_callback(callback_id) == stage.arn
    assert [op.callback_id for op in stage.model.open_callbacks(stage.arn)] == [callback_id]
    assert stage.model.find_callback("unknown") is None


def test_success_wakes_the_suspended_execution(stage):
    callback_id = open_callback(stage)
    stage.suspend()
    assert not is_asked_for(stage)
    stage.model.callback_succeed(callback_id, b'{"ok":true}', stage.now)
    record = stage.begin().input.operations[1]
    assert (record.status, record.result) == (S.SUCCEEDED, '{"ok":true}')
    assert stage.model.history(stage.arn)[-1].type == "CallbackSucceeded"
    assert stage.model.open_callbacks(stage.arn) == ()
    assert_is_over(stage, callback_id)


def test_an_empty_answer_is_no_result(stage):
    callback_id = open_callback(stage)
    stage.model.callback_succeed(callback_id, b"", stage.now)
    assert (stage.record("1").status, stage.record("1").result) == (S.SUCCEEDED, None)
    assert stage.model.history(stage.arn)[-1].details == {"Result": {"Truncated": False}}


@pytest.mark.parametrize("error", [None, ErrorObject("no", "Refused", "data", ("at 1",))])
def test_failure_is_recorded_with_its_error_or_an_empty_one(stage, error):
    callback_id = open_callback(stage)
    stage.suspend()
    stage.model.callback_fail(callback_id, error, stage.now)
    assert (stage.record("1").status, stage.record("1").error) == (
        S.FAILED,
        error or ErrorObject(),
    )
    assert is_asked_for(stage)
    assert_is_over(stage, callback_id)


@pytest.mark.parametrize(
    ("options", "after", "error"),
    [
        ({"timeout_seconds": 10}, 10, ErrorObject("Callback timed out", "Callback.Timeout")),
        (
            {"heartbeat_timeout_seconds": 10},
            10,
            ErrorObject("Callback timed out on heartbeat", "Callback.Heartbeat"),
        ),
        (
            {"timeout_seconds": 20, "heartbeat_timeout_seconds": 10},
            10,
            ErrorObject("Callback timed out on heartbeat", "Callback.Heartbeat"),
        ),
        (
            {"timeout_seconds": 10, "heartbeat_timeout_seconds": 20},
            10,
            ErrorObject("Callback timed out", "Callback.Timeout"),
        ),
        (
            {"timeout_seconds": 10, "heartbeat_timeout_seconds": 10},
            10,
            ErrorObject("Callback timed out", "Callback.Timeout"),
        ),
    ],
)
def test_the_earlier_deadline_times_a_callback_out(stage, options, after, error):
    callback_id = open_callback(stage, **options)
    stage.suspend()
    start = stage.record("1").started_at_ms
    assert stage.model.next_due_ms() == start + after * 1000
    stage.advance(after + 1)
    record = stage.record("1")
    assert (record.status, record.error, record.ended_at_ms) == (
        S.TIMED_OUT,
        error,
        start + after * 1000,
    )
    assert stage.model.history(stage.arn)[-1].type == "CallbackTimedOut"
    assert is_asked_for(stage)
    assert_is_over(stage, callback_id)


@pytest.mark.parametrize("options", [{}, {"timeout_seconds": 0, "heartbeat_timeout_seconds": 0}])
def test_without_a_timeout_only_the_executions_own_ends_it(stage, options):
    open_callback(stage, **options)
    stage.suspend()
    stage.advance(80_000)
    assert stage.record("1").status is S.STARTED


def test_an_answer_after_the_deadline_is_too_late_though_nothing_fired_yet(stage):
    callback_id = open_callback(stage, timeout_seconds=10)
    stage.suspend()
    stage.now += 10_001
    with pytest.raises(ServiceError, match="CallbackTimeoutException"):
        stage.model.callback_succeed(callback_id, "late", stage.now)
    assert stage.record("1").status is S.TIMED_OUT
    assert is_asked_for(stage)


def test_a_heartbeat_moves_its_deadline_and_no_other(stage):
    callback_id = open_callback(stage, timeout_seconds=25, heartbeat_timeout_seconds=10)
    stage.suspend()
    for _ in range(2):
        stage.advance(9)
        events = stage.events()
        stage.model.callback_heartbeat(callback_id, stage.now)
        assert stage.events() == events
    stage.advance(8)
    assert stage.record("1").error.type == "Callback.Timeout"


def test_the_heartbeat_counts_from_the_last_one(stage):
    callback_id = open_callback(stage, heartbeat_timeout_seconds=10)
    stage.suspend()
    stage.advance(9)
    stage.model.callback_heartbeat(callback_id, stage.now)
    stage.model.callback_heartbeat(callback_id, stage.now)
    beat = stage.now
    stage.advance(9.9)
    assert stage.record("1").status is S.STARTED
    stage.advance(1)
    assert stage.record("1").ended_at_ms == beat + 10_000
    assert stage.record("1").error.type == "Callback.Heartbeat"


def test_a_heartbeat_that_nobody_asked_for_does_nothing(stage):
    callback_id = open_callback(stage, timeout_seconds=10)
    before = stage.picture()
    stage.model.callback_heartbeat(callback_id, stage.now)
    assert stage.picture() == before


def test_the_callbacks_of_a_closed_execution_are_over(stage):
    callback_id = open_callback(stage)
    stage.model.stop(stage.arn, None, stage.now)
    stage.effects()
    assert_is_over(stage, callback_id)
    assert stage.model.open_callbacks(stage.arn) == ()


def test_an_unknown_callback_is_over_and_a_malformed_one_invalid(stage):
    stage.run()
    assert_is_over(stage, b64encode(b"callback of another service").decode())
    for malformed in ("", "not an id", "x" * 1025, b64encode(b"\xff\xfe").decode()):
        with pytest.raises(ServiceError) as caught:
            stage.model.callback_succeed(malformed, None, stage.now)
        assert str(caught.value) == "InvalidParameterValueException: Invalid callback id"


def test_a_callback_runs_out_while_an_invocation_runs_and_comes_with_its_next_checkpoint(stage):
    open_callback(stage, timeout_seconds=10)
    stage.now += 11_000
    (record,) = stage.send().operations
    assert record.status is S.TIMED_OUT
    assert not is_asked_for(stage)
