"""AWS's own emulator, in real time, with our handlers behind a Lambda endpoint of this machine."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import time
import urllib.request
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import boto3
from conformance import wheel
from conformance.endpoint import running_endpoint
from conformance.faults import load_faults
from conformance.handlers import process
from conformance.handlers.deployed import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.endpoint import Environments
    from conformance.logs import Line

REGION: Final = "us-east-1"
CLOSED: Final = {"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"}
START_SECONDS: Final = 30
PATIENCE_SECONDS: Final = 90
"""No requirement takes longer; an execution that does is stuck."""


class AwsEmulator:
    """A running `dex-local-runner`."""

    workers = 6
    clock = time

    def __init__(self, url: str, environments: Environments) -> None:
        self.url = url
        self.client = boto3.client("lambda", endpoint_url=url, region_name=REGION)
        self.faults = load_faults()
        self.client.meta.events.register(
            "after-call.lambda.GetDurableExecutionHistory", self.faults.mend
        )
        self._environments = environments

    @property
    def lines(self) -> list[Line]:
        """What the functions wrote."""
        return list(self._environments.lines)

    def invoke(self, function_name: str, payload: str) -> str:
        """Start an execution and wait until it is closed."""
        execution_arn = self.invoke_async(function_name, payload)
        self._finish(execution_arn)
        return execution_arn

    def invoke_async(self, function_name: str, payload: str) -> str:
        """Start an execution through the emulator's private route: it has no Invoke."""
        request = {
            "AccountId": "123456789012",
            "FunctionName": function_name,
            "FunctionQualifier": "$LATEST",
            "ExecutionName": str(uuid.uuid4()),
            "ExecutionTimeoutSeconds": 7200,
            "ExecutionRetentionPeriodDays": 1,
            "InvocationId": str(uuid.uuid4()),
            "Input": payload,
        }
        return _post(f"{self.url}/start-durable-execution", request)["ExecutionArn"]

    def _finish(self, execution_arn: str) -> None:
        patience_ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < patience_ends:
            execution = self.client.get_durable_execution(DurableExecutionArn=execution_arn)
            if execution["Status"] in CLOSED:
                return
            time.sleep(0.1)


@contextmanager
def running_emulator() -> Iterator[AwsEmulator]:
    """Start the emulator and the endpoint it invokes; stop both."""
    command = wheel.emulator_command()
    url = f"http://127.0.0.1:{_free_port()}"
    _set_environment(url)
    with (
        process.table(),
        running_endpoint() as (endpoint, environments),
        _server(command, url, endpoint),
    ):
        yield AwsEmulator(url, environments)


def _set_environment(url: str) -> None:
    """Point our clients, those of the processes to come among them, at the emulator."""
    settings = {
        "AWS_ENDPOINT_URL_LAMBDA": url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    os.environ.update(settings)


@contextmanager
def _server(command: Path, url: str, endpoint: str) -> Iterator[None]:
    durable = {"DurableConfig": {"ExecutionTimeout": 600, "RetentionPeriodInDays": 1}}
    configs = wheel.CACHE / "function-configs.json"
    configs.write_text(json.dumps(dict.fromkeys(FUNCTIONS, durable)), encoding="utf-8")
    options = {
        "--host": "127.0.0.1",
        "--port": url.rpartition(":")[2],
        "--lambda-endpoint": endpoint,
        "--local-runner-endpoint": url,
        "--local-runner-region": REGION,
        "--function-configs": f"file://{configs}",
    }
    words = [word for option in options.items() for word in option]
    with (wheel.CACHE / "emulator.log").open("w") as log:
        server = subprocess.Popen(  # noqa: S603
            [str(command), "start-server", *words], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _await_health(url)
            yield
        finally:
            server.terminate()
            server.wait(10)


def _await_health(url: str) -> None:
    patience_ends = time.monotonic() + START_SECONDS
    while time.monotonic() < patience_ends:
        with suppress(OSError):  # refused, or not answered in time
            urllib.request.urlopen(f"{url}/health", timeout=1).close()  # noqa: S310
            return
        time.sleep(0.1)
    raise TimeoutError(f"AWS's emulator did not start: {wheel.CACHE / 'emulator.log'}")


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return json.load(response)


def _free_port() -> int:
    """A port for a server to come, outside the range that systems hand out meanwhile."""
    while True:
        port = random.randrange(20_000, 30_000)  # noqa: S311
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port
