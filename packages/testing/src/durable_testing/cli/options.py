"""Options that several commands take."""

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_DB: Final = Path("durable.db")

DbOption = Annotated[
    Path,
    typer.Option(
        "--db",
        metavar="FILE",
        envvar="DURABLE_DB",
        help="The SQLite file that keeps the executions.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines to read.")]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The execution's name, or its ARN.")
]
