"""`durable stop`: end an execution for good."""

from typing import Annotated

import typer

from durable_core.lowlevel import ErrorObject
from durable_testing.cli.asking import ask
from durable_testing.cli.finding import find, reading
from durable_testing.cli.options import DEFAULT_DB, DbOption, NameArgument
from durable_testing.store.outside import OutsideRequest, RequestKind

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def stop(
    name: NameArgument,
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; kept as the execution's error.")
    ] = "stopped by the user",
    db: DbOption = DEFAULT_DB,
) -> None:
    """Stop an execution, whether it runs here, elsewhere or nowhere; it cannot go on afterwards."""
    with reading(db) as model:
        arn = find(model, name)
        was_open = model.get_execution(arn).ended_at_ms is None
    if not was_open:
        typer.echo(f"{name} had already ended", err=True)
        return
    ask(db, OutsideRequest(RequestKind.STOP, arn, error=ErrorObject(reason, "Stopped")))
    typer.echo(f"{name} is stopped", err=True)
