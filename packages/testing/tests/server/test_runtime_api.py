"""The Runtime API: calls wait for workers, workers wait for calls, answers find their callers."""

from __future__ import annotations

import asyncio
import json

import pytest

from durable_core.lowlevel import ErrorObject
from durable_testing.engine import VirtualClock
from durable_testing.engine.remote import RemoteCall, RemoteFunctionError
from durable_testing.server import asgi_request
from durable_testing.server.runtime_api import PREFIX, RuntimeApi
from durable_testing.server.workers import Workers

NEXT = f"{PREFIX}/invocation/next"
CALL = RemoteCall("r1", "orders", "2", '{"n": 1}')
AGENT = {"User-Agent": "aws-lambda-python/3.13"}


class Runtime:
    def __init__(self):
        self.clock = VirtualClock(1000, is_running=False)
        self.workers = Workers(self.clock, 60)
        arn_of = "arn:{}:{}".format
        self.app = RuntimeApi(self.workers, arn_of=arn_of)

    def call(self, call=CALL):
        return asyncio.ensure_future(self.workers.call(call))

    def next(self, **headers):
        return asyncio.ensure_future(asgi_request(self.app, "GET", NEXT, headers=headers))

    def post(self, path, body=b"", **options):
        return asgi_request(self.app, "POST", f"{PREFIX}/{path}", body=body, **options)

    def hung_up(self):
        """Ask for a call and go away; return the ASGI call."""
        messages = [{"type": "http.request"}, {"type": "http.disconnect"}]

        async def receive():
            return messages.pop(0)

        async def send(message):
            raise AssertionError(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": NEXT,
            "query_string": b"",
            "headers": [],
            "client": ("127.0.0.1", 7),
            "server": ("127.0.0.1", 80),
        }
        return asyncio.ensure_future(self.app(scope, receive, send))


@pytest.fixture
def runtime():
    return Runtime()


def run(coroutine):
    return asyncio.run(coroutine)


@pytest.mark.parametrize("order", ["call first", "worker first"])
def test_a_call_goes_to_a_worker_and_its_answer_comes_back(runtime, order):
    async def scenario():
        if order == "call first":
            call = runtime.call()
            await asyncio.sleep(0)
            asked = await runtime.next()
        else:
            asking = runtime.next()
            await asyncio.sleep(0)
            call = runtime.call()
            asked = await asking
        assert (asked.status, asked.body) == (200, b'{"n": 1}')
        headers = {key: value for key, value in asked.headers.items() if "runtime" in key}
        assert headers == {
            "lambda-runtime-aws-request-id": "r1",
            "lambda-runtime-deadline-ms": "61000",
            "lambda-runtime-invoked-function-arn": "arn:orders:2",
            "lambda-runtime-trace-id": "",
        }
        answer = await runtime.post("invocation/r1/response", b'"done"')
        assert (answer.status, answer.json()) == (202, {"status": "OK"})
        assert await call == '"done"'

    run(scenario())


def test_a_call_carries_tenant_trace_and_client_context(runtime):
    async def scenario():
        call = RemoteCall("r1", "orders", "2", "{}", "blue", "Root=1\r\nX: é", '{"custom": {}}')
        calling = runtime.call(call)
        asked = await runtime.next()
        assert asked.headers["lambda-runtime-aws-tenant-id"] == "blue"
        assert asked.headers["lambda-runtime-trace-id"] == "Root=1X: "
        assert asked.headers["lambda-runtime-client-context"] == '{"custom": {}}'
        calling.cancel()

    run(scenario())


@pytest.mark.parametrize(
    ("said", "header", "error"),
    [
        (
            {"errorMessage": "no", "errorType": "ValueError", "stackTrace": ["a", "b"]},
            "ignored",
            ErrorObject("no", "ValueError", None, ("a", "b")),
        ),
        ({"errorMessage": "no", "trace": ["a"]}, "Oops", ErrorObject("no", "Oops", None, ("a",))),
        ("text", "Oops", ErrorObject(None, "Oops")),
        ({"errorMessage": 1, "stackTrace": "a"}, "Oops", ErrorObject(None, "Oops")),
        ({"errorMessage": "half \ud800", "errorType": "E"}, "", ErrorObject("half ?", "E")),
    ],
)
def test_a_failure_is_told_in_the_words_of_the_runtime(runtime, said, header, error):
    async def scenario():
        call = runtime.call()
        await runtime.next()
        answer = await runtime.post(
            "invocation/r1/error",
            json.dumps(said).encode(),
            headers={"Lambda-Runtime-Function-Error-Type": header},
        )
        assert answer.status == 202
        with pytest.raises(RemoteFunctionError) as caught:
            await call
        assert caught.value.error == error

    run(scenario())


def test_a_failure_that_is_no_json_is_a_failure_all_the_same(runtime):
    async def scenario():
        call = runtime.call()
        await runtime.next()
        assert (await runtime.post("invocation/r1/error", b"\xff{")).status == 202
        with pytest.raises(RemoteFunctionError) as caught:
            await call
        assert caught.value.error == ErrorObject(None, "Unhandled")

    run(scenario())


def test_a_worker_that_cannot_start_fails_the_call_that_waits_for_one(runtime):
    async def scenario():
        first, second = runtime.call(), runtime.call(CALL._replace(request_id="r2"))
        await asyncio.sleep(0)
        error = json.dumps({"errorMessage": "no module", "errorType": "Runtime.ImportModuleError"})
        assert (await runtime.post("init/error", error.encode())).status == 202
        with pytest.raises(RemoteFunctionError):
            await first
        await runtime.next()
        await runtime.post("invocation/r2/response", b"1")
        assert await second == "1"

    run(scenario())


def test_calls_are_handed_out_in_order(runtime):
    async def scenario():
        calls = [runtime.call(CALL._replace(request_id=f"r{number}")) for number in range(3)]
        await asyncio.sleep(0)
        asked = [await runtime.next() for _ in range(3)]
        ids = [each.headers["lambda-runtime-aws-request-id"] for each in asked]
        assert ids == ["r0", "r1", "r2"]
        for call in calls:
            call.cancel()

    run(scenario())


def test_a_worker_that_hung_up_gets_no_call(runtime):
    async def scenario():
        await runtime.hung_up()
        call = runtime.call()
        assert (await runtime.next()).status == 200
        call.cancel()

    run(scenario())


def test_a_call_handed_to_a_worker_that_hung_up_goes_to_the_next_one(runtime):
    async def scenario():
        call = runtime.call()
        await asyncio.sleep(0)
        await runtime.hung_up()
        asked = await runtime.next()
        assert asked.headers["lambda-runtime-aws-request-id"] == "r1"
        await runtime.post("invocation/r1/response", b"1")
        assert await call == "1"

    run(scenario())


def test_a_call_nobody_waits_for_is_not_handed_out(runtime):
    async def scenario():
        abandoned, call = runtime.call(), runtime.call(CALL._replace(request_id="r2"))
        await asyncio.sleep(0)
        abandoned.cancel()
        await asyncio.gather(abandoned, return_exceptions=True)
        asked = await runtime.next()
        assert asked.headers["lambda-runtime-aws-request-id"] == "r2"
        call.cancel()

    run(scenario())


def test_the_answer_to_a_call_nobody_waits_for_is_taken_and_dropped(runtime):
    async def scenario():
        call = runtime.call()
        await runtime.next()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (await runtime.post("invocation/r1/response", b"1")).status == 202
        unknown = await runtime.post("invocation/r9/response", b"1")
        assert (unknown.status, unknown.json()["errorType"]) == (400, "InvalidRequestID")

    run(scenario())


def test_a_response_may_be_too_large(runtime):
    async def scenario():
        call = runtime.call()
        await runtime.next()
        answer = await runtime.post("invocation/r1/response", b"0" * 6_291_557)
        assert answer.status == 413
        with pytest.raises(RemoteFunctionError) as caught:
            await call
        assert caught.value.error.type == "Function.ResponseSizeTooLarge"

    run(scenario())


def test_what_a_worker_runs_is_lost_with_its_connection(runtime):
    async def scenario():
        call = runtime.call()
        await asgi_request(runtime.app, "GET", NEXT, headers=AGENT)
        for another in (("127.0.0.1", 1, 80), ("127.0.0.1", 0, 81)):
            runtime.workers.lose(another)
        await asyncio.sleep(0)
        assert not call.done()
        runtime.workers.lose(("127.0.0.1", 0, 80))
        with pytest.raises(RemoteFunctionError) as caught:
            await call
        assert caught.value.error.type == "Runtime.ExitError"

    run(scenario())


def test_a_client_with_a_connection_a_request_loses_nothing_by_closing_it(runtime):
    async def scenario():
        call = runtime.call()
        await runtime.next(**{"User-Agent": "curl/8"})
        runtime.workers.lose(("127.0.0.1", 0, 80))
        await runtime.post("invocation/r1/response", b"1")
        assert await call == "1"

    run(scenario())


def test_workers_that_ask_are_sent_away_when_the_server_stops(runtime):
    async def scenario():
        asking = runtime.next()
        await asyncio.sleep(0)
        runtime.workers.close()
        assert (await asking).status == 503

    run(scenario())


def test_the_timeout_of_a_call_begins_when_a_worker_has_it(runtime):
    async def scenario():
        call = runtime.call()
        await runtime.clock.advance_to(1_000_000)
        asked = await runtime.next()
        assert asked.headers["lambda-runtime-deadline-ms"] == "1060000"
        await runtime.clock.advance_to(1_059_999)
        assert not call.done()
        await runtime.clock.advance_to(1_060_000)
        with pytest.raises(RemoteFunctionError) as caught:
            await call
        message = "RequestId: r1 Error: Task timed out after 60.00 seconds"
        assert caught.value.error == ErrorObject(message, "Sandbox.Timedout")
        assert runtime.clock.next_timer_ms() is None

    run(scenario())


def test_other_paths_are_not_found(runtime):
    async def scenario():
        assert (await runtime.post("restore/next")).status == 404

    run(scenario())
