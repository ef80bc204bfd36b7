"""AWS's own emulator, and a Lambda endpoint on this machine that calls handlers for it."""

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import threading
import time
import traceback
import urllib.request
import uuid
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Handlers = dict[str, Callable[[Any, Any], Any]]

ROUTE = re.compile(r"/2015-03-31/functions/(?P<function>[^/]+)/invocations")
PATIENCE_SECONDS = 180


class LambdaContext:
    """What a handler is given beside the event."""

    tenant_id = None

    def __init__(self, function_name: str) -> None:
        self.function_name = function_name
        self.aws_request_id = str(uuid.uuid4())
        self._ends = time.monotonic() + 60

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - time.monotonic()) * 1000))


class Endpoint(BaseHTTPRequestHandler):
    """Invoke; a thread a connection, as when one process serves several invocations."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    handlers: Handlers

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        route = ROUTE.match(self.path)
        assert route is not None
        name = unquote(route["function"]).removesuffix(":$LATEST").rpartition(":")[2]
        failed = False
        try:
            answer = self.handlers[name](event, LambdaContext(name))
        except Exception as error:  # noqa: BLE001  as Lambda does
            failed = True
            answer = {
                "errorMessage": str(error),
                "errorType": type(error).__name__,
                "stackTrace": traceback.format_tb(error.__traceback__),
            }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if failed:
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class AwsEmulator:
    """A running `dex-local-runner`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self, function_name: str, payload: Any) -> str:
        """Start an execution through the emulator's private route: it has no Invoke."""
        request = {
            "AccountId": "123456789012",
            "FunctionName": function_name,
            "FunctionQualifier": "$LATEST",
            "ExecutionName": str(uuid.uuid4()),
            "ExecutionTimeoutSeconds": 600,
            "ExecutionRetentionPeriodDays": 1,
            "InvocationId": str(uuid.uuid4()),
            "Input": json.dumps(payload),
        }
        body = json.dumps(request).encode()
        call = urllib.request.Request(  # noqa: S310
            f"{self.url}/start-durable-execution", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(call, timeout=30) as answer:  # noqa: S310
            return json.load(answer)["ExecutionArn"]


def free_port() -> int:
    """A port for a server to come, outside the range that systems hand out meanwhile."""
    while True:
        port = random.randrange(20_000, 30_000)  # noqa: S311
        with suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", port))
            return port


@contextmanager
def endpoint(handlers: Handlers) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("It", (Endpoint,), {"handlers": handlers}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running(command: Path, port: int, handlers: Handlers, folder: Path) -> Iterator[AwsEmulator]:
    """Start the emulator on `port` and the endpoint it invokes; stop both."""
    url = f"http://127.0.0.1:{port}"
    durable = {"DurableConfig": {"ExecutionTimeout": 600, "RetentionPeriodInDays": 1}}
    configs = folder / "function-configs.json"
    configs.write_text(json.dumps(dict.fromkeys(handlers, durable)))
    with ExitStack() as stack:
        options = {
            "--host": "127.0.0.1",
            "--port": str(port),
            "--lambda-endpoint": stack.enter_context(endpoint(handlers)),
            "--local-runner-endpoint": url,
            "--local-runner-region": "us-east-1",
            "--function-configs": f"file://{configs}",
        }
        log = stack.enter_context((folder / "emulator.log").open("w"))
        words = [word for option in options.items() for word in option]
        server = stack.enter_context(
            subprocess.Popen(  # noqa: S603
                [command, "start-server", *words], stdout=log, stderr=subprocess.STDOUT
            )
        )
        stack.callback(server.terminate)
        await_health(url)
        yield AwsEmulator(url)


def await_health(url: str) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        with suppress(OSError):  # refused, or not answered in time
            urllib.request.urlopen(f"{url}/health", timeout=1).close()  # noqa: S310
            return
        time.sleep(0.1)
    raise TimeoutError("AWS's emulator did not start")
