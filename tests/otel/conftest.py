"""Runs of traced workflows, in virtual time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from durable_core.lowlevel import Instrumentation, Workflow, workflow_of
from durable_otel import instrument
from durable_testing import DurableTestRunner
from durable_testing.tracing import Traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from durable_core.lowlevel import CheckpointDetails, OperationDetails


class Witness(Instrumentation):
    """Sees what happens, without OpenTelemetry."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, int | None]] = []
        self.checkpoints = 0

    @contextmanager
    def attempt(self, operation: OperationDetails) -> Iterator[None]:
        self.attempts.append((operation.operation_id, operation.attempt))
        yield

    @contextmanager
    def checkpoint(self, details: CheckpointDetails) -> Iterator[None]:
        self.checkpoints += 1
        yield


class Run(NamedTuple):
    """A traced run."""

    result: Any
    traces: Traces
    witness: Witness


def run_traced(
    handler: Any,
    event: Any = None,
    *,
    view: str = "invocation",
    faults: Iterable[Any] = (),
    script: Any = None,
    functions: Any = None,
    clock: Any = None,
    **options: Any,
) -> Run:
    traces, witness = Traces(), Witness()
    options = {"metrics": False, **options}
    plugin = instrument(view=view, tracer_provider=traces.provider, **options)
    plain = workflow_of(handler)
    workflow = Workflow(plain.fn, plain.serdes, (*plain.plugins, plugin, lambda: witness))
    runner = DurableTestRunner(
        workflow, faults=faults, replay_check=False, functions=functions, clock=clock
    )
    if script is not None:
        script(runner)
    return Run(runner.run_sync(event), traces, witness)


@pytest.fixture
def run():
    """Run a workflow to its end, traced."""
    return run_traced


@pytest.fixture(params=["invocation", "execution"])
def view(request: pytest.FixtureRequest) -> str:
    return request.param
