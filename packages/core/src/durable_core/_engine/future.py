"""The handle of an operation: awaitable, and what it settles to."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Generic, cast

from durable_core._values.generics import T_co

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context
    from types import CodeType, FrameType

PENDING = 0
SUCCEEDED = 1
FAILED = 2

_FOLDER = __file__[: -len("_engine/future.py")]
"""Where this package's own code lies."""


class CallSite:
    """Where user code called an operation; the line is worked out only when it is shown."""

    __slots__ = ("code", "instruction")

    def __init__(self, code: CodeType, instruction: int) -> None:
        self.code = code
        self.instruction = instruction

    @property
    def filename(self) -> str:
        """The file of the call."""
        return self.code.co_filename

    @property
    def line(self) -> int:
        """The line of the call."""
        for start, end, line in self.code.co_lines():
            if start <= self.instruction < end and line is not None:
                return line
        return self.code.co_firstlineno

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}"


def call_site() -> CallSite | None:
    """The innermost frame on the stack that is not this package's own."""
    # What opens the operation and a method of the context stand between at the least.
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_FOLDER):
            return CallSite(code, frame.f_lasti)
        frame = frame.f_back
    return None


class DurableFuture(Generic[T_co]):
    """An operation that has started. Await it, gather it, race it, or await it later.

    Cancelling whoever awaits does not cancel the operation: it can be awaited again.
    """

    __slots__ = ("_callbacks", "_loop", "_state", "_value", "_waiters", "name", "operation_id")

    name: str | None
    operation_id: str

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._state = PENDING
        self._value: Any = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self._callbacks: list[tuple[Callable[[Any], object], Context | None]] | None = None

    def done(self) -> bool:
        """Whether the outcome has been delivered."""
        return self._state != PENDING

    def cancelled(self) -> bool:
        """Return False: a handle is never cancelled."""
        return False

    if not TYPE_CHECKING:  # a type checker says so by itself

        @property
        def cancel(self) -> None:
            """Say what to do instead; nothing has this attribute."""
            raise AttributeError(
                "the handle of an operation has no cancel(): what is recorded as started goes on. "
                "Leave it, and it is dropped when the handler returns; to be able to stop waiting, "
                "make a task of it with asyncio.ensure_future(handle); or use "
                "context.promise.race(…, cancel_losers=True)"
            )

    def result(self) -> T_co:
        """The outcome: the value, or the error raised. Only when `done()`."""
        if self._state == SUCCEEDED:
            value: Any = self._value  # no cast(): it would be a call for each await
            return value
        if self._state == FAILED:
            raise self._value
        raise asyncio.InvalidStateError("the operation has not ended yet: await it")

    def exception(self) -> BaseException | None:
        """The error it failed with, or None. Only when `done()`."""
        if self._state == FAILED:
            return cast("BaseException", self._value)
        self.result()
        return None

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: Context | None = None
    ) -> None:
        """Call back with this handle once it is done; lets `asyncio.wait` take handles."""
        self._observed()
        if self._state != PENDING:
            self._loop.call_soon(callback, self, context=context)
        elif self._callbacks is None:
            self._callbacks = [(callback, context)]
        else:
            self._callbacks.append((callback, context))

    def remove_done_callback(self, callback: Callable[[Any], object], /) -> int:
        """Take back every registration of `callback`; returns how many there were."""
        before = self._callbacks or []
        self._callbacks = [entry for entry in before if entry[0] != callback]
        return len(before) - len(self._callbacks)

    def __await__(self) -> Generator[Any, Any, T_co]:
        self._observed()
        if self._state == PENDING:
            self._deliver_if_next()
        if self._state == PENDING:
            # A future of its own for each who awaits: cancelling one leaves the others waiting.
            waiter: asyncio.Future[None] = self._loop.create_future()
            if self._waiters is None:
                self._waiters = [waiter]
            else:
                self._waiters.append(waiter)
            yield from waiter
        return self.result()

    def _settle(self, state: int, value: Any) -> None:
        self._state = state
        self._value = value
        if self._waiters is not None:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters = None
        if self._callbacks is not None:
            for callback, context in self._callbacks:
                self._loop.call_soon(callback, self, context=context)
            self._callbacks = None

    def _observed(self) -> None:
        """Somebody looks at the handle."""

    def _deliver_if_next(self) -> None:
        """Deliver at once when that is what the journal's order says."""
