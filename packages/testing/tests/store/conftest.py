from __future__ import annotations

import asyncio
import copy
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import pytest

from durable_core.lowlevel import CheckpointRequest, OperationUpdate
from durable_testing.model import (
    Effect,
    FunctionConfig,
    Invoke,
    ServiceConfig,
    ServiceModel,
    StartRequest,
    seeded_ids,
)
from durable_testing.model.execution import Execution
from durable_testing.store.sqlite import SqliteService

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

FUNCTIONS = (
    FunctionConfig(name="f", execution_timeout_seconds=86_400),
    FunctionConfig(name="child", execution_timeout_seconds=3600, aliases={"live": "1"}),
    FunctionConfig(name="plain"),
)
CONFIG = ServiceConfig(needs_qualifier=False)
TRANSIENT = {"timers", "replayable", "unsaved", "saved_events"}
"""What an execution holds for its process only."""
_seeds = count()


class LooseService(SqliteService):
    """One whose parts a test may replace: it has no slots."""


class Desk:
    """A service on a file, with a clock to turn and a hand that plays the handlers."""

    def __init__(self, path: Path, functions: tuple[FunctionConfig, ...] = FUNCTIONS) -> None:
        self.now = 1_000_000
        self.effects: list[Effect] = []
        self.tokens: dict[str, str] = {}
        self.invocations: dict[str, str] = {}
        self.service = LooseService(
            path,
            functions,
            now_ms=lambda: self.now,
            new_id=seeded_ids(next(_seeds)),
            on_effect=self.effects.append,
            config=CONFIG,
        )

    @property
    def model(self) -> ServiceModel:
        return self.service.model

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.service.close()

    async def start(self, name: str = "run", function_name: str = "f") -> str:
        request = StartRequest(function_name, "{}", name)
        started = await self.service.apply(lambda m, now: m.start_execution(request, now))
        return started.execution_arn

    async def begin(self, arn: str) -> Any:
        invocation = await self.service.apply(lambda m, now: m.begin_invocation(arn, now))
        assert invocation is not None
        self.tokens[arn] = invocation.input.checkpoint_token
        self.invocations[arn] = invocation.invocation_id
        return invocation

    async def send(self, arn: str, *updates: OperationUpdate) -> Any:
        request = CheckpointRequest(arn, self.tokens[arn], updates, "")
        response = await self.service.checkpoint(request)
        self.tokens[arn] = response.checkpoint_token or "none"
        return response

    async def end(self, arn: str, status: str = "PENDING", **more: Any) -> None:
        output = {"Status": status, **more}
        invocation = self.invocations[arn]
        await self.service.apply(lambda m, now: m.end_invocation(arn, invocation, output, now))

    async def run(self, *updates: OperationUpdate, name: str = "run") -> str:
        """Start, begin and checkpoint."""
        arn = await self.start(name)
        await self.begin(arn)
        await self.send(arn, *updates)
        return arn

    def invoked(self) -> list[str]:
        """The executions that were to be invoked, once."""
        arns = [effect.execution_arn for effect in self.effects if isinstance(effect, Invoke)]
        self.effects.clear()
        return arns


def picture(model: ServiceModel, arn: str) -> dict[str, Any]:
    """All that a file must give back of an execution."""
    execution = model.state.look(arn)
    slots = {name: getattr(execution, name) for name in Execution.__slots__}
    return copy.deepcopy({key: value for key, value in slots.items() if key not in TRANSIENT})


def run(play: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(play)


@pytest.fixture(name="run")
def run_fixture() -> Any:
    return run


@pytest.fixture(name="picture")
def picture_fixture() -> Any:
    return picture


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "durable.db"


@pytest.fixture
def desk() -> type[Desk]:
    return Desk
