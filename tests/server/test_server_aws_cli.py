"""The AWS CLI from PyPI, in an environment of its own, drives the server as it drives Lambda.

Its own model of Lambda has no pause, resume and delete yet; for these it reads the model of the
boto3 in use, as a user with a newer model in AWS_DATA_PATH does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import botocore
import pytest

from durable_testing.engine import durable_function

CALLBACKS: SimpleQueue[str] = SimpleQueue()


async def approval(event: dict[str, Any], context: Any) -> str:
    answered, callback_id = await context.create_callback("approve", heartbeat_timeout=600)
    await context.step("ask", CALLBACKS.put, callback_id)
    return await answered


class Cli:
    def __init__(self, command, url, environment, folder):
        self.command = command
        self.url = url
        self.environment = {**os.environ, **environment}  # noqa: TID251
        self.folder = folder

    def with_newest_model(self) -> Cli:
        models = self.folder / "models"
        if not models.exists():
            newest = Path(botocore.__file__).parent / "data" / "lambda"
            shutil.copytree(newest, models / "lambda")
        environment = {**self.environment, "AWS_DATA_PATH": str(models)}
        return Cli(self.command, self.url, environment, self.folder)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  the test's own
            [self.command, "lambda", *arguments, "--endpoint-url", self.url, "--output", "json"],
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.folder,
        )

    def __call__(self, *arguments: str) -> Any:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def invoke(self, *arguments: str) -> tuple[Any, str]:
        answer = self("invoke", *arguments, "out.json")
        return answer, (self.folder / "out.json").read_text()


@pytest.fixture
def aws(aws_cli, start_server, credentials, tmp_path):
    function = durable_function("approval", approval, execution_timeout_seconds=900, alias="live")
    server = start_server(functions=(function,), database=tmp_path / "server.db")
    return Cli(aws_cli, server.addresses.url, credentials, tmp_path)


@pytest.mark.timeout(600)
def test_the_aws_cli_does_what_an_operator_does(aws):
    name = ("--durable-execution-name", "order-1")
    answer, _ = aws.invoke(
        "--function-name", "approval:live", "--invocation-type", "Event", *name, "--payload", "{}"
    )
    assert answer["StatusCode"] == 202
    arn = ("--durable-execution-arn", answer["DurableExecutionArn"])
    callback = ("--callback-id", CALLBACKS.get())

    assert aws("get-durable-execution", *arn)["Status"] == "RUNNING"
    listed = aws(
        "list-durable-executions-by-function",
        *("--function-name", "approval", "--qualifier", "1", "--statuses", "RUNNING"),
    )
    assert [each["DurableExecutionName"] for each in listed["DurableExecutions"]] == ["order-1"]

    newest = aws.with_newest_model()
    newest("pause-durable-execution", *arn, "--reason", "deploying")
    newest("resume-durable-execution", *arn)
    aws("send-durable-execution-callback-heartbeat", *callback)
    aws("send-durable-execution-callback-success", *callback, "--result", "yes")
    done, payload = aws.invoke("--function-name", "approval:1", *name, "--payload", "{}")
    assert (done["StatusCode"], json.loads(payload)) == (200, "yes")

    history = aws("get-durable-execution-history", *arn, "--include-execution-data")
    kinds = [event["EventType"] for event in history["Events"]]
    assert (kinds[0], kinds[-1]) == ("ExecutionStarted", "ExecutionSucceeded")
    backwards = aws("get-durable-execution-history", *arn, "--reverse-order", "--page-size", "3")
    assert [event["EventType"] for event in backwards["Events"]] == kinds[::-1]

    assert "StopTimestamp" in aws("stop-durable-execution", *arn)
    assert "DeletionRequestTimestamp" in newest("delete-durable-execution", *arn)

    twice = aws.run("send-durable-execution-callback-failure", *callback)
    assert "CallbackTimeoutException" in twice.stderr
