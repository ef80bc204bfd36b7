"""The registry of the `durable` command's subcommands; each is loaded when it is called."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Final, NamedTuple

import typer

from durable_testing.cli.errors import UsageError

USAGE_EXIT: Final = 2


class Subcommand(NamedTuple):
    """A subcommand: `module` holds a Typer application named `app`."""

    name: str
    help: str
    module: str


SUBCOMMANDS: Final = (
    Subcommand(
        "run", "Run a workflow, or go on with an unfinished one.", "durable_testing.cli.run"
    ),
    Subcommand("list", "List the executions.", "durable_testing.cli.listing"),
    Subcommand("show", "Show an execution as a tree of operations.", "durable_testing.cli.show"),
    Subcommand("history", "Print the events of an execution.", "durable_testing.cli.history"),
    Subcommand("callback", "Answer a callback.", "durable_testing.cli.callback"),
    Subcommand("stop", "Stop an execution.", "durable_testing.cli.stop"),
    Subcommand(
        "replay", "Replay recorded histories against the code.", "durable_testing.cli.replay"
    ),
    Subcommand("trace", "Show what an execution did and when.", "durable_testing.cli.trace"),
    Subcommand("server", "Serve the API of AWS Lambda.", "durable_testing.cli.server"),
)

app = typer.Typer(
    name="durable",
    help="Run durable workflows on this machine; executions are kept in a SQLite file.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001  typer calls it so
    if is_asked:
        typer.echo(f"durable {version('durable-testing')}")
        raise typer.Exit


@app.callback()
def durable(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Run durable workflows on this machine; executions are kept in a SQLite file."""


def _register(subcommand: Subcommand) -> None:
    @app.command(
        subcommand.name,
        help=subcommand.help,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )
    def call(context: typer.Context) -> None:
        loaded: typer.Typer = import_module(subcommand.module).app
        try:
            loaded(args=context.args, prog_name=f"durable {subcommand.name}")
        except UsageError as error:
            print(f"durable: {error}", file=sys.stderr)  # noqa: T201  a command line talks
            raise typer.Exit(USAGE_EXIT) from None

    del call


for _subcommand in SUBCOMMANDS:
    _register(_subcommand)
