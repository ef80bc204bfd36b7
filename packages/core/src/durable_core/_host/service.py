"""The seam to the durable backend: one call that makes updates durable, one that loads a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_core._protocol.records import CheckpointRequest, CheckpointResponse, StatePage


class DurableService(Protocol):
    """What keeps an execution: AWS Lambda, a SQLite file, memory.

    Each method may answer at once or return an awaitable. Both raise `CheckpointError`; its
    `is_retryable` decides whether the host raises, so that the service invokes again, or the
    execution fails.
    """

    def checkpoint(
        self, request: CheckpointRequest, /
    ) -> CheckpointResponse | Awaitable[CheckpointResponse]:
        """Make all updates durable, or none, and report what changed since the last call."""
        ...

    def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage | Awaitable[StatePage]:
        """Return the page of recorded operations behind `marker`."""
        ...


class Timer(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> None:
        """Take the call back; nothing happens when it was already made."""
        ...


class HostClock(Protocol):
    """The host's time; the only place the engine's `now` comes from."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...

    def call_at(self, when_ms: int, callback: Callable[[], object], /) -> Timer:
        """Call back on the host's loop when `when_ms` has come."""
        ...
