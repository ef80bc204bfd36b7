"""Durable timers: WAIT operations behind `wait`, `asyncio.sleep` and `asyncio.timeout`."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, ClassVar

from durable_core._engine.operation import ClaimedOperation
from durable_core._protocol.limits import MAX_DELAY_SECONDS
from durable_core._protocol.records import (
    Operation,
    OperationAction,
    OperationStatus,
    OperationSubType,
    OperationType,
)
from durable_core._values.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam

CANCEL_MARGIN_MS = 10_000
"""A timer with less than this to go is left to fire into nothing: the service rejects the whole
batch when a cancelled WAIT has just completed (architecture, "Durable asyncio timers")."""


class Wait(ClaimedOperation[None]):
    """A durable timer."""

    __slots__ = ("seconds",)

    type: ClassVar[OperationType] = OperationType.WAIT
    subtype: str = OperationSubType.WAIT.value

    def __init__(
        self, engine: EngineSeam, body: ContextBody, name: str | None, seconds: int
    ) -> None:
        super().__init__(engine, body, name)
        self.seconds = seconds

    def start(self) -> None:
        """Send START; the service's clock runs from there."""
        self.engine.queue.add_and_wait(
            self.update(OperationAction.START, wait_seconds=self.seconds)
        )

    def resume(self, record: Operation) -> None:
        """Go on waiting for the recorded end."""
        self.changed(record)

    def changed(self, record: Operation) -> None:
        """Note when it is due."""
        if record.scheduled_end_ms is not None:
            self.engine.expect_by(self, record.scheduled_end_ms)

    def pending_until_ms(self) -> int | bool | None:
        """The scheduled end."""
        return self.record.scheduled_end_ms if self.record is not None else None

    def outcome(self, record: Operation) -> None:
        """Nothing: the time has passed."""


class TimerWait(Wait):
    """A timer that asyncio's own code started; also its `TimerHandle`."""

    __slots__ = ("_callback", "_when")

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        delay_seconds: float,
        when: float | None,
        callback: Callable[[], object],
    ) -> None:
        # Loop time is a float of milliseconds: what is below one is rounding, not delay.
        seconds = max(1, ceil(round(delay_seconds, 3)))
        if seconds > MAX_DELAY_SECONDS:
            raise ValidationError(
                f"a timer of {seconds} s is longer than the service keeps one: "
                f"at most {MAX_DELAY_SECONDS} s"
            )
        super().__init__(engine, body, None, seconds)
        self._callback = callback
        self._when = when

    def cancel(self) -> None:
        """Take the timer back; tells the service only if it has long to go."""
        engine = self.engine
        if self.is_dropped or not self.is_pending or engine.is_discarding:
            return
        engine.drop(self)
        record = self.record
        if record is None:
            if not engine.queue.take_back(self.operation_id):
                self._send_cancel(engine.host_now_ms + self.seconds * 1000)
        elif record.status is OperationStatus.STARTED:
            self._send_cancel(record.scheduled_end_ms or engine.host_now_ms)

    def _send_cancel(self, end_ms: int) -> None:
        if end_ms - self.engine.host_now_ms > CANCEL_MARGIN_MS:
            self.engine.queue.add(self.update(OperationAction.CANCEL))

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        return self.is_dropped

    def when(self) -> float:
        """When it is due, in loop time."""
        return self.engine.time() + self.seconds if self._when is None else self._when

    def deliver(self, key_ms: int) -> None:
        """Make the call, unless the record says that it was cancelled."""
        super().deliver(key_ms)
        record = self.record
        if record is not None and record.status is OperationStatus.SUCCEEDED:
            self._callback()
