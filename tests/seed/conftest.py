"""Runs a seed handler on the embedded engine, in memory and in virtual time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from durable_testing.engine import (
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

    Handler = Callable[[Any, DurableContext], Awaitable[Any]]


@dataclass(frozen=True)
class Outcome:
    """What became of an execution."""

    status: str
    value: Any
    error: ErrorObject | None
    operations: tuple[Operation, ...]
    virtual_seconds: float

    def names(self) -> list[str | None]:
        return [operation.name for operation in self.operations[1:]]

    def operation(self, name: str) -> Operation:
        found = [operation for operation in self.operations if operation.name == name]
        assert len(found) == 1, (name, self.names())
        return found[0]


async def drive_to_the_end(engine: LocalEngine, event: Any, answers: Mapping[str, str]) -> Outcome:
    started = await engine.start("main", json.dumps(event))
    arn = started.execution_arn
    began_ms = engine.clock.now_ms()
    outcome = await engine.outcome_or_blocked(arn)
    while outcome.ended_at_ms is None:
        waiting = engine.model.open_callbacks(arn)
        assert waiting, "nothing can go on and nobody is asked"
        for callback in waiting:
            owner = callback.name or ""
            answer = answers[owner.removesuffix(" create callback id")]
            await engine.apply(
                lambda model, now_ms, c=callback, a=answer: model.callback_succeed(
                    c.callback_id, a, now_ms
                )
            )
        outcome = await engine.outcome_or_blocked(arn)
    return Outcome(
        status=outcome.status.value,
        value=None if outcome.result is None else json.loads(outcome.result),
        error=outcome.error,
        operations=engine.model.operations(arn),
        virtual_seconds=(engine.clock.now_ms() - began_ms) / 1000,
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
            async with LocalEngine(
                known, in_memory(), clock=VirtualClock(), random=lambda: 0.5
            ) as engine:
                return await drive_to_the_end(engine, event, answers or {})

        return asyncio.run(main())

    return run
