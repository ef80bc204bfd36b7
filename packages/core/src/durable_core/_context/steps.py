"""Steps, waits and what leaves no record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from durable_core._context.essentials import ContextBase
from durable_core._context.names import checked_name, split_function, split_value
from durable_core._context.options import checked_step_options
from durable_core._engine.timer import Wait
from durable_core._operations.scopes import open_here, scope_in
from durable_core._operations.step import Step, StepSemantics
from durable_core._operations.wait import seconds_until, wait_seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime
    from typing import Unpack

    from durable_core._engine.future import DurableFuture
    from durable_core._values.durations import Duration
    from durable_core._values.generics import T, Ts
    from durable_core._values.retry import RetryStrategy
    from durable_core._values.serdes import SerDes


class StepMethods(ContextBase):
    """The part of a context that runs code and waits."""

    __slots__ = ()

    # Steps

    @overload
    def step(
        self,
        name: str | None,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        /,
        *args: *Ts,
        retry_strategy: RetryStrategy | None = ...,
        semantics: StepSemantics = ...,
        serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def step(
        self,
        name: str | None,
        fn: Callable[[Unpack[Ts]], T],
        /,
        *args: *Ts,
        retry_strategy: RetryStrategy | None = ...,
        semantics: StepSemantics = ...,
        serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def step(
        self,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        /,
        *args: *Ts,
        retry_strategy: RetryStrategy | None = ...,
        semantics: StepSemantics = ...,
        serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def step(
        self,
        fn: Callable[[Unpack[Ts]], T],
        /,
        *args: *Ts,
        retry_strategy: RetryStrategy | None = ...,
        semantics: StepSemantics = ...,
        serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[T]: ...
    def step(
        self,
        *args: Unpack[Ts],  # noqa: UP044  type checkers take no other spelling here
        **options: Any,
    ) -> DurableFuture[Any]:
        """Run `fn(*args)` once and keep its result.

        Args:
            args: An optional name, the function (plain functions run in a thread), its arguments.
            options: `retry_strategy`: asked when an attempt raises (by default 6 attempts).
                `semantics`: what a crash in an attempt means. `serdes`: how the result is
                recorded (default: by the function's annotation).

        Raises:
            StepError: When awaited: the function raised and the strategy gave up.
        """
        name, fn, rest = split_function("step", args)
        if options:
            options = checked_step_options(options)
        body = self._body
        operation: Step[Any] = Step(body.engine, body, name, fn, rest, **options)
        return open_here(operation)

    # Waits

    @overload
    def wait(self, duration: Duration, /) -> DurableFuture[None]: ...
    @overload
    def wait(self, name: str | None, duration: Duration, /) -> DurableFuture[None]: ...
    @overload
    def wait(
        self,
        name: str | None = ...,
        /,
        *,
        days: float = ...,
        hours: float = ...,
        minutes: float = ...,
        seconds: float = ...,
    ) -> DurableFuture[None]: ...
    def wait(
        self,
        *args: Any,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> DurableFuture[None]:
        """Wait: `wait([name], duration)` or `wait([name], days=, hours=, …)`.

        Whole seconds, at least 1 and at most 366 days; fractions round up. Nothing runs meanwhile.
        """
        name: str | None = None
        duration: Duration | None = None
        match args:
            case ():
                pass
            case (None | str() as given,):
                name = checked_name(given)
            case _:
                name, duration = split_value("wait", "a duration", args)
        body = self._body
        total = wait_seconds(name, duration, days, hours, minutes, seconds)
        return open_here(Wait(body.engine, body, name, total))

    @overload
    def wait_until(self, name: str | None, when: datetime, /) -> DurableFuture[None]: ...
    @overload
    def wait_until(self, when: datetime, /) -> DurableFuture[None]: ...
    def wait_until(self, *args: Any) -> DurableFuture[None]:
        """Wait until an aware datetime; one that has passed waits for a second."""
        name, when = split_value("wait_until", "an aware datetime", args)
        body = self._body
        return open_here(Wait(body.engine, body, name, seconds_until(when, body.engine)))

    @overload
    def unrecorded(
        self, fn: Callable[[Unpack[Ts]], Awaitable[T]], /, *args: *Ts
    ) -> Awaitable[T]: ...
    @overload
    def unrecorded(self, fn: Callable[[Unpack[Ts]], T], /, *args: *Ts) -> Awaitable[T]: ...
    def unrecorded(
        self,
        *args: Unpack[Ts],  # noqa: UP044  as above
    ) -> Awaitable[Any]:
        """Run `fn(*args)` outside the workflow and record nothing: it runs again on every replay.

        The escape hatch for I/O that may repeat and whose answer decides nothing.
        """
        # Late: few workflows need it.
        from durable_core._operations.unrecorded import Unrecorded  # noqa: PLC0415

        _, fn, rest = split_function("unrecorded", args)
        scope_in(self._body)
        return Unrecorded(self._body.engine, fn, rest).future
