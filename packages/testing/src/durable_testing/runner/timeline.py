"""An execution as a timeline: the tree, with a bar for each operation over virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from durable_testing.runner.tree import lines_of, notes
from durable_testing.styles import STATUS_STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from durable_testing.runner.operations import RecordedOperation

BAR_WIDTH: Final = 24


def print_timeline(
    title: str,
    operations: Sequence[RecordedOperation],
    started_at: datetime,
    duration: timedelta,
    console: Console | None = None,
) -> None:
    """Print it, on stdout unless told otherwise."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for is_drawn in (True, True, True, False):
        table.add_column(no_wrap=is_drawn)
    for line in lines_of(operations):
        operation = line.operation
        style = STATUS_STYLES[operation.status]
        table.add_row(
            Text(line.head, style=style),
            Text(operation.kind, style="dim"),
            Text(_bar(operation, started_at, duration), style=style),
            Text("  ".join(notes(operation))),
        )
    console = console or Console()
    console.print(Text(title, style="bold"))
    console.print(table)


def _bar(operation: RecordedOperation, started_at: datetime, duration: timedelta) -> str:
    whole = duration.total_seconds() or 1
    begin = (operation.started_at - started_at).total_seconds()
    span = operation.duration
    end = whole if span is None else begin + span.total_seconds()
    first = min(int(BAR_WIDTH * begin / whole), BAR_WIDTH - 1)
    last = min(max(round(BAR_WIDTH * end / whole), first + 1), BAR_WIDTH)
    return f"{' ' * first}{'━' * (last - first)}{' ' * (BAR_WIDTH - last)}"
