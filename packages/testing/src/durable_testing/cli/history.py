"""`durable history`: the events of an execution, in order."""

import json

import typer

from durable_testing.cli.finding import find, reading
from durable_testing.cli.lines import Columns
from durable_testing.cli.options import DEFAULT_DB, DbOption, JsonOption, NameArgument
from durable_testing.model import event_to_wire

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def history(name: NameArgument, *, db: DbOption = DEFAULT_DB, as_json: JsonOption = False) -> None:
    """Print the events of an execution; times are seconds since it started."""
    with reading(db) as model:
        arn = find(model, name)
        events = model.history(arn)
        records = {record.id: record for record in model.operations(arn)}
    if as_json:
        wires = [event_to_wire(event, include_data=True) for event in events]
        typer.echo(json.dumps({"DurableExecutionArn": arn, "Events": wires}, indent=2))
        return
    zero_ms = events[0].at_ms
    columns = Columns(db)
    columns.make_room(records)
    for event in events:
        line = columns.line_of(event, records) or "invocation ended"
        typer.echo(f"{event.id:>5} [{(event.at_ms - zero_ms) / 1000:8.3f}] {line}")
