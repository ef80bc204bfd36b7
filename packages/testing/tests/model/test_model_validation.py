from __future__ import annotations

import pytest

from durable_core.lowlevel import (
    LEGAL_ACTIONS,
    TRANSITIONS,
    ErrorObject,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import ErrorCode, ServiceError

T, A, S = OperationType, OperationAction, OperationStatus
ERROR = ErrorObject("no", "ValueError")


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, T[kind], A[action], **more)


def options(kind, action):
    """What an update of that kind needs to be judged by its status alone."""
    match kind, action:
        case T.STEP, A.RETRY:
            return {"next_attempt_delay_seconds": 5}
        case T.WAIT, A.START:
            return {"wait_seconds": 10}
        case T.CHAINED_INVOKE, A.START:
            return {"function_name": "plain"}
        case _:
            return {}


def reach(stage, kind, status):
    """Bring operation "x" into that status."""
    start = up("x", kind.value, "START", **options(kind, A.START))
    match kind, status:
        case _, None:
            stage.run()
        case _, S.STARTED:
            stage.run(start)
        case ((T.STEP | T.CONTEXT), (S.SUCCEEDED | S.FAILED)):
            stage.run(start, up("x", kind.value, status.value.removesuffix("ED")[:7]))
        case T.STEP, (S.PENDING | S.READY):
            stage.run(up("x", "STEP", "RETRY", next_attempt_delay_seconds=5))
            stage.now += 6000 * (status is S.READY)
        case T.WAIT, S.CANCELLED:
            stage.run(start)
            stage.send(up("x", "WAIT", "CANCEL"))
        case T.WAIT, S.SUCCEEDED:
            stage.run(start)
            stage.now += 11_000
        case T.CALLBACK, _:
            reach_callback(stage, start, status)
        case _:
            reach_invoke(stage, start, status)


def reach_callback(stage, start, status):
    (callback,) = stage.run(start._replace(timeout_seconds=10)).operations
    if status is S.SUCCEEDED:
        stage.model.callback_succeed(callback.callback_id, "1", stage.now)
    elif status is S.FAILED:
        stage.model.callback_fail(callback.callback_id, None, stage.now)
    else:
        stage.now += 11_000


def reach_invoke(stage, start, status):
    if status in (S.SUCCEEDED, S.FAILED):
        stage.run(start)
        error = ERROR if status is S.FAILED else None
        stage.model.complete_chained_invoke(stage.arn, "x", stage.now, error=error)
        return
    stage.run(start._replace(function_name="child:1"))
    child = next(arn for arn in stage.model.arns() if ":child:" in arn)
    if status is S.STOPPED:
        stage.model.stop(child, None, stage.now)
    else:
        stage.now += 3_601_000
        stage.model.fire_due(stage.now)


TERMINAL = {
    T.CONTEXT: (S.SUCCEEDED, S.FAILED),
    T.STEP: (S.SUCCEEDED, S.FAILED),
    T.WAIT: (S.SUCCEEDED, S.CANCELLED),
    T.CALLBACK: (S.SUCCEEDED, S.FAILED, S.TIMED_OUT),
    T.CHAINED_INVOKE: (S.SUCCEEDED, S.FAILED, S.TIMED_OUT, S.STOPPED),
}
ROWS = [
    (kind, status, action)
    for kind, rows in TRANSITIONS.items()
    if kind is not T.EXECUTION
    for status in (*rows, *TERMINAL[kind])
    for action in sorted(LEGAL_ACTIONS[kind])
]
REFUSALS = {
    (T.CONTEXT, A.START): "Cannot start a CONTEXT that already exist.",
    (T.CONTEXT, A.SUCCEED): "Invalid current CONTEXT state to close.",
    (T.CONTEXT, A.FAIL): "Invalid current CONTEXT state to close.",
    (T.STEP, A.START): "Invalid current STEP state to start.",
    (T.STEP, A.SUCCEED): "Invalid current STEP state to close.",
    (T.STEP, A.FAIL): "Invalid current STEP state to close.",
    (T.STEP, A.RETRY): "Invalid current STEP state to re-attempt.",
    (T.WAIT, A.START): "Cannot start a WAIT that already exist.",
    (T.WAIT, A.CANCEL): "Cannot cancel a WAIT that does not exist or has already completed.",
    (T.CALLBACK, A.START): "Cannot start a CALLBACK that already exist.",
    (T.CHAINED_INVOKE, A.START): "Cannot start a CHAINED_INVOKE operation that already exists.",
}


@pytest.mark.parametrize(("kind", "status", "action"), ROWS)
def test_an_action_does_what_the_table_says_and_else_nothing(stage, kind, status, action):
    reach(stage, kind, status)
    update = up("x", kind.value, action.value, **options(kind, action))
    expected = TRANSITIONS[kind].get(status, {}).get(action)
    if expected is None:
        stage.send()  # due timers first: the refusal alone changes nothing
        assert (stage.record("x").status if status else None) == status
        message = stage.refusal(update)
        assert message == f"InvalidParameterValueException: {REFUSALS[kind, action]}"
    else:
        stage.send(update)
        assert stage.record("x").status is expected


CONTEXT = up("c", "CONTEXT", "START")
STEP = up("s", "STEP", "START", parent_id="c", name="load", subtype="Step")
CLOSE = up("r", "EXECUTION", "SUCCEED")
BATCHES = {
    "two results": ((CLOSE, CLOSE), "Cannot checkpoint multiple EXECUTION updates."),
    "a result before the end": (
        (CLOSE, up("1", "CONTEXT", "START")),
        "EXECUTION checkpoint must be the last update.",
    ),
    "two starts": (
        (up("1", "STEP", "START"), up("1", "STEP", "START")),
        "Cannot update the same operation twice in a single request.",
    ),
    "a close before a close": (
        (up("1", "STEP", "SUCCEED"), up("1", "STEP", "FAIL")),
        "Cannot update the same operation twice in a single request.",
    ),
    "three of one step": (
        (up("1", "STEP", "START"), up("1", "STEP", "SUCCEED"), up("1", "STEP", "FAIL")),
        "Cannot update the same operation twice in a single request.",
    ),
    "start and cancel of a wait": (
        (up("1", "WAIT", "START", wait_seconds=1), up("1", "WAIT", "CANCEL")),
        "Cannot update the same operation twice in a single request.",
    ),
    "an unknown parent": (
        (up("1", "STEP", "START", parent_id="nobody"),),
        "Invalid parent operation id.",
    ),
    "a step as parent": (
        (up("1", "STEP", "START", parent_id="s"),),
        "Invalid parent operation id.",
    ),
    "a step of this batch as parent": (
        (up("1", "STEP", "START"), up("2", "STEP", "START", parent_id="1")),
        "Invalid parent operation id.",
    ),
    "a parent that comes later": (
        (up("2", "STEP", "START", parent_id="1"), up("1", "CONTEXT", "START")),
        "Invalid parent operation id.",
    ),
    "another type": ((up("s", "CONTEXT", "SUCCEED"),), "Inconsistent operation type."),
    "another subtype": (
        (up("s", "STEP", "SUCCEED", subtype="WaitForCondition"),),
        "Inconsistent operation subtype.",
    ),
    "another name": ((up("s", "STEP", "SUCCEED", name="save"),), "Inconsistent operation name."),
    "another parent": (
        (up("d", "CONTEXT", "START"), up("s", "STEP", "SUCCEED", parent_id="d")),
        "Inconsistent parent operation id.",
    ),
    "another type in the batch": (
        (up("1", "STEP", "START"), up("1", "CONTEXT", "SUCCEED")),
        "Inconsistent operation type.",
    ),
    "an unknown action of a wait": (
        (up("1", "WAIT", "SUCCEED"),),
        "Invalid action for the given operation type.",
    ),
    "a cancelled callback": (
        (up("1", "CALLBACK", "CANCEL"),),
        "Invalid action for the given operation type.",
    ),
    "a cancelled invoke": (
        (up("1", "CHAINED_INVOKE", "CANCEL"),),
        "Invalid action for the given operation type.",
    ),
    "a retried context": (
        (up("c", "CONTEXT", "RETRY"),),
        "Invalid action for the given operation type.",
    ),
    "a started execution": ((up("r", "EXECUTION", "START"),), "Invalid EXECUTION action."),
    "a success with an error": (
        (up("s", "STEP", "SUCCEED", error=ERROR),),
        "Cannot provide an Error for SUCCEED action.",
    ),
    "a failure with a payload": (
        (up("c", "CONTEXT", "FAIL", payload="1"),),
        "Cannot provide a Payload for FAIL action.",
    ),
    "a successful execution with an error": (
        (up("r", "EXECUTION", "SUCCEED", error=ERROR),),
        "Cannot provide an Error for SUCCEED action.",
    ),
    "a failed execution with a payload": (
        (up("r", "EXECUTION", "FAIL", payload="1"),),
        "Cannot provide a Payload for FAIL action.",
    ),
    "a retry without a delay": (
        (up("s", "STEP", "RETRY"),),
        "Invalid StepOptions for the given action.",
    ),
    "a delay without a retry": (
        (up("s", "STEP", "FAIL", next_attempt_delay_seconds=1),),
        "Invalid StepOptions for the given action.",
    ),
    "a retry with both": (
        (up("1", "STEP", "RETRY", payload="1", error=ERROR, next_attempt_delay_seconds=1),),
        "Cannot provide both error and payload to RETRY a STEP.",
    ),
    "a wait of no length": (
        (up("1", "WAIT", "START"),),
        "Update for WAIT operation requires WaitOptions.",
    ),
    "an invoke of nothing": (
        (up("1", "CHAINED_INVOKE", "START"),),
        "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.",
    ),
    "an invoke of an invalid tenant": (
        (up("1", "CHAINED_INVOKE", "START", function_name="plain", tenant_id="a#b"),),
        "TenantId must be 1 to 256 characters matching [a-zA-Z0-9._:/=+-@ ].",
    ),
    "an invoke in another account": (
        (
            up(
                "1",
                "CHAINED_INVOKE",
                "START",
                function_name="arn:aws:lambda:us-east-1:999999999999:function:plain",
            ),
        ),
        "Cannot start a CHAINED_INVOKE on a function in another account.",
    ),
    "an invoke in another region": (
        (
            up(
                "1",
                "CHAINED_INVOKE",
                "START",
                function_name="arn:aws:lambda:eu-west-1:123456789012:function:plain",
            ),
        ),
        "Cannot start a CHAINED_INVOKE on a function in another region.",
    ),
    "an invoke of half an ARN": (
        (up("1", "CHAINED_INVOKE", "START", function_name="arn:aws:lambda:plain"),),
        "Invalid function ARN 'arn:aws:lambda:plain'",
    ),
}


@pytest.mark.parametrize("case", BATCHES)
def test_a_batch_is_refused_whole_in_the_words_of_the_service(stage, case):
    updates, message = BATCHES[case]
    stage.run(CONTEXT, STEP)
    # What comes before a bad update is fine, and is not applied all the same.
    fine = up("fine", "STEP", "SUCCEED", payload="1")
    assert stage.refusal(fine, *updates) == f"InvalidParameterValueException: {message}"
    assert "fine" not in stage.execution.records
    stage.send(fine)


def test_a_context_and_its_child_may_start_and_close_in_one_batch(stage):
    stage.run(
        CONTEXT,
        STEP,
        up("s", "STEP", "SUCCEED", payload="1", parent_id="c", name="load", subtype="Step"),
        up("c", "CONTEXT", "SUCCEED", payload="2"),
    )
    assert stage.record("s").parent_id == "c"
    assert stage.record("c").result == "2"


def test_what_an_update_leaves_out_is_not_compared(stage):
    stage.run(CONTEXT, STEP)
    stage.send(up("s", "STEP", "SUCCEED"))
    assert stage.record("s").name == "load"


SHAPES = {
    "an empty id": (up("", "STEP", "START"), "Value '' at 'updates.1.member.id' failed"),
    "an id with a space": (up("a b", "STEP", "START"), "'updates.1.member.id'"),
    "a long id": (up("a" * 65, "STEP", "START"), "'updates.1.member.id'"),
    "a parent with a slash": (up("1", "STEP", "START", parent_id="a/b"), "member.parentId'"),
    "a name in French": (up("1", "STEP", "START", name="é"), "'updates.1.member.name'"),
    "a long name": (up("1", "STEP", "START", name="n" * 257), "'updates.1.member.name'"),
    "a subtype with a space": (up("1", "STEP", "START", subtype="a b"), "member.subType'"),
    "a function name with a space": (
        up("1", "CHAINED_INVOKE", "START", function_name="a b"),
        "member.chainedInvokeOptions.functionName'",
    ),
    "a payload over 6 MiB": (
        up("1", "STEP", "SUCCEED", payload="x" * 6_291_457),
        (
            "Value at 'updates.1.member.payload' failed to satisfy constraint: "
            "Member must have length less than or equal to 6291456"
        ),
    ),
    "no delay": (
        up("1", "STEP", "RETRY", next_attempt_delay_seconds=0),
        (
            "Value '0' at 'updates.1.member.stepOptions.nextAttemptDelaySeconds' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1"
        ),
    ),
    "a wait of 367 days": (
        up("1", "WAIT", "START", wait_seconds=31_622_401),
        (
            "Value '31622401' at 'updates.1.member.waitOptions.waitSeconds' failed to satisfy "
            "constraint: Member must have value less than or equal to 31622400"
        ),
    ),
    "a negative timeout": (
        up("1", "CALLBACK", "START", timeout_seconds=-1),
        "member.callbackOptions.timeoutSeconds'",
    ),
    "a long heartbeat": (
        up("1", "CALLBACK", "START", heartbeat_timeout_seconds=100_000_000),
        "member.callbackOptions.heartbeatTimeoutSeconds'",
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_malformed_member_is_a_validation_exception(stage, case):
    update, message = SHAPES[case]
    stage.run()
    refusal = stage.refusal(update)
    assert refusal.startswith("ValidationException: 1 validation error detected: ")
    assert message in refusal


def test_shapes_come_before_meaning_and_all_of_them_are_named(stage):
    stage.run()
    refusal = stage.refusal(CLOSE, up("a b", "STEP", "START"), up("1", "STEP", "START", name=""))
    assert "2 validation errors detected: " in refusal
    assert "'updates.2.member.id'" in refusal.split("; ")[0]
    assert "'updates.3.member.name'" in refusal.split("; ")[1]


@pytest.mark.parametrize("token", ["", "no token", "a" * 2049])
def test_a_malformed_checkpoint_token_is_a_validation_exception(stage, token):
    stage.run()
    stage.token = token
    assert "ValidationException" in stage.refusal()
    assert "'checkpointToken'" in stage.refusal()


@pytest.mark.parametrize("token", ["two words", "ü", "x" * 65])
def test_a_malformed_client_token_is_a_validation_exception(stage, token):
    stage.run()
    with pytest.raises(ServiceError, match="'clientToken'") as caught:
        stage.send(call=token)
    assert caught.value.code is ErrorCode.VALIDATION
    assert caught.value.form.status == 400
