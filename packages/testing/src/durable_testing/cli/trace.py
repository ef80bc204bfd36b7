"""`durable trace`: an execution's waterfall, from its history alone."""

import json
from pathlib import Path
from typing import Annotated

import typer

from durable_testing.cli.errors import UsageError
from durable_testing.cli.finding import find, reading
from durable_testing.cli.options import DEFAULT_DB, DbOption
from durable_testing.replays.history import read_history
from durable_testing.replays.records import HistoryError
from durable_testing.tracing.history import HistoryTrace, trace_of
from durable_testing.tracing.otlp import otlp_document
from durable_testing.tracing.waterfall import page, waterfall

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def trace(
    source: Annotated[
        str,
        typer.Argument(
            metavar="HISTORY|NAME",
            help="A file with a history, or an execution's name or ARN.",
        ),
    ],
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one HTML file, to look at."),
    ] = None,
    otlp: Annotated[
        bool,
        typer.Option("--otlp", help="Print OTLP JSON, with the ids that live traces have."),
    ] = False,
    execution_arn: Annotated[
        str | None,
        typer.Option("--arn", metavar="ARN", help="Whose history a file is, if it does not say."),
    ] = None,
    trace_id: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="The caller's trace; by default the execution's own."),
    ] = None,
    service_name: Annotated[
        str, typer.Option(metavar="NAME", help="The service that OTLP names.")
    ] = "durable",
    db: DbOption = DEFAULT_DB,
) -> None:
    """Show what an execution did and when, even if nobody traced it."""
    found = _trace_of(source, execution_arn, trace_id, db)
    if html is not None:
        html.write_text(page(found), encoding="utf-8")
        typer.echo(f"wrote {html}")
    if otlp:
        typer.echo(json.dumps(otlp_document(found, service_name)))
    elif html is None:
        typer.echo(waterfall(found))


def _trace_of(source: str, arn: str | None, trace_id: str | None, db: Path) -> HistoryTrace:
    try:
        if Path(source).is_file():
            history = read_history(source, arn)
            return trace_of(history.execution_arn, history.events, trace_id)
        with reading(db) as model:
            arn = find(model, source)
            return trace_of(arn, model.history(arn), trace_id)
    except (HistoryError, ValueError) as error:
        raise UsageError(f"{source}: {error}") from None
