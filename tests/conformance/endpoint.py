"""A Lambda endpoint on this machine: Invoke, answered by warm processes that run the handlers."""

from __future__ import annotations

import json
import multiprocessing
import re
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from conformance.worker import Answer, Invocation, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.logs import Line

ROUTE: Final = re.compile(r"/2015-03-31/functions/(?P<function>[^/]+)/invocations")
NAME: Final = re.compile(r"(?:arn:[^:]*:lambda:[^:]*:\d{12}:function:)?(?P<name>[^:]+)(?::.+)?")


ROUTING_SECONDS: Final = 0.05
"""What Lambda takes before a function gets an event. Who invokes another function in passing has
returned by then; without it, the order of the two on one machine is left to chance."""


class Process:
    """One process; it serves one invocation at a time."""

    def __init__(self) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._connection, theirs = spawning.Pipe()
        self._process = spawning.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, invocation: Invocation, lines: list[Line]) -> Answer | None:
        """Run it and keep what it writes; None: the process died in it."""
        try:
            self._connection.send(invocation)
            while not isinstance(message := self._connection.recv(), Answer):
                lines.append(message)
        except (EOFError, OSError):
            return None
        return message

    def stop(self) -> None:
        """Hang up; the process ends by itself."""
        self._connection.close()
        self._process.join(5)


class Environments:
    """Warm processes, as many as invocations ran at once."""

    def __init__(self) -> None:
        self._idle: list[Process] = []
        self.lines: list[Line] = []

    def invoke(self, function_name: str, request_id: str, event: Any) -> Answer:
        """Run an invocation; a process that dies in it is answered for as Lambda does."""
        try:
            process = self._idle.pop()
        except IndexError:
            process = Process()
        answer = process.run(Invocation(function_name, request_id, event), self.lines)
        if answer is None:
            error = {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit "
                "status 1",
            }
            return Answer(error, is_error=True)
        self._idle.append(process)
        return answer

    def stop(self) -> None:
        """End the processes that are idle."""
        for process in self._idle:
            process.stop()


class InvokeHandler(BaseHTTPRequestHandler):
    """The one route."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    environments: Environments

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        route = ROUTE.fullmatch(self.path.partition("?")[0])
        name = NAME.fullmatch(unquote(route["function"])) if route else None
        if name is None:
            self.send_error(404)
            return
        request_id = str(uuid.uuid4())
        time.sleep(ROUTING_SECONDS)
        answer = self.environments.invoke(name["name"], request_id, json.loads(body or b"null"))
        payload = json.dumps(answer.payload).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("x-amzn-RequestId", request_id)
        if answer.is_error:
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Say nothing: the output belongs to the functions."""


@contextmanager
def running_endpoint() -> Iterator[tuple[str, Environments]]:
    """Serve on a free port; yields the URL and the processes behind it."""
    environments = Environments()
    handler = type("Handler", (InvokeHandler,), {"environments": environments})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", environments
    finally:
        server.shutdown()
        server.server_close()
        environments.stop()
