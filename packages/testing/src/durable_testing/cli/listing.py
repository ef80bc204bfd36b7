"""`durable list`: the executions of a file."""

import json
from typing import Annotated, Any

import typer

from durable_core.lowlevel import ExecutionStatus, SystemClock, to_datetime
from durable_testing.cli.durations import in_words
from durable_testing.cli.errors import UsageError
from durable_testing.cli.finding import reading, summaries
from durable_testing.cli.options import DEFAULT_DB, DbOption, JsonOption
from durable_testing.model import ExecutionSummary

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

_HEAD = ("NAME", "STATUS", "STARTED", "TOOK", "FUNCTION")


@app.command()
def list_executions(
    *,
    status: Annotated[
        str | None,
        typer.Option(metavar="STATUS", help="Only those: running, succeeded, failed, stopped, …"),
    ] = None,
    db: DbOption = DEFAULT_DB,
    as_json: JsonOption = False,
) -> None:
    """List the executions, newest first."""
    wanted = None if status is None else _status_of(status)
    with reading(db) as model:
        found = [each for each in summaries(model) if wanted is None or each.status is wanted]
    if as_json:
        typer.echo(json.dumps([_wire(each) for each in found], indent=2))
        return
    now_ms = SystemClock().now_ms()
    _print_table([_HEAD, *(_line(each, now_ms) for each in found)])


def _status_of(text: str) -> ExecutionStatus:
    try:
        return ExecutionStatus(text.upper().replace("-", "_"))
    except ValueError:
        known = ", ".join(status.lower() for status in ExecutionStatus)
        raise UsageError(f"--status {text!r}: use one of {known}") from None


def _line(summary: ExecutionSummary, now_ms: int) -> tuple[str, ...]:
    return (
        summary.name,
        summary.status.lower(),
        f"{to_datetime(summary.started_at_ms).astimezone():%Y-%m-%d %H:%M:%S}",
        in_words((summary.ended_at_ms or now_ms) - summary.started_at_ms),
        summary.function_name,
    )


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def _wire(summary: ExecutionSummary) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "DurableExecutionArn": summary.execution_arn,
        "DurableExecutionName": summary.name,
        "FunctionArn": summary.function_arn,
        "Status": summary.status.value,
        "StartTimestamp": to_datetime(summary.started_at_ms).isoformat(),
    }
    if summary.ended_at_ms is not None:
        wire["EndTimestamp"] = to_datetime(summary.ended_at_ms).isoformat()
    return wire
