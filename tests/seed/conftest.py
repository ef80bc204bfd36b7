"""Runs a seed handler on the embedded engine, in memory and in virtual time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
    plain_function,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from durable_core import DurableContext
    from durable_core.lowlevel import ErrorObject, Operation
    from durable_testing.engine import InvocationEnd
    from durable_testing.model import Invocation

    Handler = Callable[[Any, DurableContext], Awaitable[Any]]


@dataclass(frozen=True)
class Outcome:
    """What became of an execution."""

    status: str
    value: Any
    error: ErrorObject | None
    operations: tuple[Operation, ...]
    virtual_seconds: int

    def names(self) -> list[str | None]:
        return [operation.name for operation in self.operations[1:]]

    def operation(self, name: str) -> Operation:
        found = [operation for operation in self.operations if operation.name == name]
        assert len(found) == 1, (name, self.names())
        return found[0]


class Outside(EngineHooks):
    """Answers each open callback by its name, when the invocation that opened it has ended."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers
        self.engine: LocalEngine | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def ended(self, invocation: Invocation, end: InvocationEnd, /) -> None:
        assert self.engine is not None
        for callback in self.engine.model.open_callbacks(invocation.input.execution_arn):
            name = (callback.name or "").removesuffix(" create callback id")
            self.tasks.add(asyncio.create_task(self.answer(callback, self.answers[name])))

    async def answer(self, callback: Operation, answer: str) -> None:
        assert self.engine is not None
        await self.engine.apply(
            lambda model, now_ms: model.callback_succeed(callback.callback_id, answer, now_ms)
        )


async def outcome_of(engine: LocalEngine, event: Any) -> Outcome:
    began_ms = engine.clock.now_ms()
    arn = (await engine.start("main", json.dumps(event))).execution_arn
    outcome = await engine.outcome(arn)
    return Outcome(
        status=outcome.status.value,
        value=None if outcome.result is None else json.loads(outcome.result),
        error=outcome.error,
        operations=engine.model.operations(arn),
        virtual_seconds=round((engine.clock.now_ms() - began_ms) / 1000),
    )


@pytest.fixture
def run() -> Callable[..., Outcome]:
    def run(
        handler: Handler,
        event: Any = None,
        *,
        answers: Mapping[str, str] | None = None,
        functions: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> Outcome:
        async def main() -> Outcome:
            known = [durable_function("main", handler)]
            known += [plain_function(name, fn) for name, fn in (functions or {}).items()]
            hooks = Outside(answers or {})
            async with LocalEngine(
                known, in_memory(), clock=VirtualClock(), hooks=hooks, random=lambda: 0.5
            ) as engine:
                hooks.engine = engine
                return await outcome_of(engine, event)

        return asyncio.run(main())

    return run
