"""The emulator on a port of this process, and Lambda runtimes in processes of their own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from durable_testing.engine import plain_function
from durable_testing.model import FunctionConfig, ServiceConfig
from durable_testing.server.serving import Addresses, RemoteFunction, ServerOptions, serve

HERE = Path(__file__).parent
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}
CLOSED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"}


def add(payload: dict[str, int]) -> int:
    return payload["a"] + payload["b"]


def echo(payload: Any) -> Any:
    return payload


class Emulator:
    """The service, on a thread of this process.

    Args:
        function: The name of the durable function that processes serve.
        timeout_seconds: How long one of its invocations may take.
        config: The service's limits.
    """

    def __init__(
        self, function: str, *, timeout_seconds: int = 60, config: ServiceConfig | None = None
    ) -> None:
        self.function = function
        self._options = ServerOptions(
            functions=(plain_function("adder", add), plain_function("echo", echo)),
            remote_functions=(
                RemoteFunction(
                    config=FunctionConfig(
                        name=function,
                        execution_timeout_seconds=600,
                        timeout_seconds=timeout_seconds,
                    )
                ),
            ),
            config=config or ServiceConfig(),
        )
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._started = threading.Event()
        self._addresses: Addresses | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._started.wait()
        self._processes: list[subprocess.Popen[bytes]] = []
        # A session of its own: emulators are made in several threads, and no session is shared.
        self.client: Any = boto3.Session().client(
            "lambda",
            endpoint_url=self.addresses.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106
            config=Config(max_pool_connections=100, read_timeout=120),
        )

    @property
    def addresses(self) -> Addresses:
        if self._addresses is None:
            raise RuntimeError("the emulator did not start") from self._failure
        return self._addresses

    def start_runtime(self, handler: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start a process that runs a handler for this emulator, under `awslambdaric`."""
        log = environ.pop("log", None)
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(HERE),
            "AWS_LAMBDA_RUNTIME_API": self.addresses.runtime_apis[self.function],
            "AWS_LAMBDA_FUNCTION_NAME": self.function,
            "AWS_ENDPOINT_URL_LAMBDA": self.addresses.url,
            "LAMBDA_TASK_ROOT": str(HERE),
            "_HANDLER": handler,
            **CREDENTIALS,
            **environ,
        }
        command = [sys.executable, "-m", "awslambdaric", handler]
        sink: Any = subprocess.DEVNULL if log is None else Path(log).open("wb")  # noqa: SIM115
        process = subprocess.Popen(  # noqa: S603
            command, cwd=HERE, env=variables, stdout=sink, stderr=subprocess.STDOUT
        )
        if log is not None:
            sink.close()
        self._processes.append(process)
        return process

    def invoke(self, payload: bytes, *, asynchronous: bool = True, name: str | None = None) -> str:
        """Start an execution; its ARN."""
        named = {} if name is None else {"DurableExecutionName": name}
        answer = self.client.invoke(
            FunctionName=f"{self.function}:$LATEST",
            InvocationType="Event" if asynchronous else "RequestResponse",
            Payload=payload,
            **named,
        )
        answer["Payload"].read()
        return answer["DurableExecutionArn"]

    def describe(self, arn: str) -> dict[str, Any]:
        return self.client.get_durable_execution(DurableExecutionArn=arn)

    def history(self, arn: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("get_durable_execution_history").paginate(
            DurableExecutionArn=arn, IncludeExecutionData=True
        )
        return [event for page in pages for event in page["Events"]]

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self.client.close()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(
                serve(self._options, stop=self._stop, on_started=self._note)
            )
        except BaseException as failure:
            self._failure = failure
            raise
        finally:
            self._started.set()
            self._loop.close()

    def _note(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._started.set()
