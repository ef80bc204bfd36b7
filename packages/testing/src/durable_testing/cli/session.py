"""One `durable run`: opens the file, starts or finds the execution, runs it to its end."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

from durable_core.lowlevel import OperationType, SystemClock
from durable_testing.cli.errors import UsageError
from durable_testing.cli.inputs import is_same_json
from durable_testing.cli.lines import LineView, path_of
from durable_testing.cli.waiting import waiting_lines
from durable_testing.cli.watching import Watch
from durable_testing.engine import UNQUALIFIED_ADVICE, LocalEngine, with_qualifiers
from durable_testing.model import ServiceConfig, ServiceError
from durable_testing.store.errors import ExecutionInUseError
from durable_testing.store.sqlite import SqliteService

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from durable_core.lowlevel import OperationDetails
    from durable_testing.cli.watching import View
    from durable_testing.engine import EngineService, LocalFunction, OpenService
    from durable_testing.model import (
        Effect,
        ExecutionDescription,
        FunctionConfig,
        ServiceModel,
        Started,
    )

TURN_SECONDS: Final = 0.2
"""How often to look whether another process has let go of an execution."""
LOCAL_CONFIG: Final = ServiceConfig(unqualified_advice=UNQUALIFIED_ADVICE)
"""As the service has it, with what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What `durable run` was asked for.

    Attributes:
        workflow: What to run.
        functions: What it may invoke, by name, with a qualifier or without.
        name: The execution's name.
        payload: Its input as JSON text; None: none was given, which fits whatever is stored.
        database: The file.
    """

    workflow: LocalFunction
    functions: Mapping[str, LocalFunction]
    name: str
    payload: str | None
    database: Path


class RelayView:
    """Passes changes on to a view that is made later."""

    __slots__ = ("view",)

    def __init__(self) -> None:
        self.view: View | None = None

    def changed(self) -> None:
        """Something may have happened."""
        if self.view is not None:
            self.view.changed()

    def starting(self, execution_arn: str, operation: OperationDetails, /) -> None:
        """An operation starts."""
        if self.view is not None:
            self.view.starting(execution_arn, operation)


class Outcome(NamedTuple):
    """How an execution ended."""

    description: ExecutionDescription
    failed: str | None
    """The operation it failed with, by its path, where there is one."""


async def run_to_end(request: RunRequest) -> Outcome:
    """Run an execution, or go on with it, and return how it stands at its end.

    Raises:
        UsageError: The name is used otherwise, or another process runs it.
        asyncio.CancelledError: It was interrupted; the execution is kept.
    """
    relay = RelayView()
    functions = {**request.functions, request.workflow.name: request.workflow}
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        engine = LocalEngine(
            with_qualifiers(functions),
            sqlite_file(request.database, stack),
            clock=clock,
            hooks=Watch(relay, functions),
        )
        await stack.enter_async_context(engine)
        payload = _check(engine.model, request)
        arn = engine.model.find_execution(request.workflow.name, request.name)
        if arn is not None and engine.describe(arn).ended_at_ms is not None:
            say(f"{request.name} is finished; this is its stored outcome")
            return _outcome(engine, arn)
        started = await _start(engine, request, payload)
        seen = 0 if arn is None else len(engine.model.history(arn))
        arn = started.execution_arn
        if not started.is_new:
            say(f"going on with {request.name}")
            for line in waiting_lines(engine.model, arn, clock.now_ms(), request.database):
                say(line)
        with _view(engine.model, arn, clock.now_ms, seen, request.database) as view:
            relay.view = view
            view.changed()
            await engine.outcome(arn)
            relay.view = None
        return _outcome(engine, arn)


def _outcome(engine: LocalEngine, arn: str) -> Outcome:
    description = engine.describe(arn)
    if description.error is None:
        return Outcome(description, None)
    records = {record.id: record for record in engine.model.operations(arn)}
    # The innermost one started last: what it raised went through those around it.
    failed = [
        path_of(record, records)
        for record in records.values()
        if record.type is not OperationType.EXECUTION
        and record.error is not None
        and record.error.message == description.error.message
        and record.is_terminal
    ]
    return Outcome(description, failed[-1] if failed else None)


async def _start(engine: LocalEngine, request: RunRequest, payload: str | None) -> Started:
    """Start or take up an execution, once no other process runs it any more."""
    is_told = False
    while True:
        try:
            return await engine.start(request.workflow.name, payload, name=request.name)
        except ExecutionInUseError:
            if not is_told:
                say(f"{request.name} is run by another process; waiting for it")
                is_told = True
            await asyncio.sleep(TURN_SECONDS)
        except ServiceError as error:
            raise UsageError(str(error)) from None


def sqlite_file(database: Path, stack: AsyncExitStack) -> OpenService:
    """Return what opens a database as an engine's service; `stack` closes it."""

    def open_service(
        functions: Iterable[FunctionConfig],
        *,
        now_ms: Callable[[], int],
        on_effect: Callable[[Effect], object],
    ) -> EngineService:
        service = SqliteService(
            database,
            functions,
            now_ms=now_ms,
            new_id=lambda: str(uuid4()),
            on_effect=on_effect,
            config=LOCAL_CONFIG,
        )
        stack.push_async_callback(service.close)
        return service

    return open_service


def say(message: str) -> None:
    """Tell the user something; standard output is the result's alone."""
    print(f"durable: {message}", file=sys.stderr, flush=True)  # noqa: T201  a command line talks


def _check(model: ServiceModel, request: RunRequest) -> str | None:
    """Return the payload to start with: what is stored for the name, if it means the same.

    Raises:
        UsageError: The name stands for something else.
    """
    for function in model.functions():
        if function.name == request.workflow.name:
            continue
        if model.find_execution(function.name, request.name) is not None:
            raise UsageError(
                f"{request.name} is an execution of {function.name}, not of "
                f"{request.workflow.name}; choose another --name"
            )
    arn = model.find_execution(request.workflow.name, request.name)
    if arn is None:
        return request.payload
    stored = model.get_execution(arn).input_payload
    if request.payload is not None and not is_same_json(stored, request.payload):
        raise UsageError(
            f"{request.name} was started with another input: {_short(stored)}; leave INPUT out to "
            "go on with it, or choose another --name"
        )
    return stored


def _short(text: str | None, limit: int = 200) -> str:
    text = text or "null"
    return text if len(text) <= limit else f"{text[:limit]}…"


@contextmanager
def _view(
    model: ServiceModel, arn: str, now_ms: Callable[[], int], seen: int, database: Path
) -> Generator[View]:
    view: AbstractContextManager[Any]
    if sys.stderr.isatty():
        # rich takes a fifth of a second to import; plain lines do without it.
        from durable_testing.cli.live import LiveView  # noqa: PLC0415

        view = LiveView(model, arn, now_ms, database)
    else:
        view = nullcontext(LineView(model, arn, now_ms, seen, database))
    with view as entered:
        yield entered
