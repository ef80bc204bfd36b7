"""Any program gives the same result however often it is cut off and replayed."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from invariants.programs import Interpreter, Run, programs

from durable_core.lowlevel import OperationType
from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
)
from durable_testing.model import ServiceConfig
from durable_testing.model.ids import seeded_ids


class Crash(BaseException):
    """The process of an invocation dies."""


class CrashingService:
    """Passes calls on; the process dies after each, once its answer is durable."""

    def __init__(self, service: Any, hooks: CrashHooks) -> None:
        self.service = service
        self.hooks = hooks

    def checkpoint(self, request: Any) -> Any:
        answer = self.service.checkpoint(request)
        self.hooks.calls += 1
        # An at-most-once attempt that dies each time between START and its end never ends.
        is_once = any(
            update.name and "once" in update.name and update.action == "START"
            for update in request.updates
        )
        if not is_once and self.hooks.dies(self.hooks.calls):
            raise Crash
        return answer

    def load_page(self, *args: Any) -> Any:
        return self.service.load_page(*args)


class CrashHooks(EngineHooks):
    """Lets invocations die."""

    def __init__(self, dies: Any) -> None:
        self.dies = dies
        self.calls = 0

    def service(self, invocation: Any, service: Any) -> Any:
        return CrashingService(service, self)


CONFIG = ServiceConfig(invocation_attempts=100_000, invocation_backoff_seconds=0)


async def execute(program: list[Any], dies: Any) -> tuple[Any, dict[str, Any], Run, int]:
    """Run a program to its end: outcome, the operations it made, and what it did outside."""
    run = Run()
    interpreter = Interpreter(program, run)
    hooks = CrashHooks(dies)
    clock = VirtualClock()
    async with LocalEngine(
        [durable_function("main", interpreter.handler, execution_timeout_seconds=10_000_000)],
        in_memory(new_id=seeded_ids(0), config=CONFIG),
        clock=clock,
        hooks=hooks,
        random=Random(0).random,  # noqa: S311  not for secrets
    ) as engine:
        started = await engine.start("main", "null", name="one")
        arn = started.execution_arn

        def settled(operation_id: str) -> bool:
            records = {record.id: record for record in engine.model.operations(arn)}
            record = records.get(operation_id)
            return record is not None and record.is_terminal

        run.settled = settled
        while True:
            outcome = await engine.outcome_or_blocked(arn)
            if outcome.ended_at_ms is not None:
                break
            open_callbacks = engine.model.open_callbacks(arn)
            assert open_callbacks, "blocked without a callback"
            first = min(open_callbacks, key=lambda c: c.started_at_ms + run.answers[c.name] * 1000)
            await engine.apply(
                lambda model, now, c=first: model.callback_succeed(c.callback_id, "answer", now)
            )
        made = {
            record.id: (record.type, record.subtype, record.name, record.parent_id)
            for record in engine.model.operations(arn)
            if record.type is not OperationType.EXECUTION
        }
    return outcome, made, run, hooks.calls


def compared(outcome: Any) -> Any:
    error = outcome.error
    return (outcome.status, outcome.result, error and (error.type, error.message))


def check(program: list[Any], dies: Any = lambda call: True) -> None:
    async def both() -> None:
        straight, made, _, _ = await execute(program, lambda call: False)
        cut, made_again, run, _ = await execute(program, dies)
        assert compared(cut) == compared(straight)
        assert made_again == made
        assert run.repeated == []

    asyncio.run(both())


# It cancels a task that waits for tasks of its own: the inner one still runs at the end.
LEAVES_A_TASK = ["first", ["step"], ["first", ["step"]]]
# Told by the invocation that runs the body, a child's too; here a warning would be an outcome.
untold = pytest.mark.filterwarnings("ignore:the task .* was still running:RuntimeWarning")


@untold
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
@example(LEAVES_A_TASK)
@example(["child", LEAVES_A_TASK])
def test_a_crash_after_every_checkpoint_changes_nothing(program: list[Any]) -> None:
    check(program)


@untold
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), st.integers(0, 2**32))
@example(LEAVES_A_TASK, 0)
def test_crashes_at_random_checkpoints_change_nothing(program: list[Any], seed: int) -> None:
    random = Random(seed)  # noqa: S311  not for secrets
    check(program, lambda call: random.random() < 0.4)


@pytest.mark.parametrize("seed", range(5))
def test_a_warning_that_is_an_error_is_the_same_error_after_crashes(seed: int) -> None:
    random = Random(seed)  # noqa: S311  not for secrets
    check(LEAVES_A_TASK, lambda call: random.random() < 0.4)
