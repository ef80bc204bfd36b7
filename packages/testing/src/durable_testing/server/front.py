"""One ASGI app for all ports: the API on the main one, a function's Runtime API on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durable_testing.server.runtime_api import PREFIX
from durable_testing.server.wire import json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

RUNTIME_PATH: Final = "/runtime/"
_BROWSER_HEADERS: Final = frozenset({b"origin", b"sec-fetch-site"})
"""Only browsers send them: any page could reach a loopback port, and run workflows through it."""


class FrontDoor:
    """Sends requests where they belong.

    A function process reaches its Runtime API at `HOST:PORT` of the function, or, where its client
    takes a path in AWS_LAMBDA_RUNTIME_API, at `HOST:PORT/runtime/NAME` of the API.
    """

    def __init__(
        self,
        api: ASGIApp,
        by_port: Mapping[int, ASGIApp],
        by_name: Mapping[str, ASGIApp],
    ) -> None:
        self._api = api
        self._by_port = by_port
        self._by_name = by_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        _, port = scope["server"]
        path: str = scope["path"]
        if any(name in _BROWSER_HEADERS for name, _ in scope["headers"]):
            await _refused(403, "Requests of web pages are refused")(scope, receive, send)
        elif port in self._by_port:
            await self._by_port[port](scope, receive, send)
        elif path.startswith(RUNTIME_PATH) and PREFIX in path:
            name, _, rest = path.removeprefix(RUNTIME_PATH).partition("/")
            runtime = self._by_name.get(name)
            if runtime is None:
                message = f"No function {name!r} runs elsewhere"
                await _refused(404, message)(scope, receive, send)
            else:
                await runtime({**scope, "path": f"/{rest}"}, receive, send)
        else:
            await self._api(scope, receive, send)


def _refused(status: int, message: str) -> ASGIApp:
    return json_response({"errorMessage": message}, status)
