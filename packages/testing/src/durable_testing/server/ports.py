"""uvicorn without its signals and logs, over sockets opened beforehand."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from durable_testing.server.workers import connection_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from starlette.types import ASGIApp

    from durable_testing.server.workers import Connection

_KEEP_ALIVE_SECONDS: Final = 86_400
"""A worker's idle connection is not ours to close: its end means that the worker is gone."""
_GRACE_SECONDS: Final = 3
_BACKLOG: Final = 2048


def open_port(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes a free one.

    It listens at once: a port that is only bound can still be taken by another process until then.

    Raises:
        OSError: The port is taken, or the host is not this one's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named; it costs 40 ms a request.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None
    listening.setblocking(False)
    return listening


def address_of(listening: socket.socket) -> str:
    """Return `host:port`."""
    host, port, *_ = listening.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Server(uvicorn.Server):
    """Stops when told to, not by signals: those are the command's."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when connections are taken."""
        await super().startup(sockets=sockets)
        self._on_started()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


async def serve_ports(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    *,
    stop: asyncio.Event,
    on_started: Callable[[], object],
    on_stop: Callable[[], Awaitable[object]],
    on_connection_lost: Callable[[Connection], object],
) -> None:
    """Serve an ASGI app until `stop` is set; `on_stop` lets go of what requests wait for."""

    class Watched(H11Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            connection = connection_of(self.client, self.server)
            if connection is not None:
                on_connection_lost(connection)

    config = uvicorn.Config(
        app,
        http=Watched,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = _Server(config, on_started)
    serving = asyncio.ensure_future(server.serve(sockets=list(sockets)))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        await on_stop()
        server.should_exit = True
        await serving
