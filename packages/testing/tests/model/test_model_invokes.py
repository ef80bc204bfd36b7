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
from durable_testing.model import ChainedInvoke, Invoke, StartRequest

S = OperationStatus
UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def invoke(function_name="plain", **more):
    return OperationUpdate(
        "1",
        OperationType.CHAINED_INVOKE,
        OperationAction.START,
        function_name=function_name,
        **more,
    )


def child_of(stage):
    return next(arn for arn in stage.model.arns() if arn != stage.arn)


def outcome(stage):
    record = stage.record("1")
    return record.status, record.result, record.error


def run_child(stage, **update):
    """Start the child and begin its invocation; returns how to end it."""
    stage.run(invoke("child:1", **update))
    stage.suspend()
    child = child_of(stage)
    invocation = stage.begin(child)

    def end(status, result=None, error=None):
        output = InvocationOutput(InvocationStatus[status], result, error)
        stage.model.end_invocation(child, invocation.invocation_id, output, stage.now)

    return end


@pytest.mark.parametrize("form", ["plain", "plain:$LATEST", f"{ARN}plain", f"{ARN}plain:1"])
def test_a_plain_target_is_dispatched_once_in_any_form_of_its_name(stage, form):
    (record,) = stage.run(invoke(form, payload="[1]", tenant_id="t", trace_header="x")).operations
    assert record.status is S.STARTED
    version = "1" if form.endswith(":1") else "$LATEST"
    assert stage.effects() == [
        ChainedInvoke(stage.arn, "1", "plain", version, "[1]", "t", "x"),
    ]
    event = stage.model.history(stage.arn)[-1]
    assert event.details == {
        "FunctionName": form,
        "Input": {"Payload": "[1]", "Truncated": False},
        "ExecutedVersion": version,
        "TenantId": "t",
    }


def test_a_plain_target_without_payload_receives_an_empty_object(stage):
    stage.run(invoke())
    assert stage.effects()[0].payload == "{}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"result": '{"a":1}'}, (S.SUCCEEDED, '{"a":1}', None)),
        ({"result": b"[1]"}, (S.SUCCEEDED, "[1]", None)),
        ({"result": None}, (S.SUCCEEDED, None, None)),
        (
            {"error": ErrorObject("no", "ValueError", None, ("at 1",))},
            (S.FAILED, None, ErrorObject("no", "ValueError", None, ("at 1",))),
        ),
        (
            {"result": "x" * 1_048_577},
            (
                S.FAILED,
                None,
                ErrorObject(
                    "CHAINED_INVOKE output payload size must be less than or equal to "
                    "1048576 bytes."
                ),
            ),
        ),
        (
            {"result": b"\xff"},
            (
                S.FAILED,
                None,
                ErrorObject("CHAINED_INVOKE response could not be decoded as UTF-8."),
            ),
        ),
    ],
)
def test_the_outcome_of_a_plain_target_settles_the_operation(stage, answer, expected):
    stage.run(invoke())
    stage.suspend()
    stage.effects()
    stage.model.complete_chained_invoke(stage.arn, "1", stage.now, **answer)
    assert outcome(stage) == expected
    assert stage.begin().input.updated_operation_ids == {"1"}
    before = stage.picture()
    stage.model.complete_chained_invoke(stage.arn, "1", stage.now, result="late")
    assert stage.picture() == before  # the first outcome stays


def test_an_outcome_nobody_waits_for_is_dropped(stage):
    stage.run(invoke(), OperationUpdate("2", OperationType.STEP, OperationAction.START))
    for operation_id in ("2", "3"):
        stage.model.complete_chained_invoke(stage.arn, operation_id, stage.now, result="1")
    stage.model.complete_chained_invoke("arn:unknown", "1", stage.now, result="1")
    assert stage.record("2").status is S.STARTED
    stage.model.stop(stage.arn, None, stage.now)
    stage.model.complete_chained_invoke(stage.arn, "1", stage.now, result="1")
    assert stage.record("1").status is S.STARTED


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("child", ErrorObject(UNQUALIFIED, "InvalidParameterValueException")),
        (
            "nobody",
            ErrorObject(f"Function not found: {ARN}nobody:$LATEST", "ResourceNotFoundException"),
        ),
        (
            "plain:9",
            ErrorObject(f"Function not found: {ARN}plain:9", "ResourceNotFoundException"),
        ),
    ],
)
def test_an_unresolvable_target_fails_in_the_same_response(stage, target, error):
    (record,) = stage.run(invoke(target, payload="1")).operations
    assert (record.status, record.error) == (S.FAILED, error)
    assert record.started_at_ms == record.ended_at_ms
    assert stage.effects() == []
    started, failed = stage.model.history(stage.arn)[-2:]
    assert (started.type, started.details) == ("ChainedInvokeStarted", {"FunctionName": target})
    assert failed.type == "ChainedInvokeFailed"


def test_a_local_engine_may_leave_the_qualifier_out(limited):
    stage = limited(needs_qualifier=False)
    stage.run(invoke("child"))
    assert ":function:child:1/" in child_of(stage)


@pytest.mark.parametrize("qualifier", ["1", "live"])
def test_a_durable_target_is_an_execution_of_its_own(stage, qualifier):
    stage.run(invoke(f"child:{qualifier}", payload="[1]"))
    child = child_of(stage)
    (effect,) = stage.effects()
    assert effect == Invoke(child, "child", "1")
    details = stage.model.history(stage.arn)[-1].details
    assert (details["DurableExecutionArn"], details["ExecutedVersion"]) == (child, "1")
    description = stage.model.get_execution(child)
    assert (description.input_payload, description.execution_timeout_seconds) == ("[1]", 3600)


def test_a_childs_result_comes_back(stage):
    end = run_child(stage)
    assert stage.model.get_execution(child_of(stage)).input_payload is None
    end("SUCCEEDED", "42")
    assert outcome(stage) == (S.SUCCEEDED, "42", None)
    assert [type(effect).__name__ for effect in stage.effects()] == ["ExecutionClosed", "Invoke"]


def test_a_childs_error_comes_back(stage):
    end = run_child(stage)
    end("FAILED", error=ErrorObject("no", "ValueError"))
    assert outcome(stage) == (S.FAILED, None, ErrorObject("no", "ValueError"))


def test_a_childs_result_may_be_1_mib(stage):
    end = run_child(stage)
    end("SUCCEEDED", "x" * 1_048_577)
    status, _, error = outcome(stage)
    message = "Execution output payload size must be less than or equal to 1048576 bytes."
    assert (status, error.message) == (S.FAILED, message)


def test_a_childs_timeout_comes_back_as_one(stage):
    run_child(stage)
    stage.advance(3601)
    assert outcome(stage) == (
        S.TIMED_OUT,
        None,
        ErrorObject("CHAINED_INVOKE timed out after 3600 seconds.", "ChainedInvoke.Timeout"),
    )
    assert stage.model.history(stage.arn)[-1].type == "ChainedInvokeTimedOut"


def test_a_stopped_child_comes_back_with_the_error_of_the_stop(stage):
    run_child(stage)
    stage.model.stop(child_of(stage), ErrorObject("enough", "Operator"), stage.now)
    assert outcome(stage) == (S.STOPPED, None, ErrorObject("enough", "Operator"))
    assert stage.model.history(stage.arn)[-1].type == "ChainedInvokeStopped"


def test_a_child_outlives_its_parent_and_its_outcome_is_dropped(stage):
    end = run_child(stage)
    stage.model.stop(stage.arn, None, stage.now)
    end("SUCCEEDED", "42")
    assert stage.model.get_execution(child_of(stage)).status == "SUCCEEDED"
    assert stage.record("1").status is S.STARTED
    assert stage.events()[-1] == "ExecutionStopped"


def test_a_child_whose_parent_is_gone_ends_alone(stage):
    end = run_child(stage)
    stage.model.stop(stage.arn, None, stage.now)
    stage.model.delete(stage.arn, stage.now)
    child = child_of(stage)
    stage.advance(2)
    end("SUCCEEDED", "42")
    assert stage.model.get_execution(child).status == "SUCCEEDED"


def test_an_invoke_beside_the_closing_update_is_still_sent(stage):
    close = OperationUpdate("r", OperationType.EXECUTION, OperationAction.SUCCEED)
    stage.run(invoke(), close)
    assert [type(effect).__name__ for effect in stage.effects()] == [
        "ChainedInvoke",
        "ExecutionClosed",
    ]


def test_the_trace_header_is_inherited_unless_given(stage):
    request = StartRequest("f", name="traced", trace_header="Root=1")
    stage.arn = stage.model.start_execution(request, stage.now).execution_arn
    assert stage.begin().trace_header == "Root=1"
    stage.send(invoke())
    assert stage.effects()[0].trace_header == "Root=1"
