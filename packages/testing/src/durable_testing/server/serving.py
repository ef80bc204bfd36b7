"""The server: ports, an engine over a store, functions here and elsewhere, one life."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from durable_core.lowlevel import SystemClock
from durable_testing.engine import LocalEngine, LocalFunction, in_memory
from durable_testing.model import FunctionConfig, ServiceConfig
from durable_testing.server.app import create_app
from durable_testing.server.front import RUNTIME_PATH, FrontDoor
from durable_testing.server.hosting import EngineAccess
from durable_testing.server.ports import address_of, open_port, serve_ports
from durable_testing.server.runtime_api import RuntimeApi
from durable_testing.server.unserved import stand_in_for_unserved
from durable_testing.server.workers import Workers
from durable_testing.store.sqlite import SqliteService

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from durable_testing.engine import EngineService, OpenService
    from durable_testing.model import Effect
    from durable_testing.server.workers import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFunction:
    """A function whose processes attach to a Runtime API.

    Attributes:
        config: What the service knows of it.
        port: Its Runtime API's port; 0 takes a free one.
    """

    config: FunctionConfig
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """What to serve.

    Attributes:
        host: Whom to serve; loopback unless told otherwise.
        port: The API's port; 0 takes a free one.
        database: The SQLite file that keeps the executions. None: they end with the server.
        functions: Functions that run in this process.
        remote_functions: Functions that run in processes of their own.
        config: The service's limits.
        gate: May refuse calls before they are looked at; see `create_app`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    database: Path | None = None
    functions: tuple[LocalFunction, ...] = ()
    remote_functions: tuple[RemoteFunction, ...] = ()
    config: ServiceConfig = field(default_factory=ServiceConfig)
    gate: Callable[[str], None] | None = None


class Addresses(NamedTuple):
    """Where a server is reached."""

    url: str
    """The API: `AWS_ENDPOINT_URL_LAMBDA`."""
    runtime_apis: Mapping[str, str]
    """By function: `AWS_LAMBDA_RUNTIME_API` of its processes."""
    runtime_paths: Mapping[str, str]
    """The same by a path of the API's port, for clients that take one."""


async def serve(
    options: ServerOptions, *, stop: asyncio.Event, on_started: Callable[[Addresses], object]
) -> None:
    """Serve until `stop` is set. Executions of a database that are not finished go on.

    Raises:
        OSError: A port cannot be had.
        StoreError: The database cannot be used.
    """
    async with AsyncExitStack() as stack:
        main = stack.enter_context(open_port(options.host, options.port))
        ports = {
            function.config.name: stack.enter_context(open_port(options.host, function.port))
            for function in options.remote_functions
        }
        clock = SystemClock()
        workers = {
            function.config.name: Workers(clock, function.config.timeout_seconds)
            for function in options.remote_functions
        }
        engine = LocalEngine(
            [*options.functions, *_attached(options.remote_functions, workers)],
            _store(options, stack),
            clock=clock,
        )
        await stack.enter_async_context(engine)
        stand_in_for_unserved(engine)
        await _recover(engine)

        async def let_go() -> None:
            await engine.close()
            for each in workers.values():
                each.close()

        def lose(connection: Connection) -> None:
            for each in workers.values():
                each.lose(connection)

        addresses = _addresses(main, ports)
        await serve_ports(
            _front(engine, ports, workers, options.gate),
            (main, *ports.values()),
            stop=stop,
            on_started=lambda: on_started(addresses),
            on_stop=let_go,
            on_connection_lost=lose,
        )


async def _recover(engine: LocalEngine) -> None:
    """Go on with what the server before left unfinished."""
    if isinstance(engine.service, SqliteService):
        await engine.service.recover()
    await engine.apply(lambda model, now_ms: model.fire_due(now_ms))


def _addresses(main: socket.socket, ports: Mapping[str, socket.socket]) -> Addresses:
    api = address_of(main)
    return Addresses(
        f"http://{api}",
        {name: address_of(listening) for name, listening in ports.items()},
        {name: f"{api}{RUNTIME_PATH}{name}" for name in ports},
    )


def _front(
    engine: LocalEngine,
    ports: Mapping[str, socket.socket],
    workers: Mapping[str, Workers],
    gate: Callable[[str], None] | None,
) -> FrontDoor:
    access = EngineAccess(engine)
    api = create_app(
        access, wait_closed=access.wait_closed, call_function=access.call_function, gate=gate
    )
    arn_of = engine.model.config.function_arn
    runtimes = {name: RuntimeApi(each, arn_of=arn_of) for name, each in workers.items()}
    by_port = {ports[name].getsockname()[1]: runtime for name, runtime in runtimes.items()}
    return FrontDoor(api, by_port, runtimes)


def _attached(
    functions: Iterable[RemoteFunction], workers: Mapping[str, Workers]
) -> list[LocalFunction]:
    return [
        LocalFunction(config=function.config, remote=workers[function.config.name])
        for function in functions
    ]


def _store(options: ServerOptions, stack: AsyncExitStack) -> OpenService:
    def new_id() -> str:
        return str(uuid4())

    database = options.database
    if database is None:
        return in_memory(new_id=new_id, config=options.config)

    def open_service(
        functions: Iterable[FunctionConfig],
        *,
        now_ms: Callable[[], int],
        on_effect: Callable[[Effect], object],
    ) -> EngineService:
        service = SqliteService(
            database,
            functions,
            now_ms=now_ms,
            new_id=new_id,
            on_effect=on_effect,
            config=options.config,
        )
        stack.push_async_callback(service.close)
        return service

    return open_service
