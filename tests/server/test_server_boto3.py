"""boto3 cannot tell the server from Lambda: each operation, and each modelled error by its code."""

from __future__ import annotations

import json
from datetime import datetime
from queue import SimpleQueue
from typing import Any

import pytest
from botocore.exceptions import ClientError

from durable_core import CallbackError
from durable_testing.engine import durable_function, plain_function
from durable_testing.model import ErrorCode, ServiceError
from durable_testing.server import ApiError

CALLBACKS: SimpleQueue[str] = SimpleQueue()
"""Callback ids, as soon as their workflow has them."""


async def orders(event: dict[str, Any], context: Any) -> dict[str, Any]:
    price = await context.step("price", lambda: event["quantity"] * 5)
    await context.wait("settle", 1)
    return {"total": await context.step("add-tax", lambda: price * 1.2)}


async def quick(event: dict[str, Any], context: Any) -> None:
    pass


async def approval(event: dict[str, Any], context: Any) -> str:
    answered, callback_id = await context.create_callback("approve", **event)
    await context.step("ask", CALLBACKS.put, callback_id)
    try:
        return await answered
    except CallbackError as error:
        return str(error)


async def broken(event: dict[str, Any], context: Any) -> None:
    raise ValueError("out of stock")


def adder(event: list[int]) -> int:
    return sum(event)


FUNCTIONS = (
    durable_function("orders", orders, execution_timeout_seconds=900, alias="live"),
    durable_function("quick", quick, execution_timeout_seconds=900),
    durable_function("approval", approval, execution_timeout_seconds=900),
    durable_function("broken", broken, execution_timeout_seconds=900),
    durable_function("long", orders, execution_timeout_seconds=901),
    plain_function("adder", adder),
)


@pytest.fixture(autouse=True)
def no_callbacks_of_other_tests():
    """A step that gave an id away runs again where its result was not recorded."""
    while not CALLBACKS.empty():
        CALLBACKS.get()


@pytest.fixture
def client(start_server):
    return start_server(functions=FUNCTIONS).client()


@pytest.fixture(params=["memory", "sqlite"])
def any_client(request, start_server, tmp_path):
    database = tmp_path / "server.db" if request.param == "sqlite" else None
    return start_server(functions=FUNCTIONS, database=database).client()


def start(client, function="approval:1", payload=b"{}", **options) -> str:
    response = client.invoke(
        FunctionName=function, InvocationType="Event", Payload=payload, **options
    )
    assert response["StatusCode"] == 202
    return response["DurableExecutionArn"]


def outcome(client, function, name, payload=b"{}") -> Any:
    """Invoke again what was invoked under a name: waits for it, and answers as it does."""
    response = client.invoke(FunctionName=function, DurableExecutionName=name, Payload=payload)
    return json.loads(response["Payload"].read())


def status_becomes(client, arn: str, status: str) -> dict[str, Any]:
    for _ in range(10_000):
        description = client.get_durable_execution(DurableExecutionArn=arn)
        if description["Status"] == status:
            return description
    raise AssertionError(description)


@pytest.mark.parametrize("function", ["orders:live", "orders:1", "orders:$LATEST"])
def test_a_function_is_invoked_by_name_with_version_or_alias(any_client, function):
    response = any_client.invoke(FunctionName=function, Payload=b'{"quantity": 2}')
    assert response["StatusCode"] == 200
    assert "FunctionError" not in response
    assert json.loads(response["Payload"].read()) == {"total": 12.0}
    assert response["ExecutedVersion"] == ("$LATEST" if "$" in function else "1")
    arn = response["DurableExecutionArn"]
    got = any_client.get_durable_execution(DurableExecutionArn=arn)
    assert got["Status"] == "SUCCEEDED"
    assert got["InputPayload"] == '{"quantity": 2}'
    assert got["Result"] == '{"total":12.0}'
    assert got["StartTimestamp"] < got["EndTimestamp"]


def test_a_function_is_invoked_by_its_arn_and_qualifier(client):
    function = "arn:aws:lambda:us-east-1:123456789012:function:orders"
    response = client.invoke(FunctionName=function, Qualifier="live", Payload=b'{"quantity": 1}')
    assert json.loads(response["Payload"].read()) == {"total": 6.0}


def test_a_dry_run_and_a_plain_function(client):
    response = client.invoke(FunctionName="orders:1", InvocationType="DryRun")
    assert response["StatusCode"] == 204
    response = client.invoke(FunctionName="adder", Payload=b"[1, 2]")
    assert response["Payload"].read() == b"3"
    assert "DurableExecutionArn" not in response


def test_a_failed_execution_is_a_function_error(client):
    response = client.invoke(FunctionName="broken:1", Payload=b"{}")
    assert response["FunctionError"] == "Unhandled"
    body = json.loads(response["Payload"].read())
    assert body["errorMessage"] == "out of stock"
    assert body["errorType"] == "ValueError"
    arn = response["DurableExecutionArn"]
    error = client.get_durable_execution(DurableExecutionArn=arn)["Error"]
    assert error["ErrorMessage"] == "out of stock"


def test_executions_are_listed_by_every_filter(any_client):
    client = any_client
    for number in range(3):
        name = f"order-{number}"
        client.invoke(FunctionName="quick:1", DurableExecutionName=name, Payload=b"{}")
    waiting = start(client, "approval:1", DurableExecutionName="waiting")
    CALLBACKS.get()

    def names(function="quick", **query):
        page = client.list_durable_executions_by_function(FunctionName=function, **query)
        return [each["DurableExecutionName"] for each in page["DurableExecutions"]]

    assert names() == ["order-2", "order-1", "order-0"]
    assert names(ReverseOrder=True) == ["order-0", "order-1", "order-2"]
    assert names(DurableExecutionName="order-1") == ["order-1"]
    assert names(Qualifier="1") == names()
    assert names(Qualifier="$LATEST") == []
    assert names(Statuses=["SUCCEEDED"]) == names()
    assert names(Statuses=["FAILED"]) == []
    assert names("approval", Statuses=["RUNNING"]) == ["waiting"]
    started = client.get_durable_execution(DurableExecutionArn=waiting)["StartTimestamp"]
    assert isinstance(started, datetime)
    assert names("approval", StartedAfter=started) == []
    assert names(StartedBefore=started) == names()
    pages = client.get_paginator("list_durable_executions_by_function").paginate(
        FunctionName="quick", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["DurableExecutions"]) for page in pages] == [2, 1]


def test_a_history_is_paged_and_reversed_with_and_without_data(any_client):
    client = any_client
    arn = client.invoke(FunctionName="orders:1", Payload=b'{"quantity": 2}')["DurableExecutionArn"]

    def walk(size, **query):
        pages = client.get_paginator("get_durable_execution_history").paginate(
            DurableExecutionArn=arn, PaginationConfig={"PageSize": size}, **query
        )
        return [event for page in pages for event in page["Events"]]

    events = walk(3, IncludeExecutionData=True)
    assert [event["EventType"] for event in events] == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert [event["EventId"] for event in events] == [*range(1, 11)]
    assert events[2]["StepSucceededDetails"]["Result"]["Payload"] == "10"
    assert events[3]["WaitStartedDetails"]["Duration"] == 1
    assert walk(4, IncludeExecutionData=True, ReverseOrder=True) == events[::-1]
    bare = walk(100, IncludeExecutionData=False)
    assert bare[2]["StepSucceededDetails"]["Result"] == {"Truncated": True}


def test_a_callback_succeeds_after_heartbeats(any_client):
    client = any_client
    payload = b'{"heartbeat_timeout": 60}'
    start(client, payload=payload, DurableExecutionName="a")
    callback = CALLBACKS.get()
    client.send_durable_execution_callback_heartbeat(CallbackId=callback)
    client.send_durable_execution_callback_success(CallbackId=callback, Result=b"yes")
    assert outcome(client, "approval:1", "a", payload) == "yes"


def test_a_callback_fails_with_what_it_is_given(any_client):
    client = any_client
    start(client, DurableExecutionName="a")
    client.send_durable_execution_callback_failure(
        CallbackId=CALLBACKS.get(), Error={"ErrorType": "Refused", "ErrorMessage": "too dear"}
    )
    assert outcome(client, "approval:1", "a") == "Refused: too dear"


def test_a_callback_times_out_by_itself(client):
    start(client, payload=b'{"timeout": 1}', DurableExecutionName="a")
    CALLBACKS.get()
    answered = outcome(client, "approval:1", "a", b'{"timeout": 1}')
    assert answered.startswith("Callback.Timeout: ")


def test_an_execution_is_stopped(any_client):
    client = any_client
    arn = start(client)
    CALLBACKS.get()  # it has come to its callback: none is asked for once it is stopped
    error = {"ErrorType": "Cancelled", "ErrorMessage": "by the customer"}
    stopped = client.stop_durable_execution(DurableExecutionArn=arn, Error=error)["StopTimestamp"]
    assert client.stop_durable_execution(DurableExecutionArn=arn)["StopTimestamp"] == stopped
    description = client.get_durable_execution(DurableExecutionArn=arn)
    assert (description["Status"], description["Error"]) == ("STOPPED", error)


def test_an_execution_is_paused_resumed_and_deleted(any_client):
    client = any_client
    arn = start(client, DurableExecutionName="a")
    callback = CALLBACKS.get()
    response = client.pause_durable_execution(DurableExecutionArn=arn, Reason="deploying")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    paused = status_becomes(client, arn, "PAUSED")
    assert paused["PauseDetails"]["Reason"] == "deploying"
    client.send_durable_execution_callback_success(CallbackId=callback, Result=b"late")
    assert client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "PAUSED"
    client.resume_durable_execution(DurableExecutionArn=arn, Reason="deployed")
    assert outcome(client, "approval:1", "a") == "late"
    events = client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    kinds = [event["EventType"] for event in events]
    assert kinds.index("ExecutionPaused") < kinds.index("ExecutionResumed")
    response = client.delete_durable_execution(DurableExecutionArn=arn)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "DELETING"


def refused(call, *args, **options) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(*args, **options)
    return caught.value.response


def code_of(call, *args, **options) -> str:
    return refused(call, *args, **options)["Error"]["Code"]


def test_every_refusal_has_the_code_that_is_modelled(client):
    arn = start(client, DurableExecutionName="taken")
    callback = CALLBACKS.get()
    unknown = f"{arn}0"
    codes = {
        "unqualified": code_of(client.invoke, FunctionName="orders"),
        "long": code_of(client.invoke, FunctionName="long:1"),
        "missing": code_of(client.invoke, FunctionName="missing:1"),
        "name": code_of(client.invoke, FunctionName="orders:1", DurableExecutionName="a b"),
        "taken": code_of(
            client.invoke, FunctionName="approval:1", DurableExecutionName="taken", Payload=b"[]"
        ),
        "payload": code_of(client.invoke, FunctionName="orders:1", Payload=b"{"),
        "large": code_of(
            client.invoke,
            FunctionName="orders:1",
            InvocationType="Event",
            Payload=b'"' + b"x" * 1_048_576 + b'"',
        ),
        "get": code_of(client.get_durable_execution, DurableExecutionArn=unknown),
        "history": code_of(client.get_durable_execution_history, DurableExecutionArn=unknown),
        "list": code_of(client.list_durable_executions_by_function, FunctionName="missing"),
        "statuses": code_of(
            client.list_durable_executions_by_function,
            FunctionName="orders",
            Statuses=["RUNNING", "FAILED"],
        ),
        "token": code_of(
            client.checkpoint_durable_execution, DurableExecutionArn=arn, CheckpointToken="c3RhbGU="
        ),
        "state": code_of(
            client.get_durable_execution_state, DurableExecutionArn=arn, CheckpointToken="c3RhbGU="
        ),
        "resume": code_of(client.resume_durable_execution, DurableExecutionArn=arn),
        "delete": code_of(client.delete_durable_execution, DurableExecutionArn=arn),
        "arn": code_of(client.get_durable_execution, DurableExecutionArn="arn:aws:nonsense"),
    }
    client.send_durable_execution_callback_success(CallbackId=callback)
    codes["twice"] = code_of(client.send_durable_execution_callback_success, CallbackId=callback)
    codes["callback"] = code_of(client.send_durable_execution_callback_failure, CallbackId="!")
    assert codes == {
        "unqualified": "InvalidParameterValueException",
        "long": "InvalidParameterValueException",
        "missing": "ResourceNotFoundException",
        "name": "ValidationException",
        "taken": "DurableExecutionAlreadyStartedException",
        "payload": "InvalidRequestContentException",
        "large": "RequestTooLargeException",
        "get": "ResourceNotFoundException",
        "history": "ResourceNotFoundException",
        "list": "ResourceNotFoundException",
        "statuses": "InvalidParameterValueException",
        "token": "InvalidParameterValueException",
        "state": "InvalidParameterValueException",
        "resume": "ResourceConflictException",
        "delete": "ResourceConflictException",
        "arn": "ValidationException",
        "twice": "CallbackTimeoutException",
        "callback": "InvalidParameterValueException",
    }


def test_modelled_errors_are_exceptions_of_the_client(client):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as missing:
        client.invoke(FunctionName="missing:1")
    assert missing.value.response["Message"].startswith("Function not found: ")
    assert missing.value.response["Type"] == "User"
    with pytest.raises(client.exceptions.InvalidParameterValueException) as unqualified:
        client.invoke(FunctionName="orders")
    assert unqualified.value.response["message"].endswith("an unqualified ARN.")


def test_errors_of_the_service_itself_can_be_played(start_server):
    faults: list[Exception] = [
        ServiceError(
            ErrorCode.TOO_MANY_REQUESTS,
            "Rate exceeded",
            reason="CallerRateLimitExceeded",
            retry_after_seconds=3,
        ),
        ServiceError(ErrorCode.SERVICE, "Something went wrong"),
        *(
            ApiError(f"KMS{kind}Exception", "The key says no", status=502, member="Message")
            for kind in ("AccessDenied", "Disabled", "InvalidState", "NotFound")
        ),
    ]

    def gate(name):
        if name == "GetDurableExecution" and faults:
            raise faults.pop(0)

    client = start_server(functions=FUNCTIONS, gate=gate).client()
    arn = client.invoke(FunctionName="quick:1")["DurableExecutionArn"]
    answers = [
        refused(client.get_durable_execution, DurableExecutionArn=arn) for _ in range(len(faults))
    ]
    assert [
        (each["Error"]["Code"], each["ResponseMetadata"]["HTTPStatusCode"]) for each in answers
    ] == [
        ("TooManyRequestsException", 429),
        ("ServiceException", 500),
        ("KMSAccessDeniedException", 502),
        ("KMSDisabledException", 502),
        ("KMSInvalidStateException", 502),
        ("KMSNotFoundException", 502),
    ]
    assert answers[0]["retryAfterSeconds"] == "3"
    assert answers[0]["Reason"] == "CallerRateLimitExceeded"
    assert client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "SUCCEEDED"
