"""`durable show`: one execution as a tree of operations, with attempts, waits and sizes."""

import json
from typing import Any

import typer

from durable_core.lowlevel import (
    Operation,
    SystemClock,
    error_to_wire,
    operation_to_wire,
    to_datetime,
    utf8_size,
)
from durable_testing.cli.around import Around, around
from durable_testing.cli.finding import find, reading
from durable_testing.cli.options import DEFAULT_DB, DbOption, JsonOption, NameArgument
from durable_testing.model import ExecutionDescription

PIPE_WIDTH = 1000
"""Into a pipe or a file, lines are not folded."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def show(name: NameArgument, *, db: DbOption = DEFAULT_DB, as_json: JsonOption = False) -> None:
    """Show an execution: its operations, their attempts, waits, results' sizes and errors."""
    with reading(db) as model:
        arn = find(model, name)
        description = model.get_execution(arn)
        operations = model.operations(arn)
        surroundings = around(model, arn, operations, db)
    if as_json:
        typer.echo(json.dumps(_wire(description, operations), indent=2))
        return
    _print(description, operations, surroundings)


def _print(
    description: ExecutionDescription, operations: tuple[Operation, ...], surroundings: Around
) -> None:
    from rich.console import Console  # noqa: PLC0415  slow to import, and JSON needs none of it

    from durable_testing.cli.tree import TreeView  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    now_ms = SystemClock().now_ms()
    console.print(TreeView(is_whole=True).draw(description, operations, now_ms, surroundings))
    facts = {
        "arn": description.execution_arn,
        "started": f"{to_datetime(description.started_at_ms).astimezone():%Y-%m-%d %H:%M:%S %z}",
        "input": _size(description.input_payload),
        "result": _size(description.result),
        "written": f"{description.bytes_written:,} bytes in {len(operations) - 1} operations",
    }
    for label, fact in facts.items():
        console.print(f"{label:<8} {fact}", markup=False, soft_wrap=True)


def _size(text: str | None) -> str:
    return "none" if text is None else f"{utf8_size(text):,} bytes"


def _wire(description: ExecutionDescription, operations: tuple[Operation, ...]) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "DurableExecutionArn": description.execution_arn,
        "DurableExecutionName": description.name,
        "FunctionArn": description.function_arn,
        "Status": description.status.value,
        "StartTimestamp": to_datetime(description.started_at_ms).isoformat(),
        "InputPayload": description.input_payload,
        "Invocations": description.invocations,
        "BytesWritten": description.bytes_written,
        "Operations": [operation_to_wire(operation, in_event=False) for operation in operations],
    }
    if description.ended_at_ms is not None:
        wire["EndTimestamp"] = to_datetime(description.ended_at_ms).isoformat()
    if description.result is not None:
        wire["Result"] = description.result
    if description.error is not None:
        wire["Error"] = error_to_wire(description.error)
    return wire
