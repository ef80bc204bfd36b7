"""The API over an engine in virtual time: hours pass while one request waits."""

import asyncio
import json

from durable_testing.engine import (
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
    plain_function,
)
from durable_testing.server import asgi_request, create_app
from durable_testing.server.hosting import EngineAccess

INVOKE = "/2015-03-31/functions/{}/invocations"


async def patient(event, context):
    await context.wait("night", minutes=14)
    return await context.invoke("double", "doubler", event)


def doubler(number):
    return number * 2


def broken(event):
    raise ValueError("no")


async def serve(scenario):
    functions = [
        durable_function("patient", patient, execution_timeout_seconds=900),
        plain_function("doubler", doubler),
        plain_function("broken", broken),
    ]
    async with LocalEngine(functions, in_memory(), clock=VirtualClock()) as engine:
        access = EngineAccess(engine)
        app = create_app(access, wait_closed=access.wait_closed, call_function=access.call_function)
        return await scenario(engine, app)


def test_a_synchronous_invoke_waits_in_virtual_time():
    async def scenario(engine, app):
        before = engine.clock.now_ms()
        response = await asgi_request(app, "POST", INVOKE.format("patient:1"), body=b"4")
        assert (response.status, response.body) == (200, b"8")
        assert engine.clock.now_ms() - before >= 14 * 60_000

    asyncio.run(serve(scenario))


def test_plain_functions_answer_and_fail():
    async def scenario(engine, app):
        response = await asgi_request(app, "POST", INVOKE.format("doubler"), body=b"4")
        assert response.body == b"8"
        response = await asgi_request(app, "POST", INVOKE.format("broken"), body=b"4")
        assert response.headers["x-amz-function-error"] == "Unhandled"
        assert json.loads(response.body)["errorMessage"] == "no"

    asyncio.run(serve(scenario))


def test_a_server_that_stops_says_so_to_those_who_wait_and_those_who_come():
    async def scenario(engine, app):
        engine.clock.pause()
        waiting = asyncio.ensure_future(
            asgi_request(app, "POST", INVOKE.format("patient:1"), body=b"4")
        )
        await engine.clock.idle()
        await engine.close()
        path = "/2025-12-01/functions/patient/durable-executions"
        for response in (await waiting, await asgi_request(app, "GET", path)):
            assert response.headers["x-amzn-errortype"] == "ServiceException"
            assert response.json()["Message"] == "the engine is closed"

    asyncio.run(serve(scenario))
