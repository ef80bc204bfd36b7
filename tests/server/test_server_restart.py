"""What a server with a database acknowledged is there for the next one, however it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from itertools import chain
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from durable_core import InvokeError
from durable_testing.engine import durable_function, plain_function
from durable_testing.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXECUTIONS = 200
STEPS = 8
CALLBACKS: SimpleQueue[str] = SimpleQueue()


async def approval(event: dict[str, Any], context: Any) -> str:
    before = await context.step("before", lambda: "kept")
    answered, callback_id = await context.create_callback("approve")
    await context.step("ask", CALLBACKS.put, callback_id)
    return f"{before}, {await answered}"


@pytest.fixture(autouse=True)
def no_callbacks_of_other_tests():
    """A step that gave an id away runs again where its result was not recorded."""
    while not CALLBACKS.empty():
        CALLBACKS.get()


def until_suspended(client: Any, arn: str) -> None:
    """Wait for the end of the first invocation: a server that stops drops what is in flight."""
    kinds: set[str] = set()
    while "InvocationCompleted" not in kinds:
        events = client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
        kinds = {event["EventType"] for event in events}


def test_a_server_goes_on_where_the_one_before_stopped(start_server, tmp_path):
    function = durable_function("approval", approval, execution_timeout_seconds=900)
    options = {"functions": (function,), "database": tmp_path / "server.db"}
    name = {"FunctionName": "approval:1", "DurableExecutionName": "a", "Payload": b"{}"}
    first = start_server(**options)
    client = first.client()
    arn = client.invoke(InvocationType="Event", **name)["DurableExecutionArn"]
    callback = CALLBACKS.get()
    until_suspended(client, arn)
    first.stop()
    client = start_server(**options).client()
    assert client.get_durable_execution(DurableExecutionArn=arn)["Status"] == "RUNNING"
    client.send_durable_execution_callback_success(CallbackId=callback, Result=b"yes")
    assert client.invoke(**name)["Payload"].read() == b'"kept, yes"'
    assert CALLBACKS.empty()


@pytest.fixture
def two_servers(start_server, tmp_path):
    """Clients of two servers over one database; the first holds an execution, `a`."""
    function = durable_function("approval", approval, execution_timeout_seconds=900)
    options = {"functions": (function,), "database": tmp_path / "server.db"}
    holder, other = (start_server(**options).client() for _ in range(2))
    arn = holder.invoke(InvocationType="Event", **NAMED_A)["DurableExecutionArn"]
    return holder, other, arn, CALLBACKS.get()


NAMED_A = {"FunctionName": "approval:1", "DurableExecutionName": "a", "Payload": b"{}"}


def test_two_servers_share_a_database_but_no_execution(two_servers):
    holder, other, arn, callback = two_servers
    assert other.get_durable_execution(DurableExecutionArn=arn)["Status"] == "RUNNING"
    with pytest.raises(other.exceptions.ResourceConflictException) as refused:
        other.invoke(**NAMED_A)
    assert "another process" in refused.value.response["message"]
    with pytest.raises(other.exceptions.InvalidParameterValueException):
        other.checkpoint_durable_execution(DurableExecutionArn=arn, CheckpointToken="c3RhbGU=")
    with pytest.raises(other.exceptions.InvalidParameterValueException):
        other.send_durable_execution_callback_success(CallbackId=callback, Result=b"\xff")
    holder.send_durable_execution_callback_success(CallbackId=callback, Result=b"yes")
    assert holder.invoke(**NAMED_A)["Payload"].read() == b'"kept, yes"'
    assert other.get_durable_execution(DurableExecutionArn=arn)["Status"] == "SUCCEEDED"


def test_a_callback_is_answered_through_a_server_that_does_not_hold_the_execution(two_servers):
    holder, other, _, callback = two_servers
    other.send_durable_execution_callback_heartbeat(CallbackId=callback)
    other.send_durable_execution_callback_success(CallbackId=callback, Result="já".encode())
    assert json.loads(holder.invoke(**NAMED_A)["Payload"].read()) == "kept, já"
    with pytest.raises(other.exceptions.CallbackTimeoutException):
        other.send_durable_execution_callback_failure(CallbackId=callback)


def test_a_callback_fails_through_a_server_that_does_not_hold_the_execution(two_servers):
    holder, other, _, callback = two_servers
    error = {"ErrorMessage": "no", "ErrorType": "Refused"}
    other.send_durable_execution_callback_failure(CallbackId=callback, Error=error)
    assert holder.invoke(**NAMED_A)["FunctionError"] == "Unhandled"


def test_an_execution_is_paused_resumed_and_stopped_through_a_server_that_does_not_hold_it(
    two_servers,
):
    holder, other, arn, _ = two_servers

    def status():
        return holder.get_durable_execution(DurableExecutionArn=arn)["Status"]

    other.pause_durable_execution(DurableExecutionArn=arn, Reason="lunch")
    assert status() in ("PAUSING", "PAUSED")
    other.resume_durable_execution(DurableExecutionArn=arn)
    assert status() == "RUNNING"
    stopped = other.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorType": "Enough"})
    described = holder.get_durable_execution(DurableExecutionArn=arn)
    assert described["Status"] == "STOPPED"
    assert described["EndTimestamp"] == stopped["StopTimestamp"]
    assert described["Error"]["ErrorType"] == "Enough"
    other.delete_durable_execution(DurableExecutionArn=arn)


async def caller(event: dict[str, Any], context: Any) -> str:
    try:
        return await context.invoke("adder", [1])
    except InvokeError as error:
        return str(error)


def test_a_function_a_database_knows_must_be_served_while_it_has_unfinished_executions(
    start_server, tmp_path
):
    database = tmp_path / "server.db"
    approving = durable_function("approval", approval, execution_timeout_seconds=900)
    adding = plain_function("adder", sum)
    first = start_server(functions=(approving, adding), database=database)
    name = {"FunctionName": "approval:1", "DurableExecutionName": "a", "Payload": b"{}"}
    client = first.client()
    arn = client.invoke(InvocationType="Event", **name)["DurableExecutionArn"]
    CALLBACKS.get()
    until_suspended(client, arn)
    first.stop()

    calling = durable_function("caller", caller, execution_timeout_seconds=900)
    with pytest.raises(StoreError, match="unfinished executions of 'approval'"):
        start_server(functions=(calling,), database=database)
    second = start_server(functions=(approving,), database=database)
    second.client().stop_durable_execution(DurableExecutionArn=arn)
    second.stop()

    client = start_server(functions=(calling,), database=database).client()
    answer = client.invoke(FunctionName="caller:1", Payload=b"{}")["Payload"].read()
    assert b"Nothing runs the function 'adder' on this server" in answer


class ServerProcess:
    """`durable server` in a process of its own; what its steps print can be read."""

    def __init__(self, database, handlers, environment):
        command = "from durable_testing.cli.main import app; app()"
        self.process = subprocess.Popen(  # noqa: S603  the test's own
            [
                *(sys.executable, "-c", command, "server", "--port", "0", "--db", str(database)),
                *("--function", "load=load_handlers:handler"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            cwd=handlers,
            env={**os.environ, **environment},  # noqa: TID251
        )
        assert self.process.stdout is not None
        self.lines = self.process.stdout
        self.early: list[str] = []  # executions go on before the port is open
        while "AWS_ENDPOINT_URL_LAMBDA" not in (line := self.lines.readline()):
            self.early.append(line)
        self.client = boto3.client(
            "lambda",
            endpoint_url=line.strip().partition("=")[2],
            region_name="us-east-1",
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )

    def said(self) -> Iterator[list[str]]:
        """What steps print, without the padding."""
        lines = chain(self.early, self.lines)
        return (line.split()[:-1] for line in lines if line.endswith(".\n"))

    def kill(self) -> list[list[str]]:
        """End it as a power cut does; return what it had said that nobody read yet."""
        self.process.kill()
        self.process.wait()
        self.client.close()
        rest = [line.split()[:-1] for line in self.lines if line.endswith(".\n")]
        self.lines.close()
        return rest


@pytest.fixture
def start_load(tmp_path, handlers, credentials):
    running: list[ServerProcess] = []

    def start() -> ServerProcess:
        running.append(ServerProcess(tmp_path / "server.db", handlers, credentials))
        return running[-1]

    yield start
    for server in running:
        if server.process.poll() is None:
            server.kill()


def load(number: int) -> dict[str, Any]:
    name = f"load-{number}"
    payload = json.dumps({"name": name, "steps": STEPS})
    return {"FunctionName": "load:1", "DurableExecutionName": name, "Payload": payload}


def test_a_killed_server_loses_nothing_it_acknowledged(start_load):
    server = start_load()
    arns = {
        f"load-{number}": server.client.invoke(InvocationType="Event", **load(number))[
            "DurableExecutionArn"
        ]
        for number in range(EXECUTIONS)
    }
    said = server.said()
    before = [next(said) for _ in range(EXECUTIONS * STEPS // 3)] + server.kill()
    ran = [words[1:] for words in before if words[0] == "ran"]
    # A body that runs says that the step before it was acknowledged.
    acknowledged = {(name, int(number) - 1) for name, number in ran if number != "0"}
    assert len(acknowledged) > EXECUTIONS
    callbacks = {words[1]: words[2] for words in before if words[0] == "asks"}
    assert len(callbacks) < EXECUTIONS

    server = start_load()
    for name, numbers in by_name(acknowledged).items():
        assert_steps_are_kept(server.client, arns[name], numbers)
    said = server.said()
    while len(callbacks) < EXECUTIONS:
        word, name, what = next(said)
        if word == "asks":
            callbacks[name] = what
        else:
            assert (name, int(what)) not in acknowledged
    for callback in callbacks.values():
        server.client.send_durable_execution_callback_success(CallbackId=callback)
    for name in callbacks:
        answer = server.client.invoke(**load(int(name.partition("-")[2])))
        assert json.loads(answer["Payload"].read()) == sum(range(STEPS)), name
    server.kill()


def by_name(steps: set[tuple[str, int]]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for name, number in steps:
        numbers[name].append(number)
    return numbers


def assert_steps_are_kept(client: Any, arn: str, numbers: list[int]) -> None:
    events = client.get_durable_execution_history(
        DurableExecutionArn=arn, IncludeExecutionData=True
    )["Events"]
    results = {
        event["Name"]: event["StepSucceededDetails"]["Result"]["Payload"]
        for event in events
        if event["EventType"] == "StepSucceeded"
    }
    assert {f"step-{number}": str(number) for number in numbers}.items() <= results.items()
