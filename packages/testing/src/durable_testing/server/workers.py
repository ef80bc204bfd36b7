"""The processes that run a function: they ask for work, and answer it (Lambda's Runtime API)."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core.lowlevel import ErrorObject
from durable_testing.engine.invocations import timeout_error
from durable_testing.engine.remote import RemoteFunctionError

if TYPE_CHECKING:
    from durable_core.lowlevel import HostClock, Timer
    from durable_testing.engine.remote import RemoteCall

_FORGOTTEN_LIMIT: Final = 1024

Connection = tuple[str, int, int]
"""The worker's host and port, and ours: only together they tell two connections apart."""


def connection_of(
    client: tuple[str, int] | None, server: tuple[str, int | None] | None
) -> Connection | None:
    """Return a connection's identity; None where a transport has none."""
    if client is None or server is None or server[1] is None:
        return None
    return (client[0], client[1], server[1])


class _Delivery(NamedTuple):
    """A call that waits for a worker, and where its answer is awaited."""

    call: RemoteCall
    answer: asyncio.Future[str]


class Flight(NamedTuple):
    """A call that a worker has."""

    call: RemoteCall
    answer: asyncio.Future[str]
    deadline_ms: int
    timer: Timer


class Workers:
    """The processes of one function.

    Calls wait in order until a worker asks; the function's timeout begins when one has it. A call
    that nobody waits for any more is not handed out; when it already is, its answer goes nowhere.

    Args:
        clock: Whose time the timeout is measured in.
        timeout_seconds: How long one call may take.
    """

    __slots__ = (
        "_asking", "_clock", "_connections", "_flights", "_forgotten", "_timeout_seconds",
        "_waiting",
    )  # fmt: skip

    def __init__(self, clock: HostClock, timeout_seconds: int) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._waiting: deque[_Delivery] = deque()
        self._asking: deque[asyncio.Future[Flight]] = deque()
        self._flights: dict[str, Flight] = {}
        self._connections: dict[str, Connection] = {}
        self._forgotten: deque[str] = deque(maxlen=_FORGOTTEN_LIMIT)

    async def call(self, call: RemoteCall) -> str:
        """Have a worker run a call; see `RemoteCode`."""
        delivery = _Delivery(call, asyncio.get_running_loop().create_future())
        self._waiting.append(delivery)
        self._hand_out()
        try:
            return await delivery.answer
        finally:
            if self._end_flight(call.request_id):
                self._forgotten.append(call.request_id)

    def ask(self) -> asyncio.Future[Flight]:
        """Ask for the next call; cancel the future, or `give_back` what it got, to withdraw."""
        asking: asyncio.Future[Flight] = asyncio.get_running_loop().create_future()
        self._asking.append(asking)
        self._hand_out()
        return asking

    def give_back(self, flight: Flight) -> None:
        """Take a call back from a worker that went away before it had it."""
        if self._end_flight(flight.call.request_id):
            self._waiting.appendleft(_Delivery(flight.call, flight.answer))
            self._hand_out()

    def take(self, flight: Flight, connection: Connection) -> None:
        """Take note by which connection a call goes to its worker."""
        self._connections[flight.call.request_id] = connection

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
        flight = self._flights.get(request_id)
        if flight is None:
            return request_id in self._forgotten
        if not flight.answer.done():
            if isinstance(outcome, str):
                flight.answer.set_result(outcome)
            else:
                flight.answer.set_exception(outcome)
        return True

    def _hand_out(self) -> None:
        while self._waiting and self._asking:
            if self._waiting[0].answer.done():
                self._waiting.popleft()
            elif self._asking[0].done():
                self._asking.popleft()
            else:
                self._asking.popleft().set_result(self._take_off(self._waiting.popleft()))

    def _take_off(self, delivery: _Delivery) -> Flight:
        request_id = delivery.call.request_id
        deadline_ms = self._clock.now_ms() + self._timeout_seconds * 1000
        error = timeout_error(request_id, self._timeout_seconds)
        timer = self._clock.call_at(deadline_ms, partial(self.fail, request_id, error))
        flight = self._flights[request_id] = Flight(*delivery, deadline_ms, timer)
        return flight

    def _end_flight(self, request_id: str) -> bool:
        """Forget that a worker has a call; False when none has."""
        flight = self._flights.pop(request_id, None)
        self._connections.pop(request_id, None)
        if flight is None:
            return False
        flight.timer.cancel()
        return True
