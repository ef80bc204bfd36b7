"""The service's HTTP API as an ASGI app, over any store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.requests import Request

from durable_testing.server.backend import Backend, FunctionAnswer, FunctionCall, ServiceAccess
from durable_testing.server.routes import answer_request
from durable_testing.server.wire import REQUEST_ID_HEADER, json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send


class LambdaApi:
    """AWS Lambda's durable functions API as far as an emulator needs it; see `create_app`."""

    def __init__(self, backend: Backend, gate: Callable[[str], None] | None) -> None:
        self._backend = backend
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if scope["path"] == "/health":
            response = json_response({"status": "ok"})
        else:
            response = await answer_request(request, self._backend, self._gate)
        response.headers[REQUEST_ID_HEADER] = str(uuid4())
        await response(scope, receive, send)


def create_app(
    service: ServiceAccess,
    *,
    wait_closed: Callable[[str], Awaitable[object]],
    call_function: Callable[[FunctionCall], Awaitable[FunctionAnswer]] | None = None,
    gate: Callable[[str], None] | None = None,
) -> ASGIApp:
    """Return an ASGI app that answers as AWS Lambda does.

    It runs on the loop of `service`, reads no clock and starts no thread, so that it serves
    virtual time in one process as well as a port. It has no lifespan.

    Args:
        service: What keeps the executions: `MemoryService`, `SqliteService`, a `LocalEngine`.
        wait_closed: Returns once the execution of that ARN is closed: synchronous invokes wait.
        call_function: Calls a plain function. None: invoking one is a `ServiceException`.
        gate: Called with the operation's name before each call; what it raises is the answer.
            For throttles and other faults.
    """
    return LambdaApi(Backend(service, wait_closed, call_function), gate)
