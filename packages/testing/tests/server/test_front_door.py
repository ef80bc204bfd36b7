"""One app for all ports: by port, by path, and not for web pages."""

import asyncio

import pytest

from durable_testing.server import asgi_request
from durable_testing.server.front import FrontDoor
from durable_testing.server.runtime_api import PREFIX
from durable_testing.server.wire import json_response


class Named:
    def __init__(self, name):
        self.name = name

    async def __call__(self, scope, receive, send):
        body = {"app": self.name, "path": scope["path"]}
        await json_response(body)(scope, receive, send)


def ask(path, *, by_port=None, **headers):
    door = FrontDoor(Named("api"), by_port or {}, {"orders": Named("runtime")})
    response = asyncio.run(asgi_request(door, "GET", path, headers=headers))
    return response.status, response.json()


def test_a_path_leads_to_the_runtime_api_of_its_function():
    answer = {"app": "runtime", "path": f"{PREFIX}/invocation/next"}
    assert ask(f"/runtime/orders{PREFIX}/invocation/next") == (200, answer)


def test_a_port_leads_to_the_runtime_api_of_its_function():
    by_port = {80: Named("own port")}
    answer = {"app": "own port", "path": f"{PREFIX}/invocation/next"}
    assert ask(f"{PREFIX}/invocation/next", by_port=by_port) == (200, answer)


def test_everything_else_goes_to_the_api():
    assert ask("/health") == (200, {"app": "api", "path": "/health"})


def test_a_function_that_does_not_run_elsewhere_is_not_found():
    status, body = ask(f"/runtime/lost{PREFIX}/invocation/next")
    assert (status, body) == (404, {"errorMessage": "No function 'lost' runs elsewhere"})


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_web_pages_are_refused(header):
    status, _ = ask("/health", **{header: "http://example.com"})
    assert status == 403
