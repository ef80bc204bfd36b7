"""Whatever the timing, the crashes and the deadlines: a program comes to its own end.

Steps and checkpoint calls take random times, processes die at random, a service may report
everything it has in each answer. What an order-sensitive program comes to may then differ from
run to run; what must not happen is a divergence, a deadlock, a hang, or a recorded step that runs
again.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariants.programs import Interpreter, Run, programs

from durable_core.lowlevel import ExecutionStatus
from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
)
from durable_testing.model import ServiceConfig
from durable_testing.model.ids import seeded_ids

CONFIG = ServiceConfig(invocation_attempts=100_000, invocation_backoff_seconds=0)
OURS = ("NonDeterministic", "Deadlock", "CheckpointError", "ContextScope", "Assertion", "Attribute")


class FreeClock(VirtualClock):
    """Moves while steps run: they take virtual time."""

    def hold(self) -> None:
        pass

    def hold_for(self, work: Any) -> None:
        pass

    def release(self) -> None:
        pass

    def later(self, milliseconds: int) -> asyncio.Future[None]:
        """Be done after a while."""
        future = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not future.done():
                future.set_result(None)

        self.call_at(self.now_ms() + milliseconds, done)
        return future


class Crash(BaseException):
    """The process of an invocation dies."""


class Service:
    """Takes its time, dies, and repeats itself."""

    def __init__(self, service: Any, world: World) -> None:
        self.service = service
        self.world = world

    async def checkpoint(self, request: Any) -> Any:
        world = self.world
        world.calls += 1
        assert world.calls < 3_000, "does not end"
        await world.clock.later(world.random.choice((0, 1, 1, 30, 2_000)))
        answer = self.service.checkpoint(request)
        if not hasattr(answer, "operations"):
            answer = await answer
        if world.random.random() < world.crash_rate:
            raise Crash
        await world.clock.later(world.random.choice((0, 1, 30, 900)))
        if world.repeats and answer.checkpoint_token is not None:
            model = world.engine.model
            everything = tuple(model.operations(request.execution_arn))
            answer = answer._replace(operations=everything, next_marker=None)
        return answer

    def load_page(self, *args: Any) -> Any:
        return self.service.load_page(*args)


class World(EngineHooks):
    """What surrounds one execution."""

    def __init__(self, seed: int, *, repeats: bool) -> None:
        self.random = Random(seed)  # noqa: S311  not for secrets
        self.clock = FreeClock()
        self.crash_rate = self.random.choice((0, 0.1, 0.4))
        self.repeats = repeats
        self.calls = 0
        self.engine: Any = None

    def service(self, invocation: Any, service: Any) -> Any:
        return Service(service, self)

    def pause(self, seconds: int) -> asyncio.Future[None]:
        """Be done after the time that a step takes."""
        return self.clock.later(seconds * 1000 + self.random.randrange(500))


async def run(program: list[Any], world: World, deadline: int | None) -> tuple[Any, Run]:
    """Run a program to its end."""
    run = Run()
    run.pause = world.pause
    handler = Interpreter(program, run).handler
    function = durable_function(
        "main", handler, execution_timeout_seconds=10_000_000, timeout_seconds=deadline
    )
    async with LocalEngine(
        [function],
        in_memory(new_id=seeded_ids(0), config=CONFIG),
        clock=world.clock,
        hooks=world,
        random=Random(0).random,  # noqa: S311  not for secrets
    ) as engine:
        world.engine = engine
        arn = (await engine.start("main", "null", name="one")).execution_arn

        def settled(operation_id: str) -> bool:
            records = {record.id: record for record in engine.model.operations(arn)}
            record = records.get(operation_id)
            return record is not None and record.is_terminal

        run.settled = settled
        while True:
            outcome = await engine.outcome_or_blocked(arn)
            if outcome.ended_at_ms is not None:
                return outcome, run
            waiting = engine.model.open_callbacks(arn)
            assert waiting, "blocked without a callback"
            first = world.random.choice(waiting)
            await engine.apply(
                lambda model, now, c=first: model.callback_succeed(c.callback_id, "answer", now)
            )


def check(program: list[Any], seed: int, *, repeats: bool = False, deadline: int | None = None):
    outcome, ran = asyncio.run(run(program, World(seed, repeats=repeats), deadline))
    assert outcome.status in (ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED)
    if outcome.error is not None:
        assert not any(word in (outcome.error.type or "") for word in OURS), outcome.error
    assert ran.repeated == []


quietly = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@quietly
@given(programs(), st.integers(0, 2**32))
def test_any_timing_and_any_crash(program: list[Any], seed: int) -> None:
    check(program, seed)


@quietly
@given(programs(), st.integers(0, 2**32))
def test_a_service_that_reports_everything_each_time(program: list[Any], seed: int) -> None:
    check(program, seed, repeats=True)


@quietly
@given(programs(), st.integers(0, 2**32))
def test_invocations_that_reach_their_deadline(program: list[Any], seed: int) -> None:
    check(program, seed, deadline=40)
