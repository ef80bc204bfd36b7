"""`durable server`: AWS Lambda's durable functions API on this machine, for real clients."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from durable_core.lowlevel import FUNCTION_NAME_PATTERN
from durable_testing.cli.errors import UsageError
from durable_testing.cli.session import say
from durable_testing.cli.targets import load_function
from durable_testing.model import FunctionConfig
from durable_testing.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from durable_testing.engine import LocalFunction
    from durable_testing.server.serving import Addresses, ServerOptions

DEFAULT_PORT: Final = 9010
DEFAULT_EXECUTION_TIMEOUT: Final = 900
"""The longest that a synchronous invoke may wait for (service 1.10)."""
_MAX_PORT: Final = 65_535

HostOption = Annotated[
    str, typer.Option(metavar="HOST", help="Whom to serve; 0.0.0.0: other machines too.")
]
PortOption = Annotated[int, typer.Option(metavar="PORT", help="The API's port; 0: a free one.")]
FileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        envvar="DURABLE_DB",
        help="The SQLite file that keeps the executions; without it they end with the server.",
    ),
]
FunctionOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:ALIAS]=MODULE:HANDLER",
        help="A function that runs in the server; repeatable.",
    ),
]
RuntimeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[:ALIAS][=PORT]",
        help="A function whose processes attach to a Lambda Runtime API; repeatable.",
    ),
]
PlainOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="This --runtime-api function is not durable; repeatable."),
]
ExecutionTimeoutOption = Annotated[
    int,
    typer.Option(
        metavar="SECONDS",
        min=1,
        max=31_622_400,
        help="How long an execution may take; above 900 it cannot be invoked synchronously.",
    ),
]
TimeoutOption = Annotated[
    int,
    typer.Option(
        metavar="SECONDS", min=1, max=900, help="How long one --runtime-api invocation may take."
    ),
]

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def server(  # noqa: PLR0917  one parameter an option
    host: HostOption = "127.0.0.1",
    port: PortOption = DEFAULT_PORT,
    db: FileOption = None,
    function: FunctionOption = None,
    runtime_api: RuntimeOption = None,
    plain: PlainOption = None,
    execution_timeout: ExecutionTimeoutOption = DEFAULT_EXECUTION_TIMEOUT,
    timeout: TimeoutOption = 900,
) -> None:
    """Serve AWS Lambda's durable functions API, Invoke, and Lambda's Runtime API.

    A function's versions are 1 and $LATEST; a durable one is named with one of them, or its alias.
    Ctrl-C stops the server; with --db the executions go on when it is started again.
    """
    _check_extra()
    # Both are an extra, and take their time to import.
    from durable_testing.server.serving import RemoteFunction, ServerOptions  # noqa: PLC0415

    options = ServerOptions(
        host=host,
        port=port,
        database=db,
        functions=tuple(
            _with_timeout(load_function(option), execution_timeout) for option in function or ()
        ),
        remote_functions=tuple(
            RemoteFunction(config=config, port=remote_port)
            for config, remote_port in _remote_configs(
                runtime_api or (), frozenset(plain or ()), execution_timeout, timeout
            )
        ),
    )
    _check_names(options, plain or ())
    try:
        asyncio.run(_serve(options))
    except (OSError, StoreError) as error:
        raise UsageError(str(error)) from None


def _check_extra() -> None:
    for name in ("starlette", "uvicorn"):
        if find_spec(name) is None:
            raise UsageError(f"{name} is not installed: pip install 'durable-testing[server]'")


def _with_timeout(function: LocalFunction, execution_timeout: int) -> LocalFunction:
    if not function.config.is_durable:
        return function
    config = replace(function.config, execution_timeout_seconds=execution_timeout)
    return replace(function, config=config)


def _remote_configs(
    options: Iterable[str], plain: frozenset[str], execution_timeout: int, timeout: int
) -> Iterator[tuple[FunctionConfig, int]]:
    for option in options:
        target, _, port = option.partition("=")
        name, _, alias = target.partition(":")
        if not FUNCTION_NAME_PATTERN.fullmatch(name) or not (port or "0").isdecimal():
            raise UsageError(f"--runtime-api {option!r}: write NAME, NAME:ALIAS or NAME=PORT")
        if int(port or "0") > _MAX_PORT:
            raise UsageError(f"--runtime-api {option!r}: there is no port above {_MAX_PORT}")
        config = FunctionConfig(
            name=name,
            execution_timeout_seconds=None if name in plain else execution_timeout,
            timeout_seconds=timeout,
            aliases={alias: "1"} if alias else {},
        )
        yield config, int(port or "0")


def _check_names(options: ServerOptions, plain: Iterable[str]) -> None:
    remote_names = [function.config.name for function in options.remote_functions]
    names = [function.name for function in options.functions] + remote_names
    for name in plain:
        if name not in remote_names:
            raise UsageError(f"--plain {name}: there is no such --runtime-api")
    if not names:
        raise UsageError("there is nothing to serve: add --function or --runtime-api")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{twice[0]} is given more than once")


async def _serve(options: ServerOptions) -> None:
    from durable_testing.server.serving import serve  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(options, stop=stop, on_started=lambda addresses: _announce(options, addresses))
    say("stopped" if options.database is None else f"stopped; {options.database} keeps it all")


def _announce(options: ServerOptions, addresses: Addresses) -> None:
    """Print what to export: for clients, and for each function's processes."""
    lines = [
        f"export AWS_ENDPOINT_URL_LAMBDA={addresses.url}",
        f"export AWS_REGION={options.config.region}",
        "export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local",
    ]
    for name, address in addresses.runtime_apis.items():
        lines += [f"# the processes of {name}:", f"export AWS_LAMBDA_RUNTIME_API={address}"]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    say(f"serving {addresses.url}")
