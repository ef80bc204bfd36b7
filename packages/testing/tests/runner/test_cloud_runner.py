"""The cloud runner, over boto3, against the emulator in this process."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from durable_core import CallbackTimeoutError, DurableContext
from durable_testing import CloudTestRunner, DurableTestRunner, ScriptError, VirtualClock
from durable_testing.engine import LocalEngine, durable_function, in_memory, plain_function
from durable_testing.server import asgi_request, create_app

if TYPE_CHECKING:
    from collections.abc import Iterator


async def one() -> int:
    return 1


async def ask(callback_id: str) -> None: ...


async def order(event: Any, context: DurableContext) -> Any:
    await context.step("reserve", one)
    await context.wait("cool-off", hours=1)
    try:
        by = await context.wait_for_callback("approve", ask, timeout=timedelta(hours=5))
    except CallbackTimeoutError:
        by = "nobody"
    return {"by": by, "shipped": await context.invoke("ship", "shipping:$LATEST", event)}


async def long(event: Any, context: DurableContext) -> int:
    return sum([await context.step(f"step-{n}", one) for n in range(120)])


class Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


class Emulator:
    """The engine under the HTTP API; it runs while somebody asks it or sleeps."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.clock = VirtualClock(is_running=False)
        self.engine = runner.run(self._open())
        self._app = create_app(self.engine, wait_closed=self.engine.outcome)
        self.client = boto3.client(
            "lambda",
            endpoint_url="http://127.0.0.1",
            region_name="us-east-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",  # noqa: S106
            config=Config(retries={"max_attempts": 0}),
        )
        self.client.meta.events.register("before-send.lambda", self._answer)

    async def _open(self) -> LocalEngine:
        functions = [
            durable_function("order", order, execution_timeout_seconds=10**6, alias="live"),
            durable_function("long", long, execution_timeout_seconds=10**6, alias="live"),
            plain_function("shipping", lambda event: {"tracking": event["n"]}),
        ]
        return LocalEngine(functions, in_memory(), clock=self.clock)

    def sleep(self, seconds: float) -> None:
        self._runner.run(self.clock.advance_to(self.clock.now_ms() + int(seconds * 1000)))

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        target = f"{url.path}?{url.query}" if url.query else url.path
        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        body = body if isinstance(body, bytes | bytearray) else body.read()
        response = self._runner.run(
            asgi_request(self._app, request.method, target, headers=headers, body=body)
        )
        return AWSResponse(
            request.url, response.status, dict(response.headers), Body(response.body)
        )


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with asyncio.Runner() as runner:
        emulator = Emulator(runner)
        yield emulator
        runner.run(emulator.engine.close())
        emulator.client.close()


@pytest.fixture
def runner(emulator: Emulator) -> CloudTestRunner:
    return CloudTestRunner(
        "order:live",
        emulator.client,
        poll_seconds=600,
        timeout=timedelta(hours=12),
        sleep=emulator.sleep,
        now=lambda: emulator.clock.now_ms() / 1000,
    )


def test_a_deployed_workflow_gives_the_result_that_a_local_run_gives(
    runner: CloudTestRunner,
) -> None:
    runner.callback("approve").succeeds_with("ann")

    result = runner.run({"n": 7}, name="order-7")

    assert result.value == {"by": "ann", "shipped": {"tracking": 7}}
    assert result.name == "order-7"
    assert result.operation("reserve").attempts == 1
    assert result.operation("ship").function_name == "shipping:$LATEST"
    local = DurableTestRunner(order)
    local.callback("approve").succeeds_with("ann")
    local.function("shipping", calls=lambda event: {"tracking": event["n"]})
    expected = local.run_sync({"n": 7})
    assert result.signature() == expected.signature()
    assert result.invocations == expected.invocations
    assert result.tree().splitlines()[1:3] == expected.tree().splitlines()[1:3]


def test_callbacks_are_answered_by_hand(runner: CloudTestRunner) -> None:
    execution = runner.start({"n": 1})

    assert execution.run_until("approve", "STARTED").kind == "callback"
    execution.send_callback_heartbeat("approve")
    execution.send_callback_success("approve", {"name": "bob"})
    with pytest.raises(ScriptError, match="no callback 'approve' is open"):
        execution.send_callback_success("approve")

    assert execution.run_until("approve").succeeded
    assert execution.result().value["by"] == '{"name":"bob"}'


def test_a_callback_that_nobody_answers_times_out(runner: CloudTestRunner) -> None:
    runner.callback("approve").times_out()

    assert runner.run({"n": 1}).value["by"] == "nobody"


def test_a_callback_fails(runner: CloudTestRunner) -> None:
    execution = runner.start({"n": 1})
    execution.run_until("approve", "STARTED")
    execution.send_callback_failure("approve", ValueError("no"))

    result = execution.result()

    assert result.failed
    assert result.error is not None
    assert (result.error.type, result.error.message) == ("ValueError", "no")


def test_an_execution_is_paused_resumed_and_stopped(runner: CloudTestRunner) -> None:
    execution = runner.start({"n": 1})
    execution.pause()
    assert execution.snapshot().status in ("PAUSING", "PAUSED")
    execution.resume()
    execution.run_until("cool-off")
    execution.stop("enough")

    result = execution.result()

    assert result.status == "STOPPED"
    assert result.error is not None
    assert result.error.message == "enough"


def test_what_does_not_end_in_time_shows_how_it_stands(runner: CloudTestRunner) -> None:
    slow = CloudTestRunner(
        "order:live",
        runner._client,
        poll_seconds=600,
        timeout=timedelta(hours=2),
        sleep=runner._sleep,
    )

    with pytest.raises(TimeoutError, match=r"is not that far in time(.|\n)*▸ approve"):
        slow.run({"n": 1})


def test_a_long_history_is_read_page_by_page(emulator: Emulator) -> None:
    runner = CloudTestRunner("long:live", emulator.client, poll_seconds=1, sleep=emulator.sleep)

    result = runner.run()

    assert result.value == 120
    assert len(result.operations) == 120
    assert result.operation("step-119").succeeded
