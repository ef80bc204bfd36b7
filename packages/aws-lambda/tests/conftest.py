"""A scripted HTTP server on loopback: says what it is told to, keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest


class Received(NamedTuple):
    """A request as it came; `writes` counts the pieces it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    writes: int
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reply(NamedTuple):
    """An answer. `raw` is sent as it stands; `ends` closes the connection behind it."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    ends: bool = False
    resets: bool = False

    def encode(self) -> bytes:
        if self.raw is not None:
            return self.raw
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body or {}).encode()
        lines = [f"HTTP/1.1 {self.status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error_reply(
    status: int, code: str, message: str = "", headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    return Reply(status, {"message": message}, (("x-amzn-ErrorType", code), *headers))


RESET = Reply(raw=b"", resets=True)
HANG_UP = Reply(raw=b"", ends=True)
SILENCE = Reply(raw=b"")


class _Peer(asyncio.Protocol):
    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._buffer = b""
        self._writes = 0
        self._number = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._server.connections += 1
        self._number = self._server.connections
        self._server.transports.append(transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._writes += 1
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        method, target, _ = first.split(" ")
        received = Received(method, target, headers, rest, self._writes, self._number)
        self._buffer, self._writes = b"", 0
        self._server.requests.append(received)
        reply = self._server.next_reply(received)
        self._transport.write(reply.encode())
        if reply.resets:
            peer = self._transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif reply.ends:
            self._transport.close()


class ScriptedServer:
    """Answers with the replies in `script`, then what `acknowledge` makes, or `default`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.script: deque[Reply] = deque()
        self.default = Reply(200, {"CheckpointToken": "dA==", "NewExecutionState": {}})
        self.acknowledge: Any = None
        self.requests: list[Received] = []
        self.connections = 0
        self.transports: list[Any] = []
        self.loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._started.wait()

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def next_reply(self, received: Received) -> Reply:
        if self.script:
            return self.script.popleft()
        return self.default if self.acknowledge is None else self.acknowledge(received)

    def drop_connections(self) -> None:
        """Close every connection from this side, and wait until that is done."""

        def drop() -> None:
            for transport in self.transports:
                transport.abort()
            self.transports.clear()

        self._call(drop)

    def stop(self) -> None:
        self._call(self._close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _call(self, action: Any) -> None:
        async def run() -> None:
            action()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(run(), self.loop).result()

    def _close(self) -> None:
        self._server.close()
        for transport in self.transports:
            transport.abort()

    def _run(self) -> None:
        async def listen() -> None:
            self._server = await self.loop.create_server(
                lambda: _Peer(self), "127.0.0.1", 0, ssl=self._tls
            )
            self.port = self._server.sockets[0].getsockname()[1]
            self._started.set()

        self.loop.run_until_complete(listen())
        self.loop.run_forever()


@pytest.fixture
def server():
    scripted = ScriptedServer()
    yield scripted
    scripted.stop()


@pytest.fixture
def certificate() -> str:
    """A self-signed certificate for 127.0.0.1 and its key: for these tests and nothing else."""
    return str(Path(__file__).with_name("loopback.pem"))


@pytest.fixture
def tls_server(certificate: str):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    scripted = ScriptedServer(tls)
    yield scripted
    scripted.stop()


@pytest.fixture
def replies():
    """The makers of replies: tests do not import from each other."""
    return SimpleNamespace(
        Reply=Reply, error=error_reply, RESET=RESET, HANG_UP=HANG_UP, SILENCE=SILENCE
    )


@pytest.fixture
def lambda_environment(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> ScriptedServer:
    """The environment of a function, with the scripted server as the Lambda API."""
    for name in ("AWS_ENDPOINT_URL", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", server.url)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    return server
