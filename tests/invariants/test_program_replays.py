"""Every cut of a journal replays, in another process too: the same operations, no divergence."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariants.programs import Interpreter, Run, programs

from durable_core.lowlevel import (
    CheckpointResponse,
    Environment,
    Instrumentation,
    InvocationInput,
    InvocationStatus,
    OperationType,
    Workflow,
    drive,
    operation_from_wire,
    operation_to_wire,
)
from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
)
from durable_testing.model import ServiceConfig
from durable_testing.model.ids import seeded_ids

CONFIG = ServiceConfig(invocation_attempts=10, invocation_backoff_seconds=0)


class Snapshots(EngineHooks):
    """Keeps the journal as it is after each checkpoint."""

    def __init__(self) -> None:
        self.engine: Any = None
        self.taken: list[tuple[Any, ...]] = []

    def service(self, invocation: Any, service: Any) -> Any:
        hooks = self

        class Service:
            def checkpoint(self, request: Any) -> Any:
                answer = service.checkpoint(request)
                hooks.taken.append(tuple(hooks.engine.model.operations(request.execution_arn)))
                return answer

            def load_page(self, *args: Any) -> Any:
                return service.load_page(*args)

        return Service()


async def recorded(program: list[Any]) -> tuple[str, list[tuple[Any, ...]]]:
    """Run a program to its end: its ARN and the journals on the way."""
    run, hooks = Run(), Snapshots()
    run.settled = lambda _: False
    function = durable_function(
        "main", Interpreter(program, run).handler, execution_timeout_seconds=10_000_000
    )
    async with LocalEngine(
        [function],
        in_memory(new_id=seeded_ids(0), config=CONFIG),
        clock=VirtualClock(),
        hooks=hooks,
        random=Random(0).random,  # noqa: S311  not for secrets
    ) as engine:
        hooks.engine = engine
        arn = (await engine.start("main", "null", name="one")).execution_arn
        while (await engine.outcome_or_blocked(arn)).ended_at_ms is None:
            (callback, *_) = engine.model.open_callbacks(arn)
            await engine.apply(
                lambda model, now, c=callback: model.callback_succeed(c.callback_id, "answer", now)
            )
        hooks.taken.append(tuple(engine.model.operations(arn)))
    return arn, hooks.taken


class Closed:
    """Takes no checkpoint from this invocation."""

    def checkpoint(self, request: Any) -> Any:
        return CheckpointResponse(None)

    def load_page(self, *args: Any) -> Any:
        raise AssertionError


class Claims(Instrumentation):
    """Notes what is claimed."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def operation_start(self, operation: Any, /) -> None:
        # A timer that is cancelled before it is sent leaves no record.
        if operation.type is not OperationType.WAIT:
            self.ids.add(operation.operation_id)

    def operation_replayed(self, operation: Any, /) -> None:
        self.ids.add(operation.operation_id)


async def replay(program: list[Any], arn: str, operations: tuple[Any, ...]) -> tuple[Any, Any]:
    """Replay a journal until something new is to be recorded: the output, and what was claimed."""
    run, claims = Run(), Claims()
    run.settled = lambda _: False
    environment = Environment(clock=VirtualClock(), random=lambda: 0.5)
    given = InvocationInput(arn, "token", operations)
    workflow = Workflow(Interpreter(program, run).handler)
    output = await drive(workflow, given, Closed(), environment, [claims])
    return output, claims.ids


async def check(program: list[Any], arn: str, cuts: list[tuple[Any, ...]]) -> None:
    everything = {operation.id for operation in cuts[-1]}
    for cut in cuts:
        output, claimed = await replay(program, arn, cut)
        type_of_error = output.error.type if output.error is not None else ""
        assert output.status is InvocationStatus.PENDING or "durable_core" not in type_of_error
        assert claimed <= everything


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_every_cut_of_a_journal_replays(program: list[Any]) -> None:
    async def both() -> None:
        arn, cuts = await recorded(program)
        await check(program, arn, cuts)

    asyncio.run(both())


def replay_from(file: Path) -> None:
    """Replay what another process recorded."""
    for program, arn, cuts in json.loads(file.read_text()):
        records = [tuple(operation_from_wire(entry) for entry in cut) for cut in cuts]
        asyncio.run(check(program, arn, records))


def test_journals_replay_in_a_process_with_other_hashes(tmp_path: Path) -> None:
    recordings: list[Any] = []

    @settings(
        max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.lists(programs(), min_size=2, max_size=4), st.sampled_from(KINDS))
    def record(parts: list[Any], kind: str) -> None:
        program = [kind, *parts]
        arn, cuts = asyncio.run(recorded(program))
        wire = [[operation_to_wire(operation, in_event=True) for operation in cut] for cut in cuts]
        recordings.append([program, arn, wire])

    record()
    file = tmp_path / "recordings.json"
    file.write_text(json.dumps(recordings))
    code = (
        "import sys; from pathlib import Path; sys.path.append(sys.argv[2]);"
        "from invariants.test_program_replays import replay_from; replay_from(Path(sys.argv[1]))"
    )
    for seed in ("1", "2"):
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", code, str(file), str(Path(__file__).parents[1])],
            env={**os.environ, "PYTHONHASHSEED": seed},  # noqa: TID251
            check=True,
        )


KINDS = ("first", "completed", "gather", "group", "race", "all", "losing")
