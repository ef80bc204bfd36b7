from __future__ import annotations

import pytest

from durable_core.lowlevel import ErrorObject, OperationAction, OperationType, OperationUpdate
from durable_testing.model import ErrorCode, FunctionConfig, ServiceError, StartMode, StartRequest

KIB = 1024


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


def failing(**fields):
    return up("1", "STEP", "FAIL", error=ErrorObject(**fields))


TOO_LARGE = {
    "a step's result": (
        up("1", "STEP", "SUCCEED", payload="x" * 262_145),
        "STEP output payload size must be less than or equal to 262144 bytes.",
    ),
    "a step's result in two-byte letters": (
        up("1", "STEP", "SUCCEED", payload="é" * 131_073),
        "STEP output payload size must be less than or equal to 262144 bytes.",
    ),
    "a step's state": (
        up("1", "STEP", "RETRY", payload="x" * 262_145, next_attempt_delay_seconds=1),
        "STEP output payload size must be less than or equal to 262144 bytes.",
    ),
    "a context's result": (
        up("c", "CONTEXT", "SUCCEED", payload="x" * 262_145),
        "CONTEXT output payload size must be less than or equal to 262144 bytes.",
    ),
    "an invoke's input": (
        up("1", "CHAINED_INVOKE", "START", function_name="plain", payload="x" * 1_048_577),
        "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes.",
    ),
    "an error": (
        failing(message="x" * 262_144),
        "Error object size must be less than or equal to 262144 bytes.",
    ),
    "an error's stack": (
        failing(stack_trace=("x" * 131_072, "y" * 131_072)),
        "Error object size must be less than or equal to 262144 bytes.",
    ),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_is_too_large_is_refused(stage, case):
    update, message = TOO_LARGE[case]
    stage.run(up("c", "CONTEXT", "START"))
    assert stage.refusal(update) == f"InvalidParameterValueException: {message}"


@pytest.mark.parametrize(
    "update",
    [
        up("1", "STEP", "SUCCEED", payload="x" * 262_144),
        up("1", "STEP", "SUCCEED", payload="é" * 131_072),
        failing(message="x" * (262_144 - len('{"ErrorMessage":""}'))),
        up("1", "CHAINED_INVOKE", "START", function_name="plain", payload="x" * 1_048_576),
    ],
)
def test_what_is_just_as_large_as_allowed_is_taken(stage, update):
    stage.run(update)
    assert stage.record("1")


@pytest.mark.parametrize(
    ("mode", "limit"),
    [(StartMode.EMBEDDED, None), (StartMode.ASYNC, 1_048_576), (StartMode.CHAINED, 1_048_576)],
)
def test_how_large_a_checkpointed_result_may_be_depends_on_the_start(stage, mode, limit):
    stage.start(mode=mode)
    stage.begin()
    update = up("r", "EXECUTION", "SUCCEED", payload="x" * 1_048_577)
    if limit is None:
        stage.send(update)
        assert stage.status == "SUCCEEDED"
    else:
        assert f"Execution output payload size must be less than or equal to {limit}" in (
            stage.refusal(update)
        )


def test_billed_operations_end_at_the_limit_and_not_before(limited):
    stage = limited(max_operations=4)
    stage.run(up("1", "STEP", "START"))  # the execution and one step
    stage.send(up("1", "STEP", "RETRY", next_attempt_delay_seconds=1))  # a retry counts
    stage.send(up("2", "CONTEXT", "START"))
    refusal = stage.refusal(up("3", "CONTEXT", "START", name="late"), up("4", "CONTEXT", "START"))
    assert refusal == (
        "InvalidParameterValueException: Durable execution exceeds the limit of 4 operations with "
        "CONTEXT 'late' (3). Do more in one step, or give a part of the work to another durable "
        "function by context.invoke(), which has an execution of its own."
    )
    stage.send(up("2", "CONTEXT", "SUCCEED"))  # the end of an operation is free
    assert stage.model.get_execution(stage.arn).billed_operations == 4


def test_written_bytes_end_at_the_limit_and_not_before(limited):
    stage = limited(max_storage_bytes=10)
    stage.run(up("1", "STEP", "SUCCEED", payload="x" * 8))  # and `{}`, the input
    refusal = stage.refusal(up("2", "STEP", "SUCCEED", payload="x"))
    assert "exceeds the limit of 10 bytes written with STEP (2). Keep large values" in refusal
    stage.send(up("2", "STEP", "SUCCEED"))
    assert stage.model.get_execution(stage.arn).bytes_written == 10


def test_a_callbacks_answer_may_be_1_mib(stage):
    (callback,) = stage.run(up("1", "CALLBACK", "START")).operations
    before = stage.picture()
    with pytest.raises(ServiceError, match="Member must have length less than or equal to 1048576"):
        stage.model.callback_succeed(callback.callback_id, b"x" * 1_048_577, stage.now)
    with pytest.raises(ServiceError, match="Error object size") as caught:
        stage.model.callback_fail(callback.callback_id, ErrorObject("x" * 262_144), stage.now)
    assert caught.value.code is ErrorCode.INVALID_PARAMETER_VALUE
    with pytest.raises(ServiceError, match="could not be decoded"):
        stage.model.callback_succeed(callback.callback_id, b"\xff", stage.now)
    assert stage.picture() == before
    stage.model.callback_succeed(callback.callback_id, b"x" * 1_048_576, stage.now)
    assert len(stage.record("1").result) == 1_048_576


@pytest.mark.parametrize(("mode", "limit"), [(StartMode.ASYNC, 1024), (StartMode.SYNC, 6 * 1024)])
def test_an_input_over_the_limit_is_too_large(stage, mode, limit):
    stage.model.add_function(FunctionConfig(name="short", execution_timeout_seconds=900))
    size = limit * KIB
    request = StartRequest("short", "x" * size, "a", "1", mode)
    assert stage.model.start_execution(request, stage.now).is_new
    with pytest.raises(ServiceError, match="too large") as caught:
        stage.model.start_execution(request._replace(name="b", payload="x" * (size + 1)), stage.now)
    assert caught.value.form.status == 413
