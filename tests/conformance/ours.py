"""Our emulator: the engine and the HTTP API in this process, on one loop, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from conformance.faults import Faults
from conformance.handlers import process
from conformance.handlers.deployed import FUNCTIONS
from conformance.inprocess import lambda_client
from conformance.logs import JsonFormatter, LogStream

from durable_core.lowlevel import Instrumentation, OperationType
from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
)
from durable_testing.model import ServiceConfig, seeded_ids
from durable_testing.server import asgi_request, create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from conformance.logs import Line

    from durable_core.lowlevel import OperationDetails
    from durable_testing.model import Invocation, ServiceModel
    from durable_testing.server import AsgiResponse

EXECUTION_TIMEOUT_SECONDS: Final = 900
"""The most that a synchronous invoke may take."""
FAR_MS: Final = 600_000
"""A timer further away than this is a timeout, not something to wait for."""

running_execution: ContextVar[str] = ContextVar("running_execution")


class KnowsExecution(Instrumentation):
    """Tells the code of an attempt which execution it runs for."""

    def __init__(self, execution_arn: str) -> None:
        self.execution_arn = execution_arn

    @contextmanager
    def attempt(self, operation: OperationDetails) -> Iterator[None]:
        token = running_execution.set(self.execution_arn)
        yield
        running_execution.reset(token)


class Hooks(EngineHooks):
    """Adds `KnowsExecution` to every invocation."""

    def plugins(self, invocation: Invocation) -> Sequence[Instrumentation]:
        return (KnowsExecution(invocation.input.execution_arn),)


class ThroughEngine:
    """The service for the HTTP API: calls go through the engine, which keeps the timers."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    @property
    def model(self) -> ServiceModel:
        return self._engine.model

    def apply(self, call: Callable[[ServiceModel, int], Any]) -> Any:
        return self._engine.apply(call)

    def checkpoint(self, request: Any) -> Any:
        return self._engine.service.checkpoint(request)

    def load_page(self, *request: Any) -> Any:
        return self._engine.service.load_page(*request)


class OurEmulator:
    """The engine with all handlers; it runs only while somebody waits for it."""

    workers = 1
    faults = Faults()

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: VirtualClock) -> None:
        self._loop = loop
        self._clock = clock
        self.clock = self
        self.stream = LogStream(clock.now_ms)
        self.client = lambda_client(self._request)
        self.engine = self._run(self._open())
        self._app = create_app(ThroughEngine(self.engine), wait_closed=self._finish)

    @property
    def lines(self) -> list[Line]:
        """What the functions wrote."""
        return self.stream.lines

    def time(self) -> float:
        """Seconds since the epoch, of virtual time."""
        return self._clock.now_ms() / 1000

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._run(self._clock.advance_to(self._clock.now_ms() + int(seconds * 1000)))

    def invoke(self, function_name: str, payload: str) -> str:
        """Invoke, and wait for the end of the execution; return its ARN."""
        return self._invoke(function_name, payload, "RequestResponse")

    def invoke_async(self, function_name: str, payload: str) -> str:
        """Invoke and do not wait; return the execution's ARN."""
        return self._invoke(function_name, payload, "Event")

    def close(self) -> None:
        """Discard what is left."""
        self._run(self.engine.close())

    def _invoke(self, function_name: str, payload: str, invocation_type: str) -> str:
        response = self.client.invoke(
            FunctionName=f"{function_name}:$LATEST",
            InvocationType=invocation_type,
            Payload=payload.encode(),
        )
        return response["DurableExecutionArn"]

    async def _open(self) -> LocalEngine:
        functions = [
            durable_function(name, handler, execution_timeout_seconds=EXECUTION_TIMEOUT_SECONDS)
            for name, handler in FUNCTIONS.items()
        ]
        service = in_memory(new_id=seeded_ids(0), config=ServiceConfig())
        return LocalEngine(functions, service, clock=self._clock, hooks=Hooks())

    async def _finish(self, execution_arn: str) -> None:
        """Let happen what is due until the execution is closed, or nothing else is to come."""
        engine = self.engine
        while engine.describe(execution_arn).ended_at_ms is None or engine.is_running(
            execution_arn
        ):
            await self._clock.idle()
            due_ms = self._clock.next_timer_ms()
            if due_ms is not None and due_ms - self._clock.now_ms() < FAR_MS:
                await self._clock.advance_to(due_ms)
            elif engine.is_running(execution_arn):
                await asyncio.sleep(0.01)  # a step that takes real time
            else:
                return

    async def recorded(self) -> None:
        """Wait until a step of the execution that this is called in is on record."""
        operations = partial(self.engine.model.operations, running_execution.get())
        while not any(each.type is OperationType.STEP for each in operations()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def die(self) -> None:
        """End the invocation that this is called in as if its process were gone."""
        self.engine.kill(running_execution.get())
        await asyncio.Event().wait()

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> AsgiResponse:
        return self._run(asgi_request(self._app, method, target, headers=headers, body=body))

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        # All that the functions do, they do in here.
        with redirect_stdout(self.stream):
            return self._loop.run_until_complete(coroutine)


@contextmanager
def running_emulator() -> Iterator[OurEmulator]:
    """Run the emulator; meanwhile what this process logs is its functions' log."""
    with process.table(), asyncio.Runner() as runner:
        emulator = OurEmulator(
            runner.get_loop(), VirtualClock(is_running=False, patience_seconds=0.2)
        )
        handler = logging.StreamHandler(emulator.stream)
        handler.setFormatter(JsonFormatter())
        root = logging.getLogger()
        level = root.level
        process.exits.append(emulator.die)
        process.recordings.append(emulator.recorded)
        try:
            root.addHandler(handler)
            root.setLevel(logging.INFO)
            yield emulator
        finally:
            root.setLevel(level)
            root.removeHandler(handler)
            process.exits.remove(emulator.die)
            process.recordings.remove(emulator.recorded)
            emulator.close()
