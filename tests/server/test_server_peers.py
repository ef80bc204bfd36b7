"""AWS's own SDKs run on the server, in processes attached by the Lambda Runtime API.

A dozen handlers of each, in peer_handlers, and the same ones of ours: same outcome, same operations
with the same events. Which of them is run, says the execution's name.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections import defaultdict
from typing import Any

import pytest

from durable_core import (
    CallbackError,
    InvokeError,
    RetryDecision,
    WaitDecision,
)
from durable_testing.engine import durable_function
from durable_testing.model import ErrorCode, FunctionConfig, ServiceConfig, ServiceError
from durable_testing.server.serving import RemoteFunction

CASES: dict[str, Any] = {}
attempts: dict[str, int] = defaultdict(int)
clients: list[Any] = []


def case(handler: Any) -> Any:
    CASES[handler.__name__] = handler
    return handler


def answer(callback_id: str, result: str) -> None:
    clients[-1].send_durable_execution_callback_success(CallbackId=callback_id, Result=result)


def retry_twice(_error: Exception, attempt: int) -> RetryDecision:
    return RetryDecision.retry(1) if attempt < 3 else RetryDecision.stop()


@case
async def steps(event, context):
    first = await context.step("first", lambda: event["n"] + 1)
    await context.wait("pause", 1)
    return await context.step("second", lambda: first * 2)


@case
async def retries(event, context):
    def flaky():
        attempts[event["key"]] += 1
        if attempts[event["key"]] < 3:
            raise ValueError("not yet")
        return "at last"

    return await context.step("flaky", flaky, retry_strategy=retry_twice)


@case
async def child(event, context):
    async def work(inner):
        value = await inner.step("inside", lambda: event["n"])
        await inner.wait("rest", 1)
        return value + 1

    return await context.run_in_child_context("group", work)


@case
async def branches(event, context):
    async def a(inner):
        return await inner.step("a", lambda: "a")

    async def b(inner):
        return await inner.step("b", lambda: "b")

    return (await context.parallel("both", [a, b])).results()


@case
async def items(event, context):
    async def double(inner, item, _index):
        return await inner.step("double", lambda: item * 2)

    return (await context.map("each", [1, 2, 3], double)).results()


@case
async def callback(event, context):
    awaited, callback_id = await context.create_callback("approval", timeout=300)
    await context.step("ask", answer, callback_id, '"yes"')
    return await awaited


@case
async def submitted_callback(event, context):
    return await context.wait_for_callback(
        "approval", lambda callback_id: answer(callback_id, '"done"'), timeout=300
    )


@case
async def callback_timeout(event, context):
    awaited, _ = await context.create_callback("approval", timeout=1)
    try:
        return await awaited
    except CallbackError:
        return "nobody answered"


@case
async def condition(event, context):
    return await context.wait_for_condition(
        "ready",
        lambda state: state + 1,
        initial_state=0,
        wait_strategy=lambda state, _: WaitDecision.stop() if state >= 3 else WaitDecision.wait(1),
    )


@case
async def invoke_plain(event, context):
    return await context.invoke("add", "adder", [1, 2])


@case
async def invoke_missing(event, context):
    try:
        return await context.invoke("lost", "nowhere:1", {})
    except InvokeError:
        return "not found"


@case
async def failure(event, context):
    await context.step("before", lambda: "fine")
    raise ValueError("out of stock")


@case
async def nested(event, context):
    async def outer(inner):
        async def innermost(deep):
            return await deep.step("deep", lambda: "deep")

        return await inner.run_in_child_context("inner", innermost)

    return await context.run_in_child_context("outer", outer)


async def ours(event: Any, context: Any) -> Any:
    name, _, _ = context.execution.name.partition("-")
    return await CASES[name](event, context)


SMALL_PAGES = {"config": ServiceConfig(first_page_operations=0, state_page_operations=2)}


def every_fourth(operation: str, count: Any = itertools.count(1)) -> None:  # noqa: B008
    """Throttle checkpoints now and then; clients try again by themselves."""
    if operation == "CheckpointDurableExecution" and next(count) % 4 == 0:
        raise ServiceError(ErrorCode.TOO_MANY_REQUESTS, "Rate exceeded", retry_after_seconds=0)


@pytest.fixture
def client(request, start_server):
    server = start_server(
        **getattr(request, "param", {}),
        functions=(durable_function("ours", ours, execution_timeout_seconds=900),),
        remote_functions=tuple(
            RemoteFunction(config=FunctionConfig(name=name, execution_timeout_seconds=seconds))
            for name, seconds in (("python", 900), ("javascript", 900), ("adder", None))
        ),
    )
    client = server.client()
    client.runtime_apis = server.addresses.runtime_apis
    client.runtime_paths = server.addresses.runtime_paths
    client.url = server.addresses.url
    clients.append(client)
    attempts.clear()
    return client


@pytest.fixture
def attach(client, start_process, tmp_path, handlers):
    """Attach a process to a function."""

    def attach_process(function, command, handler, runtime_api, root=handlers):
        return start_process(
            [*command, handler],
            tmp_path / f"{function}.log",
            AWS_ENDPOINT_URL_LAMBDA=client.url,
            AWS_LAMBDA_RUNTIME_API=runtime_api,
            AWS_LAMBDA_FUNCTION_NAME=function,
            AWS_LAMBDA_FUNCTION_VERSION="1",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE="256",
            AWS_LAMBDA_LOG_GROUP_NAME="logs",
            AWS_LAMBDA_LOG_STREAM_NAME="log",
            LAMBDA_TASK_ROOT=str(root),
            PYTHONPATH=str(handlers),
            _HANDLER=handler,
        )

    return attach_process


def start(client: Any, function: str, name: str) -> str:
    payload = json.dumps({"n": 1, "key": f"{function}-{name}"})
    response = client.invoke(
        FunctionName=f"{function}:1",
        InvocationType="Event",
        DurableExecutionName=f"{name}-1",
        Payload=payload,
    )
    return response["DurableExecutionArn"]


def outcome(client: Any, function: str, name: str) -> tuple[Any, Any]:
    """Wait for what was started; return its result and its error's message."""
    payload = json.dumps({"n": 1, "key": f"{function}-{name}"})
    response = client.invoke(
        FunctionName=f"{function}:1", DurableExecutionName=f"{name}-1", Payload=payload
    )
    body = json.loads(response["Payload"].read())
    return (None, body["errorMessage"]) if "FunctionError" in response else (body, None)


def shape(client: Any, arn: str, names: frozenset[str]) -> Any:
    """Return the operations' events by their place in the tree, whatever ran beside them."""
    pages = client.get_paginator("get_durable_execution_history").paginate(
        DurableExecutionArn=arn, IncludeExecutionData=True
    )
    events = [event for page in pages for event in page["Events"]]
    kinds = [event["EventType"] for event in events]
    places: dict[str, tuple[str, ...]] = {}
    operations: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for event in events:
        if "Id" not in event or event["EventType"].startswith("Execution"):
            continue
        parent = places.get(event.get("ParentId", ""), ())
        # Names that AWS's SDKs give of their own accord differ among them.
        name = event.get("Name", "")
        label = f"{event['SubType']} {name if name in names else ''}".strip()
        places.setdefault(event["Id"], (*parent, label))
        operations[places[event["Id"]]].append(event["EventType"])
    tree = sorted((place, sorted(said)) for place, said in operations.items())
    return tree, kinds[0], kinds[-1]


STEPS = {"first", "second", "flaky", "inside", "a", "b", "double", "ask", "ready", "before", "deep"}
OTHERS = {"pause", "group", "rest", "both", "each", "approval", "add", "lost", "outer", "inner"}
NAMES = frozenset(STEPS | OTHERS)


@pytest.mark.parametrize(
    "client",
    [{}, SMALL_PAGES, {"gate": every_fourth}],
    indirect=True,
    ids=["whole state", "state in small pages", "throttled"],
)
def test_handlers_of_the_aws_python_sdk_run_unchanged(client, attach, peer_python):
    command = [peer_python, "-m", "awslambdaric"]
    # One by a path of the main port, the other by a port of its own.
    attach("python", command, "python_handlers.handler", client.runtime_paths["python"])
    attach("adder", command, "python_handlers.adder", client.runtime_apis["adder"])
    assert_same(client, "python", has_our_ids=True)


@pytest.mark.timeout(1200)  # the runtime client is compiled once
def test_handlers_of_the_aws_javascript_sdk_run_unchanged(
    client, attach, peer_node, peer_python, handlers
):
    shutil.copy(handlers / "javascript_handlers.mjs", peer_node)
    node = ["node", peer_node / "node_modules" / "aws-lambda-ric" / "index.mjs"]
    runtime_api = client.runtime_apis["javascript"]
    attach("javascript", node, "javascript_handlers.handler", runtime_api, peer_node)
    attach(
        "adder",
        [peer_python, "-m", "awslambdaric"],
        "python_handlers.adder",
        client.runtime_apis["adder"],
    )
    assert_same(client, "javascript")


def operation_ids(client: Any, arn: str) -> set[str]:
    events = client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    return {
        event["Id"]
        for event in events
        if "Id" in event and not event["EventType"].startswith("Execution")
    }


def assert_same(client: Any, function: str, *, has_our_ids: bool = False) -> None:
    theirs = {name: start(client, function, name) for name in CASES}
    mine = {name: start(client, "ours", name) for name in CASES}
    for name in CASES:
        assert outcome(client, function, name) == outcome(client, "ours", name), name
        expected = shape(client, mine[name], NAMES)
        assert shape(client, theirs[name], NAMES) == expected, name
        if has_our_ids:
            expected_ids = operation_ids(client, mine[name])
            assert operation_ids(client, theirs[name]) == expected_ids, name


def test_an_invocation_whose_process_dies_is_tried_again_in_another(
    client, attach, peer_python, tmp_path
):
    for _ in range(2):
        command = [peer_python, "-m", "awslambdaric"]
        attach("python", command, "python_handlers.handler", client.runtime_apis["python"])
    response = client.invoke(
        FunctionName="python:1",
        DurableExecutionName="dies_once-1",
        Payload=json.dumps({"key": str(tmp_path / "marker")}),
    )
    assert response["Payload"].read() == b'"alive"'
    events = client.get_durable_execution_history(
        DurableExecutionArn=response["DurableExecutionArn"], IncludeExecutionData=True
    )["Events"]
    ends = [event["InvocationCompletedDetails"] for event in events if "RequestId" in str(event)]
    assert [end.get("Error", {}).get("Payload", {}).get("ErrorType") for end in ends] == [
        "Runtime.ExitError",
        None,
    ]
