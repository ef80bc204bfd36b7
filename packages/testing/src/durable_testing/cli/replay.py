"""`durable replay`: does the code still replay what was recorded?"""

from pathlib import Path
from typing import Annotated

import typer

from durable_core import ValidationError
from durable_testing.cli.errors import UsageError
from durable_testing.cli.targets import load
from durable_testing.replays import HistoryError, ReplayReport
from durable_testing.replays import replay as replay_history

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def replay(
    target: Annotated[str, typer.Argument(metavar="MODULE:HANDLER", help="The workflow.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="Histories: result.save_history, durable history --json, or aws lambda "
            "get-durable-execution-history --include-execution-data.",
        ),
    ],
    *,
    execution_arn: Annotated[
        str | None,
        typer.Option(
            metavar="ARN",
            help="Whose history it is; for workflows that use context.random or uuid4().",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="Replay every point, however long a history is.")
    ] = False,
) -> None:
    """Replay recorded histories against the code, from each of their points; 1 at a divergence."""
    handler = load(target)
    has_diverged = False
    for file in files:
        report = _report_of(handler, target, file, execution_arn, every=every)
        has_diverged = has_diverged or not report.ok
        typer.echo(f"{'✓' if report.ok else '✗'} {file}: {report}")
    if has_diverged:
        raise typer.Exit(1)


def _report_of(
    handler: object, target: str, file: Path, arn: str | None, *, every: bool
) -> ReplayReport:
    try:
        return replay_history(handler, file, execution_arn=arn, every=every)
    except HistoryError as error:
        text = str(error)
        raise UsageError(text if text.startswith(str(file)) else f"{file}: {text}") from None
    except ValidationError as error:
        raise UsageError(f"{target} is not a workflow: {error}") from None
