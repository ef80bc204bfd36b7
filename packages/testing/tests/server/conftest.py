"""A service under the HTTP API with a clock the test moves, and invocations the test plays."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from durable_testing.model import (
    FunctionConfig,
    Invocation,
    Invoke,
    ServiceConfig,
    ServiceModel,
    seeded_ids,
)
from durable_testing.server import AsgiResponse, Closings, asgi_request, create_app
from durable_testing.store.memory import MemoryService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FUNCTIONS = (
    FunctionConfig(
        name="orders", execution_timeout_seconds=900, versions=("1", "2"), aliases={"live": "2"}
    ),
    FunctionConfig(name="slow", execution_timeout_seconds=901),
    FunctionConfig(name="plain"),
)


class Laboratory:
    """The API over a memory service; requests go in without a socket."""

    def __init__(self, **limits: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.now_ms = 1_767_225_600_000
        self.model = ServiceModel(FUNCTIONS, new_id=seeded_ids(), config=ServiceConfig(**limits))
        self.closings = Closings(lambda: self.model)
        self.effects: list[Any] = []
        self.something = asyncio.Event()
        self.gate: Callable[[str], None] = lambda _name: None
        self.calls: list[Any] = []
        self.plain_answer: Any = None
        service = MemoryService(self.model, now_ms=lambda: self.now_ms, on_effect=self._on_effect)
        self.app = create_app(
            service,
            wait_closed=self.closings.wait,
            call_function=self._call_plain,
            gate=self._pass_gate,
        )
        self.service = service

    def _on_effect(self, effect: Any) -> None:
        self.effects.append(effect)
        self.something.set()
        self.closings.on_effect(effect)

    def _pass_gate(self, name: str) -> None:
        self.gate(name)

    async def _call_plain(self, call: Any) -> Any:
        self.calls.append(call)
        self.something.set()
        return self.plain_answer

    async def request(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        query: Any = None,
        headers: dict[str, str] | None = None,
    ) -> AsgiResponse:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        if query:
            target = f"{target}?{urlencode(query, doseq=True)}"
        return await asgi_request(self.app, method, target, headers=headers, body=raw)

    def send(self, method: str, target: str, body: Any = None, **options: Any) -> AsgiResponse:
        return self.loop.run_until_complete(self.request(method, target, body, **options))

    def start(self, name: str = "order-1", payload: str = '{"n": 1}') -> str:
        return self.loop.run_until_complete(self.start_async(name, payload))

    async def start_async(self, name: str, payload: str = '{"n": 1}') -> str:
        response = await self.request(
            "POST",
            "/2015-03-31/functions/orders:1/invocations",
            payload.encode(),
            headers={
                "X-Amz-Invocation-Type": "Event",
                "X-Amz-Durable-Execution-Name": name,
            },
        )
        assert response.status == 202, response
        return response.headers["x-amz-durable-execution-arn"]

    def begin(self, arn: str) -> Invocation:
        assert any(isinstance(each, Invoke) and each.execution_arn == arn for each in self.effects)
        invocation = self.service.apply(lambda model, now: model.begin_invocation(arn, now))
        assert invocation is not None
        return invocation

    def end(self, arn: str, invocation: Invocation, output: Any) -> None:
        self.service.apply(
            lambda model, now: model.end_invocation(arn, invocation.invocation_id, output, now)
        )

    def close(self, arn: str) -> None:
        self.end(arn, self.begin(arn), {"Status": "SUCCEEDED", "Result": '"done"'})

    def checkpoint(self, arn: str, token: str, updates: list[Any], **extra: Any) -> AsgiResponse:
        body = {"CheckpointToken": token, "Updates": updates, **extra}
        return self.send("POST", f"{path_of(arn)}/checkpoint", body)

    def with_callback(self, name: str = "order-1", **options: Any) -> tuple[str, str]:
        """Start an execution that waits for a callback; return its ARN and the callback's id."""
        arn = self.start(name)
        invocation = self.begin(arn)
        update = {"Id": "c1", "Type": "CALLBACK", "Action": "START", "CallbackOptions": options}
        response = self.checkpoint(arn, invocation.input.checkpoint_token, [update])
        (operation,) = response.json()["NewExecutionState"]["Operations"]
        self.end(arn, invocation, {"Status": "PENDING"})
        return arn, operation["CallbackDetails"]["CallbackId"]


def path_of(arn: str) -> str:
    return f"/2025-12-01/durable-executions/{quote(arn, safe='')}"


@pytest.fixture
def lab() -> Iterator[Laboratory]:
    laboratory = Laboratory()
    yield laboratory
    laboratory.loop.close()


@pytest.fixture
def labs() -> Iterator[Callable[..., Laboratory]]:
    made: list[Laboratory] = []

    def make(**limits: Any) -> Laboratory:
        made.append(Laboratory(**limits))
        return made[-1]

    yield make
    for laboratory in made:
        laboratory.loop.close()


@pytest.fixture
def execution_path() -> Callable[[str], str]:
    return path_of
