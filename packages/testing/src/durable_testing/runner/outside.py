"""The outside of one run: callbacks that are answered in virtual time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from durable_testing.model import ServiceError
from durable_testing.runner.callbacks import OpenedCallback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_core.lowlevel import OperationUpdate, Timer
    from durable_testing.engine import LocalEngine, VirtualClock
    from durable_testing.model import ServiceModel
    from durable_testing.runner.callbacks import Answer, CallbackPlay

_CREATION = " create callback id"
"""What `wait_for_callback` adds to its name for the callback in it."""


class Outside:
    """Answers callbacks by script."""

    def __init__(self, plays: Mapping[str, CallbackPlay], clock: VirtualClock) -> None:
        self._plays = plays
        self._clock = clock
        self._engine: LocalEngine | None = None
        self._timers: dict[int, Timer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: list[asyncio.Future[None]] = []
        self._number = 0
        self.failure: Exception | None = None

    def attach(self, engine: LocalEngine) -> None:
        """Answer the callbacks of this engine."""
        self._engine = engine

    @property
    def has_more(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._timers or self._tasks)

    def opened(self, update: OperationUpdate, callback_id: str) -> None:
        """Plan the answers to a callback."""
        name = plain_name(update.name)
        play = self._plays.get(name or "") or self._plays.get("*")
        if play is None:
            return
        callback = OpenedCallback(
            name,
            callback_id,
            _span(update.timeout_seconds),
            _span(update.heartbeat_timeout_seconds),
        )
        try:
            answers = play.answer(callback)
        except Exception as error:  # noqa: BLE001  the test's own code: the run reports it
            self.failure = self.failure or error
            return
        for answer in answers:
            self._plan(callback_id, answer)

    def _plan(self, callback_id: str, answer: Answer) -> None:
        self._number += 1
        number = self._number
        when_ms = self._clock.now_ms() + round(answer.after.total_seconds() * 1000)

        def due() -> None:
            del self._timers[number]
            task = asyncio.ensure_future(self._send(callback_id, answer))
            self._tasks.add(task)
            task.add_done_callback(self._sent)

        self._timers[number] = self._clock.call_at(when_ms, due)

    async def _send(self, callback_id: str, answer: Answer) -> None:
        if self._engine is not None:
            # An answer that comes too late is refused; the workflow never sees it.
            with suppress(ServiceError):
                await self._engine.apply(call_for(callback_id, answer))

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failure = self.failure or RuntimeError(f"an answer could not be sent: {error!r}")
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def next_answer(self) -> None:
        """Wait until one more answer has been sent."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def close(self) -> None:
        """Answer nothing any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()


def call_for(callback_id: str, answer: Answer) -> Callable[[ServiceModel, int], None]:
    """Return the call of the service that gives an answer."""
    match answer.kind:
        case "succeed":
            return lambda model, now_ms: model.callback_succeed(callback_id, answer.result, now_ms)
        case "fail":
            return lambda model, now_ms: model.callback_fail(callback_id, answer.error, now_ms)
        case _:
            return lambda model, now_ms: model.callback_heartbeat(callback_id, now_ms)


def plain_name(name: str | None) -> str | None:
    """Return a callback's name as the workflow gave it."""
    return None if name is None else name.removesuffix(_CREATION)


def _span(seconds: int | None) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds else None
