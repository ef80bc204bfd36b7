"""`durable callback`: answer a callback that a workflow waits for."""

from pathlib import Path
from typing import Annotated

import typer

from durable_core.lowlevel import ErrorObject
from durable_testing.cli.asking import ask
from durable_testing.cli.inputs import read_text
from durable_testing.cli.options import DEFAULT_DB, DbOption
from durable_testing.store.outside import OutsideRequest, RequestKind

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The callback's id.")]


@app.command()
def succeed(
    callback_id: IdArgument,
    result: Annotated[
        str | None,
        typer.Argument(metavar="RESULT", help="The answer as it is, @file, or - for stdin."),
    ] = None,
    *,
    db: DbOption = DEFAULT_DB,
) -> None:
    """Answer a callback; the workflow gets RESULT."""
    text = None if result is None else read_text(result)
    _send(db, OutsideRequest(RequestKind.CALLBACK_SUCCEED, callback_id, result=text), "answered")


@app.command()
def fail(
    callback_id: IdArgument,
    message: Annotated[str | None, typer.Argument(metavar="MESSAGE", help="Why.")] = None,
    *,
    error_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="The error's type.")
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="DATA", help="Further data.")] = None,
    db: DbOption = DEFAULT_DB,
) -> None:
    """Answer a callback with a failure."""
    error = ErrorObject(message, error_type, data)
    _send(db, OutsideRequest(RequestKind.CALLBACK_FAIL, callback_id, error=error), "failed")


@app.command()
def heartbeat(callback_id: IdArgument, *, db: DbOption = DEFAULT_DB) -> None:
    """Say that whoever is to answer a callback is still at work."""
    _send(db, OutsideRequest(RequestKind.CALLBACK_HEARTBEAT, callback_id), "heartbeat taken")


def _send(database: Path, request: OutsideRequest, done: str) -> None:
    ask(database, request)
    typer.echo(f"callback {request.target}: {done}", err=True)
