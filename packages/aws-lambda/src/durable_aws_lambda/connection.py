"""A kept-alive HTTP connection: TCP_NODELAY, one write a request, no thread."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

from durable_aws_lambda.certificates import trusting_all, trusting_amazon
from durable_aws_lambda.response import BrokenResponseError, HttpResponse, ResponseReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_aws_lambda.endpoints import Endpoint

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 50.0
IDLE_LIMIT_SECONDS = 45.0
"""A connection unused for longer, by the wall clock, was closed by the other side, or frozen."""


class Connection(asyncio.Protocol):
    """One TCP connection, one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_heard = 0.0
        self.is_open = False
        self.used_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send small requests at once: half a round trip is lost to Nagle otherwise."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what create_connection makes
        self._transport = transport
        self.is_open = True
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Feed the answer that is awaited."""
        reader, answer = self._reader, self._answer
        if reader is None or answer is None:
            self.close()  # bytes nobody asked for
            return
        self._last_heard = self._loop.time()
        try:
            response = reader.feed(data)
        except BrokenResponseError as error:
            self._finish(error)
        else:
            if response is not None:
                self._finish(response)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that is under way, or end an answer of unknown length."""
        self.is_open = False
        if self._reader is None:
            return
        if exc is not None:
            self._finish(exc)
            return
        try:
            self._finish(self._reader.feed_eof())
        except BrokenResponseError as error:
            self._finish(error)

    async def request(self, message: bytes, timeout_seconds: float) -> HttpResponse:
        """Send a request and return its answer; after an error the connection is closed.

        `timeout_seconds` is the longest silence while the answer is awaited.
        """
        if self._transport is None or self._answer is not None:
            raise ConnectionError("the connection is not free")
        self._reader = ResponseReader()
        self._answer = answer = self._loop.create_future()
        self._last_heard = self._loop.time()
        self._watch(timeout_seconds)
        try:
            self._transport.write(message)
            response = await answer
        except BaseException:
            self.close()
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._answer = None
        if not response.is_reusable:
            self.close()
        return response

    @property
    def has_heard(self) -> bool:
        """Whether any byte of the answer to the last request has come."""
        return self._reader is not None and self._reader.has_begun

    def close(self) -> None:
        """Close at once; nothing is left to send."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def _watch(self, timeout_seconds: float) -> None:
        if self._answer is None or self._answer.done():
            return
        left = self._last_heard + timeout_seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._watch, timeout_seconds)
        else:
            self._finish(TimeoutError(f"no answer within {timeout_seconds:g} s"))

    def _finish(self, outcome: HttpResponse | Exception) -> None:
        if self._answer is None or self._answer.done():
            return
        if isinstance(outcome, HttpResponse):
            self._answer.set_result(outcome)
        else:
            self._answer.set_exception(outcome)


class ConnectionPool:
    """The connections of one event loop to one endpoint: one, unless calls overlap."""

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None
        self._trusts_amazon_only = False

    async def request(self, message: bytes, timeout_seconds: float) -> HttpResponse:
        """Send a request; one that fails on an idle connection without an answer is sent again.

        The other side closes idle connections when it likes, so that says nothing of the request.
        """
        connection = self._take_idle()
        if connection is not None:
            try:
                return await self._use(connection, message, timeout_seconds)
            except (ConnectionError, BrokenResponseError):
                if connection.has_heard:
                    raise
        return await self._use(await self._connect(), message, timeout_seconds)

    def close(self) -> None:
        """Close all connections; a request under way fails."""
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()

    async def _use(
        self, connection: Connection, message: bytes, timeout_seconds: float
    ) -> HttpResponse:
        self._busy.add(connection)
        try:
            response = await connection.request(message, timeout_seconds)
        finally:
            self._busy.discard(connection)
        if connection.is_open:
            connection.used_at = self._clock()
            self._idle.append(connection)
        return response

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            # By the wall clock: it goes on while the process is frozen or becomes a snapshot.
            is_fresh = 0 <= self._clock() - connection.used_at < IDLE_LIMIT_SECONDS
            if connection.is_open and is_fresh:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        if self._endpoint.is_tls and self._tls is None:
            amazon = trusting_amazon()
            self._trusts_amazon_only = amazon is not None
            self._tls = amazon or trusting_all()
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            try:
                return await self._open()
            except ssl.SSLCertVerificationError:
                if not self._trusts_amazon_only:
                    raise
            # Another authority vouches for the other side: a proxy's, or an endpoint's own.
            self._tls = trusting_all()
            self._trusts_amazon_only = False
            return await self._open()

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        endpoint = self._endpoint
        _, connection = await loop.create_connection(
            lambda: Connection(loop), endpoint.host, endpoint.port, ssl=self._tls
        )
        return connection
