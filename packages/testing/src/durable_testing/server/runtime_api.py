"""Lambda's Runtime API: how function processes get their calls and answer them.

Runtime interface clients build `http://{AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/…`; what the
variable says decides which function the process runs: a port of its own, or a path on the main one.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from durable_core.lowlevel import ErrorObject
from durable_testing.server.wire import JSON_TYPE, header_text, json_response
from durable_testing.server.workers import connection_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from durable_testing.server.workers import Flight, Workers

PREFIX: Final = "/2018-06-01/runtime"
MAX_RESPONSE_BYTES: Final = 6_291_556
"""6 MB and room for the envelope: what Lambda takes as a response."""
_ACCEPTED: Final = {"status": "OK"}
_INVOCATION_SEGMENTS: Final = 3


class RuntimeApi:
    """The Runtime API of one function, as an ASGI app mounted where its `PREFIX` begins.

    Args:
        workers: The function's processes.
        arn_of: Returns a function's ARN, qualified with a version.
    """

    def __init__(self, workers: Workers, *, arn_of: Callable[[str, str], str]) -> None:
        self.workers = workers
        self._arn_of = arn_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a worker."""
        request = Request(scope, receive)
        path = str(scope["path"]).removeprefix(PREFIX)
        try:
            response = await self._answer(request, path.strip("/").split("/"))
        except ClientDisconnect:
            return
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, request: Request, segments: list[str]) -> Response | None:
        match request.method, segments:
            case "GET", ["invocation", "next"]:
                return await self._next(request)
            case "POST", ["invocation", request_id, "response"]:
                return await self._succeed(request, request_id)
            case "POST", ["invocation", request_id, "error"]:
                error = await _read_error(request)
                return _accepted(is_known=self.workers.fail(request_id, error))
            case "POST", ["init", "error"]:
                self.workers.fail_to_start(await _read_error(request))
                return _accepted(is_known=True)
            case _:
                return _refused(404, "UnknownOperation", "There is no such operation")

    async def _next(self, request: Request) -> Response | None:
        """Hand out the next call; None when the worker went away, 503 when the server stops."""
        asking = self.workers.ask()
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait((asking, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            is_handed_out = asking.done() and not asking.cancelled()
            asking.cancel()
        if asking.cancelled():
            return None if gone.done() else _refused(503, "Shutdown", "The server stops")
        flight = asking.result()
        if gone.done() and is_handed_out:
            self.workers.give_back(flight)
            return None
        connection = connection_of(request.scope["client"], request.scope["server"])
        if connection is not None and _is_persistent(request):
            self.workers.take(flight, connection)
        return Response(flight.call.payload, headers=self._headers(flight), media_type=JSON_TYPE)

    def _headers(self, flight: Flight) -> Mapping[str, str]:
        call = flight.call
        headers = {
            "Lambda-Runtime-Aws-Request-Id": call.request_id,
            "Lambda-Runtime-Deadline-Ms": str(flight.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._arn_of(call.function_name, call.version),
            "Lambda-Runtime-Trace-Id": call.trace_header or "",
        }
        if call.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = call.client_context
        if call.tenant_id is not None:
            headers["Lambda-Runtime-Aws-Tenant-Id"] = call.tenant_id
        return {name: header_text(value) for name, value in headers.items()}

    async def _succeed(self, request: Request, request_id: str) -> Response:
        body = await request.body()
        if len(body) > MAX_RESPONSE_BYTES:
            message = (
                f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload size "
                f"({MAX_RESPONSE_BYTES} bytes)."
            )
            self.workers.fail(request_id, ErrorObject(message, "Function.ResponseSizeTooLarge"))
            return _refused(413, "RequestEntityTooLarge", message)
        text = body.decode(errors="replace")
        return _accepted(is_known=self.workers.succeed(request_id, text))


async def _disconnected(request: Request) -> None:
    """Return when the worker's connection is gone."""
    message: Any = None
    while message is None or message["type"] != "http.disconnect":
        message = await request.receive()


def _is_persistent(request: Request) -> bool:
    """Whether the client keeps its connection for as long as it lives.

    Lambda's own clients do; a shell script that calls curl for each request does not.
    """
    agent = request.headers.get("user-agent", "").lower()
    return agent.startswith(("aws-lambda", "aws_lambda"))


async def _read_error(request: Request) -> ErrorObject:
    """Read what a worker says of a failure; runtimes differ in how much they say."""
    said: Any
    try:
        said = json.loads(await request.body())
    except (ValueError, RecursionError):
        said = None
    fields = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
    message, kind = fields.get("errorMessage"), fields.get("errorType")
    if not isinstance(kind, str):
        kind = request.headers.get("lambda-runtime-function-error-type", "Unhandled")
    stack: Any = fields.get("stackTrace") or fields.get("trace") or ()
    lines = tuple(map(_storable, cast("list[Any]", stack))) if isinstance(stack, list) else ()
    text = _storable(message) if isinstance(message, str) else None
    return ErrorObject(text, _storable(kind), None, lines or None)


def _storable(value: object) -> str:
    """Return text without the half characters that JSON can escape."""
    return str(value).encode(errors="replace").decode()


def _accepted(*, is_known: bool) -> Response:
    if not is_known:
        return _refused(400, "InvalidRequestID", "Invalid request ID")
    return json_response(_ACCEPTED, 202)


def _refused(status: int, kind: str, message: str) -> Response:
    return json_response({"errorMessage": message, "errorType": kind}, status)
