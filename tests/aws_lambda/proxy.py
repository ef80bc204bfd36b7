"""An HTTP proxy that spoils chosen calls on their way to the emulator, or their answers."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

EXECUTION = re.compile(r"/durable-execution/([^/]+)/")


class Message(NamedTuple):
    """A request or an answer."""

    first: str
    headers: list[tuple[str, str]]
    body: bytes

    def encode(self) -> bytes:
        kept = [pair for pair in self.headers if pair[0].lower() != "content-length"]
        lines = [self.first, *(f"{name}: {value}" for name, value in kept)]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


class Reset(Exception):  # noqa: N818  not an error but what happens to a connection
    """Break the connection instead of answering."""


Forward = Callable[[Message], Awaitable[Message]]
Fault = Callable[[Message, Forward], Awaitable[Message]]


def refusal(status: int, code: str, message: str) -> Message:
    body = json.dumps({"message": message, "Message": message}).encode()
    return Message(f"HTTP/1.1 {status} X", [("x-amzn-ErrorType", code)], body)


def changed(answer: Message, **members: Any) -> Message:
    """The answer with members set, or taken away where they are None."""
    wire = json.loads(answer.body) | members
    kept = {name: value for name, value in wire.items() if value is not None}
    return answer._replace(body=json.dumps(kept).encode())


async def throttle(request: Message, forward: Forward) -> Message:
    return refusal(429, "TooManyRequestsException", "Rate exceeded")


async def server_error(request: Message, forward: Forward) -> Message:
    return refusal(500, "ServiceException", "try again")


async def server_error_after(request: Message, forward: Forward) -> Message:
    await forward(request)
    return refusal(500, "ServiceException", "applied all the same")


async def reset_before(request: Message, forward: Forward) -> Message:
    raise Reset


async def reset_after(request: Message, forward: Forward) -> Message:
    await forward(request)
    raise Reset


async def slow(request: Message, forward: Forward) -> Message:
    answer = await forward(request)
    await asyncio.sleep(1)
    return answer


async def stale_token(request: Message, forward: Forward) -> Message:
    return refusal(400, "InvalidParameterValueException", "Invalid Checkpoint Token")


async def withheld_token(request: Message, forward: Forward) -> Message:
    return changed(await forward(request), CheckpointToken=None)


async def truncated(request: Message, forward: Forward) -> Message:
    answer = await forward(request)
    return answer._replace(body=answer.body[: len(answer.body) // 2])


async def wrong_marker(request: Message, forward: Forward) -> Message:
    spoilt = re.sub(r"(?<=[?&])Marker=[^& ]+", "Marker=bm9uZQ%3D%3D", request.first)
    return await forward(request._replace(first=spoilt))


async def circular_marker(request: Message, forward: Forward) -> Message:
    found = re.search(r"(?<=[?&])Marker=([^& ]+)", request.first)
    assert found is not None
    return changed(await forward(request), NextMarker=unquote(found.group(1)))


class FaultProxy:
    """Spoils call number N of the executions named `FAULT--N`, once each.

    Args:
        upstream: The emulator's URL.
        faults: By name; a name that ends in `marker` counts page loads, others checkpoints.
    """

    def __init__(self, upstream: str, faults: dict[str, Fault]) -> None:
        self._upstream = urlsplit(upstream)
        self._faults = faults
        self._seen: dict[str, int] = defaultdict(int)
        self.spoilt: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._started.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                answer = await self._answer(request)
                writer.write(answer.encode())
                await writer.drain()
        except Reset:
            peer = writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _answer(self, request: Message) -> Message:
        fault = self._due_fault(request)
        return await (self._forward(request) if fault is None else fault(request, self._forward))

    def _due_fault(self, request: Message) -> Fault | None:
        found = EXECUTION.search(unquote(request.first))
        name, dashes, number = (found.group(1) if found else "").partition("--")
        fault = self._faults.get(name)
        is_page = request.first.startswith("GET")
        if fault is None or not dashes or is_page != name.endswith("marker"):
            return None
        key = f"{name}--{number}"
        self._seen[key] += 1
        if self._seen[key] != int(number):
            return None
        self.spoilt.append(key)
        return fault

    async def _forward(self, request: Message) -> Message:
        assert self._upstream.hostname is not None
        reader, writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        try:
            writer.write(request.encode())
            answer = await _read(reader)
        finally:
            writer.close()
        assert answer is not None
        return answer


async def _read(reader: asyncio.StreamReader) -> Message | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = next((int(value) for name, value in pairs if name.lower() == "content-length"), 0)
    return Message(first, pairs, await reader.readexactly(length))
