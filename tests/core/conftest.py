"""Runs a workflow on the embedded engine, in virtual time, and shows what came of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from durable_core.lowlevel import ExecutionStatus, Operation, OperationType, Workflow, workflow_of
from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
    plain_function,
)
from durable_testing.model import ServiceConfig
from durable_testing.model.ids import seeded_ids

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Ran:
    """An execution that came to its end, or that waits for somebody."""

    status: ExecutionStatus
    result: Any
    error: Any
    operations: list[Operation]
    invocations: int
    batches: list[list[str]]
    elapsed_ms: int
    history: list[Any] = field(default_factory=list)

    def operation(self, name: str | None) -> Operation:
        """The only operation of that name."""
        (found,) = [operation for operation in self.operations if operation.name == name]
        return found


class Recording(EngineHooks):
    """Notes what each checkpoint call carried; lets an invocation die after a chosen one."""

    def __init__(self, dies_after: Callable[[int, Any], bool] | None = None) -> None:
        self.batches: list[list[str]] = []
        self.dies_after = dies_after

    def service(self, invocation: Any, service: Any) -> Any:
        return _Recorder(self, service)


class Died(BaseException):
    """The process of an invocation is gone."""


class _Recorder:
    def __init__(self, hooks: Recording, service: Any) -> None:
        self._hooks = hooks
        self._service = service

    def checkpoint(self, request: Any) -> Any:
        answer = self._service.checkpoint(request)
        self._hooks.batches.append(
            [f"{update.action} {update.name or update.subtype}" for update in request.updates]
        )
        dies_after = self._hooks.dies_after
        if dies_after is not None and dies_after(len(self._hooks.batches), request):
            raise Died
        return answer

    def load_page(self, *arguments: Any) -> Any:
        return self._service.load_page(*arguments)


async def _execute(
    handlers: list[Any],
    event: Any,
    *,
    functions: dict[str, Callable[..., Any]],
    answers: dict[str, Callable[[Any, str, int], Any]],
    hooks: EngineHooks,
    config: ServiceConfig | None,
    patience_seconds: float,
) -> Ran:
    clock = VirtualClock(patience_seconds=patience_seconds)
    hooks = hooks or Recording()
    current: list[Workflow] = [workflow_of(handler) for handler in handlers]

    class Deploying(EngineHooks):
        """Runs the next handler in each invocation: code that changed in between."""

        def __init__(self) -> None:
            self.count = 0

        def service(self, invocation: Any, service: Any) -> Any:
            return hooks.service(invocation, service)

        def workflow(self, invocation: Any, workflow: Any) -> Any:
            self.count += 1
            return current[min(self.count, len(current)) - 1]

    deploying = Deploying()
    durable = [durable_function("main", current[0], execution_timeout_seconds=40_000_000)]
    plain = [plain_function(name, fn) for name, fn in functions.items()]
    async with LocalEngine(
        [*durable, *plain],
        in_memory(
            new_id=seeded_ids(0),
            config=config or ServiceConfig(invocation_attempts=1000, invocation_backoff_seconds=0),
        ),
        clock=clock,
        hooks=deploying,
        random=Random(0).random,  # noqa: S311  not for secrets
    ) as engine:
        began = clock.now_ms()
        started = await engine.start("main", json.dumps(event), name="one")
        arn = started.execution_arn
        while True:
            outcome = await engine.outcome_or_blocked(arn)
            waiting = [c for c in engine.model.open_callbacks(arn) if c.name in answers]
            if outcome.ended_at_ms is not None or not waiting:
                break
            for callback in waiting:
                answer = answers.pop(callback.name)
                await engine.apply(
                    lambda model, now, c=callback, a=answer: a(model, c.callback_id, now)
                )
        operations = [
            operation
            for operation in engine.model.operations(arn)
            if operation.type is not OperationType.EXECUTION
        ]
        return Ran(
            outcome.status,
            None if outcome.result is None else json.loads(outcome.result),
            outcome.error,
            operations,
            outcome.invocations,
            getattr(hooks, "batches", []),
            clock.now_ms() - began,
            list(engine.model.history(arn)),
        )


@pytest.fixture
def execute() -> Callable[..., Ran]:
    """Run `handler` (or one handler an invocation) with `event` to its end."""

    def run(
        *handlers: Any,
        event: Any = None,
        functions: dict[str, Any] | None = None,
        answers: dict[str, Any] | None = None,
        hooks: EngineHooks | None = None,
        config: ServiceConfig | None = None,
        patience_seconds: float = 5,
    ) -> Ran:
        return asyncio.run(
            _execute(
                list(handlers),
                event,
                functions=functions or {},
                answers=dict(answers or {}),
                hooks=hooks or Recording(),
                config=config,
                patience_seconds=patience_seconds,
            )
        )

    return run


@pytest.fixture
def crashing() -> Callable[..., Recording]:
    """Hooks under which an invocation dies after the checkpoint calls that `dies_after` names."""

    def make(dies_after: Callable[[int, Any], bool]) -> Recording:
        return Recording(dies_after)

    return make
