"""JSON can escape half a character; nothing that has one may be taken, and nothing may break."""

from __future__ import annotations

from base64 import b64encode

import pytest

from durable_core.lowlevel import (
    ErrorObject,
    InvocationOutput,
    InvocationStatus,
    OperationAction,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import ErrorCode, HistoryQuery, ServiceError, StartRequest

HALF = "x\ud83d"
BROKEN = ErrorObject("no", None, HALF, ("at 1", HALF))


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


@pytest.mark.parametrize(
    ("update", "member"),
    [
        (up("1", "STEP", "SUCCEED", payload=HALF), "payload"),
        (up("1", "STEP", "FAIL", error=ErrorObject(HALF)), "error"),
        (up("1", "STEP", "FAIL", error=ErrorObject(None, HALF)), "error"),
        (up("1", "STEP", "FAIL", error=BROKEN), "error"),
        (
            up("1", "CHAINED_INVOKE", "START", function_name="plain", trace_header=HALF),
            "chainedInvokeOptions.xAmznTraceId",
        ),
    ],
)
def test_an_update_with_half_a_character_is_refused(stage, update, member):
    stage.run()
    assert stage.refusal(update) == (
        f"ValidationException: 1 validation error detected: Value at 'updates.1.member.{member}' "
        "failed to satisfy constraint: Member must be valid UTF-8"
    )


def assert_invalid(call, stage):
    before = stage.picture()
    with pytest.raises(ServiceError, match="Member must be valid UTF-8") as caught:
        call()
    assert caught.value.code is ErrorCode.VALIDATION
    assert stage.picture() == before


def test_nor_does_it_come_in_by_another_door(stage):
    (callback,) = stage.run(up("1", "CALLBACK", "START")).operations
    model, callback_id, now = stage.model, callback.callback_id, stage.now
    assert_invalid(lambda: model.callback_succeed(callback_id, HALF, now), stage)
    assert_invalid(lambda: model.callback_fail(callback_id, BROKEN, now), stage)
    assert_invalid(lambda: model.stop(stage.arn, BROKEN, now), stage)
    assert_invalid(lambda: model.pause(stage.arn, now, reason=HALF), stage)
    for more in ({"payload": HALF}, {"tenant_id": HALF}, {"trace_header": HALF}):
        request = StartRequest("f", **more)
        assert_invalid(lambda r=request: model.start_execution(r, now), stage)
    model.pause(stage.arn, now)
    assert_invalid(lambda: model.resume(stage.arn, now, reason=HALF), stage)


def test_the_reason_of_a_pause_has_1024_characters_at_most(stage):
    stage.start()
    with pytest.raises(ServiceError, match="'reason'"):
        stage.model.pause(stage.arn, stage.now, reason="x" * 1025)
    stage.model.pause(stage.arn, stage.now, reason="é" * 1024)
    with pytest.raises(ServiceError, match="'reason'"):
        stage.model.resume(stage.arn, stage.now, reason="x" * 1025)
    assert stage.status == "PAUSED"


@pytest.mark.parametrize(
    "output",
    [
        {"Status": "SUCCEEDED", "Result": HALF},
        InvocationOutput(InvocationStatus.SUCCEEDED, HALF),
        InvocationOutput(InvocationStatus.FAILED, None, BROKEN),
        {"Status": "FAILED", "Error": {"ErrorMessage": HALF}},
        {"Status": "FAILED", "Error": {"ErrorMessage": 5}},
        {"Status": "FAILED", "Error": {"StackTrace": "line"}},
        {"Status": "FAILED", "Error": {"StackTrace": [5]}},
        {"Status": "FAILED", "Error": {"StackTrace": 5}},
    ],
)
def test_an_output_that_cannot_be_stored_is_no_answer(stage, output):
    stage.run()
    stage.end(output)
    error = stage.model.get_execution(stage.arn).error
    assert error.message == "Invalid Status in invocation output."


def test_the_error_of_a_failed_invocation_is_shown_as_what_it_is(limited):
    stage = limited(invocation_attempts=1)
    stage.run()
    stage.model.fail_invocation(stage.arn, stage.invocation, BROKEN, stage.now)
    assert stage.model.get_execution(stage.arn).error == ErrorObject(
        "no", None, r"x\ud83d", ("at 1", r"x\ud83d")
    )


def test_the_outcome_of_a_plain_function_that_cannot_be_stored_is_a_failure(stage):
    invoke = up("1", "CHAINED_INVOKE", "START", function_name="plain")
    stage.run(invoke, invoke._replace(id="2"))
    stage.model.complete_chained_invoke(stage.arn, "1", stage.now, result=HALF)
    assert stage.record("1").error == ErrorObject(
        "CHAINED_INVOKE response could not be decoded as UTF-8."
    )
    stage.model.complete_chained_invoke(stage.arn, "2", stage.now, error=ErrorObject(HALF))
    assert stage.record("2").error == ErrorObject(r"x\ud83d")


@pytest.mark.parametrize("number", ["9" * 3000, "9" * 9000, "٣"])
def test_a_marker_with_an_odd_number_is_refused_or_leads_nowhere(stage, number):
    stage.run()
    marker = b64encode(f"history {number}".encode()).decode()
    try:
        assert len(stage.model.get_history(stage.arn, HistoryQuery(marker=marker)).events) <= 1
    except ServiceError as refusal:
        assert refusal.message == "Invalid Marker"  # noqa: PT017
