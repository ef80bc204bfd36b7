"""The processes that run a function: they ask for work, and answer it (Lambda's Runtime API)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core.lowlevel import ErrorObject
from durable_testing.engine.remote import RemoteFunctionError

if TYPE_CHECKING:
    from durable_testing.engine.remote import RemoteCall

_FORGOTTEN_LIMIT: Final = 1024

Connection = tuple[str, int]
"""A worker's end of its connection."""


class Delivery(NamedTuple):
    """A call on its way to a worker, and where its answer is awaited."""

    call: RemoteCall
    answer: asyncio.Future[str]


class Workers:
    """The processes of one function.

    Calls wait in order until a worker asks. A call that nobody waits for any more is not handed
    out; when it already is, its answer goes nowhere.
    """

    __slots__ = ("_asking", "_connections", "_forgotten", "_handed_out", "_waiting", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: deque[Delivery] = deque()
        self._asking: deque[asyncio.Future[Delivery]] = deque()
        self._handed_out: dict[str, Delivery] = {}
        self._connections: dict[str, Connection] = {}
        self._forgotten: deque[str] = deque(maxlen=_FORGOTTEN_LIMIT)

    async def call(self, call: RemoteCall) -> str:
        """Have a worker run a call; see `RemoteCode`."""
        delivery = Delivery(call, asyncio.get_running_loop().create_future())
        self._waiting.append(delivery)
        self._hand_out()
        try:
            return await delivery.answer
        finally:
            if self._handed_out.pop(call.request_id, None) is not None:
                self._connections.pop(call.request_id, None)
                self._forgotten.append(call.request_id)

    def ask(self) -> asyncio.Future[Delivery]:
        """Ask for the next call; cancel the future, or `give_back` what it got, to withdraw."""
        asking: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
        self._asking.append(asking)
        self._hand_out()
        return asking

    def give_back(self, delivery: Delivery) -> None:
        """Take a call back from a worker that went away before it had it."""
        if self._handed_out.pop(delivery.call.request_id, None) is not None:
            self._waiting.appendleft(delivery)
            self._hand_out()

    def take(self, delivery: Delivery, connection: Connection) -> None:
        """Take note by which connection a call goes to its worker."""
        self._connections[delivery.call.request_id] = connection

    def succeed(self, request_id: str, answer: str) -> bool:
        """Take a call's answer; False when there never was such a call."""
        return self._settle(request_id, answer)

    def fail(self, request_id: str, error: ErrorObject) -> bool:
        """Take a call's failure; False when there never was such a call."""
        return self._settle(request_id, RemoteFunctionError(error))

    def fail_to_start(self, error: ErrorObject) -> None:
        """Take note that a worker could not start: the first call that waits has that error."""
        while self._waiting:
            delivery = self._waiting.popleft()
            if not delivery.answer.done():
                delivery.answer.set_exception(RemoteFunctionError(error))
                return

    def lose(self, connection: Connection) -> None:
        """Take note that a worker's connection broke: what it ran is lost with it."""
        lost = [key for key, value in self._connections.items() if value == connection]
        for request_id in lost:
            message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            self.fail(request_id, ErrorObject(message, "Runtime.ExitError"))

    def close(self) -> None:
        """Send the workers that ask away."""
        for asking in self._asking:
            asking.cancel()
        self._asking.clear()

    def _settle(self, request_id: str, outcome: str | RemoteFunctionError) -> bool:
        delivery = self._handed_out.get(request_id)
        if delivery is None:
            return request_id in self._forgotten
        if not delivery.answer.done():
            if isinstance(outcome, str):
                delivery.answer.set_result(outcome)
            else:
                delivery.answer.set_exception(outcome)
        return True

    def _hand_out(self) -> None:
        while self._waiting and self._asking:
            if self._waiting[0].answer.done():
                self._waiting.popleft()
            elif self._asking[0].done():
                self._asking.popleft()
            else:
                delivery = self._waiting.popleft()
                self._handed_out[delivery.call.request_id] = delivery
                self._asking.popleft().set_result(delivery)
