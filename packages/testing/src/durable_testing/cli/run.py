"""`durable run`: run a workflow on this machine, or go on with an unfinished execution of it."""

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Final

import typer

from durable_core.lowlevel import EXECUTION_NAME_PATTERN, ErrorObject, ExecutionStatus
from durable_testing.cli.command import INTERRUPTED_EXIT
from durable_testing.cli.ending import Census
from durable_testing.cli.errors import UsageError
from durable_testing.cli.inputs import read_json
from durable_testing.cli.interrupts import Interrupts
from durable_testing.cli.logs import show_logs
from durable_testing.cli.options import DEFAULT_DB, DbOption
from durable_testing.cli.session import RunRequest, run_to_end, say
from durable_testing.cli.targets import load_callees, load_workflow
from durable_testing.engine import EngineError, UnknownFunctionError
from durable_testing.model import ExecutionDescription
from durable_testing.store.errors import StoreError

_ROOM_FOR_NAME: Final = 40

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def run(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:HANDLER", help="The workflow, e.g. orders:handler.")
    ],
    given: Annotated[
        str | None,
        typer.Argument(metavar="INPUT", help="JSON text, @file.json, or - for standard input."),
    ] = None,
    *,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The execution's name; an unfinished one goes on."),
    ] = None,
    db: DbOption = DEFAULT_DB,
    function: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:ALIAS]=MODULE:HANDLER",
            help="What invoke('NAME:ALIAS') calls; without ALIAS, under every one. Repeatable.",
        ),
    ] = None,
) -> None:
    """Run a workflow, and print its result as JSON on standard output.

    Exit code 0: it succeeded. 1: it failed. 2: the command was wrong. 130: it was interrupted.
    The same command again goes on with an unfinished execution, and prints the stored result of a
    finished one.
    """
    census = Census()
    interrupts = Interrupts("interrupted before it began; use the same command again")
    with interrupts, _only_the_result_on_stdout() as stdout:
        request = _request_of(target, given, name, db, function or [])
        show_logs()
        resume = _resume_command(target, request, function or [])
        if name is None:
            say(f"the execution is called {request.name}; to go on with it: {resume}")
        interrupts.message = f"interrupted; {request.name} is kept. To go on with it: {resume}"
        code, text = _run(census, interrupts, request, resume)
        stdout.write(text)
        census.leave(code)


def _request_of(
    target: str, given: str | None, name: str | None, db: Path, functions: list[str]
) -> RunRequest:
    payload = None if given is None else read_json(given)
    if name is not None and not EXECUTION_NAME_PATTERN.fullmatch(name):
        raise UsageError(f"--name {name!r}: use 1 to 64 letters, digits, - and _")
    workflow = load_workflow(target)
    made = f"{workflow.name[-_ROOM_FOR_NAME:].strip('-')}-{secrets.token_hex(4)}"
    return RunRequest(
        workflow=workflow,
        functions=load_callees(functions),
        name=name or made,
        payload=payload,
        database=db,
    )


def _resume_command(target: str, request: RunRequest, functions: list[str]) -> str:
    words = ["durable", "run", target, "--name", request.name]
    if request.database != DEFAULT_DB:
        words += ["--db", str(request.database)]
    for option in functions:
        words += ["--function", option]
    return shlex.join(words)


def _run(
    census: Census, interrupts: Interrupts, request: RunRequest, resume: str
) -> tuple[int, str]:
    """Return the exit code and what belongs on standard output."""
    try:
        outcome, failed = census.run(interrupts.guard(run_to_end(request)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say(interrupts.message)
        return INTERRUPTED_EXIT, ""
    except StoreError as error:
        raise UsageError(str(error)) from None
    except EngineError as error:
        if isinstance(error.__cause__, UnknownFunctionError):
            raise _asking_for(error.__cause__, request.name, resume) from None
        say(f"{error}. {request.name} is kept; to go on with it: {resume}")
        return 1, ""
    if outcome.status is ExecutionStatus.SUCCEEDED:
        return 0, f"{_json_of(outcome.result)}\n"
    _explain(outcome, failed)
    if outcome.input_payload is None and outcome.status is ExecutionStatus.FAILED:
        say(f"{request.name} was started with no INPUT, so the event is null")
    return 1, ""


def _asking_for(missing: UnknownFunctionError, name: str, resume: str) -> UsageError:
    option = f"--function {missing.function_name}=MODULE:HANDLER"
    return UsageError(
        f"{missing}; add {option}. {name} is kept; to go on with it: {resume} {option}"
    )


def _json_of(result: str | None) -> str:
    """Return a result as JSON: as it is kept, unless the workflow writes something else."""
    if not result:
        return "null"
    try:
        json.loads(result)
    except ValueError:
        return json.dumps(result)
    return result


def _explain(outcome: ExecutionDescription, failed: str | None) -> None:
    """Say how an execution failed, with the traceback it recorded."""
    error = outcome.error or ErrorObject()
    for line in error.stack_trace or ():
        print(line.rstrip("\n"), file=sys.stderr)  # noqa: T201  a command line talks
    message = ": ".join(part for part in (error.type, error.message) if part)
    status = outcome.status.lower().replace("_", " ")
    place = "" if failed is None else f" at {failed!r}"
    say(f"{outcome.name} {status}{place}" + (f": {message}" if message else ""))


class _Stdout:
    """Standard output as it was before everything else was kept away from it."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._stream = sys.stdout

    def write(self, text: str) -> None:
        """Write the result."""
        if self._descriptor is None:
            self._stream.write(text)
            self._stream.flush()
            return
        with open(self._descriptor, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)


@contextlib.contextmanager
def _only_the_result_on_stdout() -> Generator[_Stdout]:
    """Send to standard error what handlers and their child processes print."""
    sys.stdout.flush()
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # replaced by something that is no file
        number = None
    saved = None if number is None else os.dup(number)
    stdout = _Stdout(saved)
    try:
        if number is not None:
            os.dup2(2, number)
        with contextlib.redirect_stdout(sys.stderr):
            yield stdout
    finally:
        if number is not None and saved is not None:
            os.dup2(saved, number)
            os.close(saved)
