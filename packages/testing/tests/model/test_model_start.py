from __future__ import annotations

import pytest

from durable_testing.model import (
    ErrorCode,
    FunctionConfig,
    Invoke,
    ServiceError,
    StartMode,
    StartRequest,
    seeded_ids,
)

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."
MODES = (StartMode.SYNC, StartMode.ASYNC, StartMode.CHAINED)


def start(stage, function_name="f", **more):
    return stage.model.start_execution(StartRequest(function_name, **more), stage.now)


def refusal(stage, function_name="f", **more):
    before = (stage.model.arns(), stage.model.take_effects())
    with pytest.raises(ServiceError) as caught:
        start(stage, function_name, **more)
    assert (stage.model.arns(), []) == (before[0], stage.model.take_effects())
    return caught.value


def test_a_start_asks_for_an_invocation(stage):
    started = start(stage, name="run", payload="1")
    assert started.is_new
    assert stage.effects() == [Invoke(started.execution_arn, "f", "1")]
    description = stage.model.get_execution(started.execution_arn)
    assert (description.name, description.version, description.input_payload) == ("run", "1", "1")
    assert description.function_arn == f"{ARN}f:1"
    assert description.started_at_ms == stage.now
    assert description.expected_timeout_at_ms == stage.now + 86_400_000
    (event,) = stage.model.history(started.execution_arn)
    assert (event.id, event.type, event.name) == (1, "ExecutionStarted", "run")
    assert event.details == {
        "Input": {"Payload": "1", "Truncated": False},
        "ExecutionTimeout": 86_400,
    }


def test_a_start_without_a_name_is_given_one(stage):
    first, second = start(stage), start(stage)
    assert first.execution_arn != second.execution_arn
    assert len(stage.model.get_execution(first.execution_arn).name) == 36


@pytest.mark.parametrize(
    ("name", "qualifier", "version"),
    [
        ("child", "1", "1"),
        ("child:1", None, "1"),
        ("child:live", None, "1"),
        ("child:$LATEST", None, "$LATEST"),
        ("child:1", "$LATEST", "$LATEST"),
        ("123456789012:function:child:1", None, "1"),
        ("function:child:live", None, "1"),
        (f"{ARN}child:live", None, "1"),
        (f"{ARN}child", "live", "1"),
    ],
)
def test_a_function_may_be_named_in_any_form(stage, name, qualifier, version):
    started = start(stage, name, qualifier=qualifier, mode=StartMode.ASYNC)
    assert stage.model.get_execution(started.execution_arn).version == version


def test_the_same_name_and_input_is_the_same_execution(stage):
    first = start(stage, name="run", payload="1")
    stage.effects()
    again = start(stage, name="run", payload="1")
    assert again == (first.execution_arn, False)
    assert stage.effects() == []
    stage.model.stop(first.execution_arn, None, stage.now)
    assert start(stage, name="run", payload="1") == again
    assert stage.model.find_execution("f", "run") == first.execution_arn


@pytest.mark.parametrize("more", [{"payload": "2"}, {"payload": "1", "qualifier": "$LATEST"}, {}])
def test_the_same_name_with_another_input_or_version_is_taken(stage, more):
    first = start(stage, name="run", payload="1")
    error = refusal(stage, name="run", **more)
    assert (error.code, error.form.status) == (ErrorCode.ALREADY_STARTED, 409)
    assert error.message == f"Execution already started: {first.execution_arn}"


def test_a_name_belongs_to_its_function(stage):
    assert start(stage, name="run").is_new
    assert start(stage, "child", name="run").is_new


@pytest.mark.parametrize("mode", MODES)
def test_the_front_door_needs_a_qualifier(stage, mode):
    error = refusal(stage, mode=mode)
    assert str(error) == f"InvalidParameterValueException: {UNQUALIFIED}"


def test_a_local_front_door_may_do_without(limited):
    stage = limited(needs_qualifier=False)
    assert start(stage, mode=StartMode.ASYNC).is_new


def test_a_synchronous_start_takes_15_minutes_at_most(stage):
    error = refusal(stage, mode=StartMode.SYNC, qualifier="1")
    assert error.message == (
        "You cannot synchronously invoke a durable function with an executionTimeout greater "
        "than 15 minutes."
    )
    stage.model.add_function(FunctionConfig(name="short", execution_timeout_seconds=900))
    assert start(stage, "short", mode=StartMode.SYNC, qualifier="1").is_new


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a/b"])
def test_a_malformed_name_is_a_validation_exception(stage, name):
    error = refusal(stage, name=name)
    assert error.code is ErrorCode.VALIDATION
    assert "'durableExecutionName'" in error.message


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nobody:1", "ResourceNotFoundException: Function not found: " + ARN + "nobody:1"),
        ("nobody", "ResourceNotFoundException: Function not found: " + ARN + "nobody"),
        ("f:9", "ResourceNotFoundException: Function not found: " + ARN + "f:9"),
        ("plain:1", "InvalidParameterValueException: Function plain is not a durable function"),
        ("a b", "InvalidParameterValueException: Invalid function ARN 'a b'"),
    ],
)
def test_what_cannot_be_started_is_refused(stage, function, message):
    assert str(refusal(stage, function)) == message


def test_functions_are_listed_and_replaced(stage):
    assert [function.name for function in stage.model.functions()] == ["f", "child", "plain"]
    stage.model.add_function(FunctionConfig(name="f", execution_timeout_seconds=7))
    assert stage.model.function("f").execution_timeout_seconds == 7
    assert stage.model.function("nobody") is None
    assert stage.model.config.max_operations == 3000


def test_seeded_ids_repeat_and_differ():
    first, second, other = seeded_ids(1), seeded_ids(1), seeded_ids(2)
    ids = [first() for _ in range(100)]
    assert len(set(ids)) == 100
    assert ids[:3] == [second() for _ in range(3)]
    assert other() not in ids
