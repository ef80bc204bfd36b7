"""The embedded engine: does what the service model asks for, on the running asyncio loop."""

from __future__ import annotations

import asyncio
import inspect
import random as random_module
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

from durable_core.lowlevel import ExecutionStatus, SystemClock
from durable_testing.engine.calls import call_plain
from durable_testing.engine.clock import VirtualClock
from durable_testing.engine.holding import held
from durable_testing.engine.hooks import EngineHooks
from durable_testing.engine.invocations import run_invocation
from durable_testing.engine.service import answer_of
from durable_testing.model import (
    ChainedInvoke,
    ExecutionClosed,
    ExecutionDeleted,
    Invoke,
    StartRequest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Any, Self

    from durable_core.lowlevel import ErrorObject, HostClock, Timer
    from durable_testing.engine.functions import LocalFunction
    from durable_testing.engine.host import Flight
    from durable_testing.engine.service import EngineService, OpenService
    from durable_testing.model import Effect, ExecutionDescription, ServiceModel, Started

R = TypeVar("R")

LOOK_MS: Final = 10_000
"""How long a timer of the loop may be: it does not run while the machine sleeps, the clock does."""
_KILLED: Final = (ExecutionStatus.STOPPED, ExecutionStatus.TIMED_OUT)


class EngineError(Exception):
    """The engine cannot go on; `__cause__` is what stopped it, where something did."""


class LocalEngine:
    """Runs executions in this process, until they are closed or it is left.

    Make and use it on a running loop, as an `async with`. Leaving it discards the invocations in
    flight; what a durable store holds of them goes on with the next engine over it.

    Args:
        functions: What can be started and invoked.
        open_service: Opens the store, e.g. `in_memory()`.
        clock: Whose time it is; the real one unless told otherwise.
        hooks: Who takes part in the invocations.
        random: Numbers in [0, 1) for retry jitter.
        new_token: Unique texts for client tokens.
    """

    def __init__(
        self,
        functions: Iterable[LocalFunction],
        open_service: OpenService,
        *,
        clock: HostClock | None = None,
        hooks: EngineHooks | None = None,
        random: Callable[[], float] = random_module.random,
        new_token: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self.clock: HostClock = clock or SystemClock()
        self.hooks = hooks or EngineHooks()
        self.random = random
        self.new_token = new_token
        self.functions = {function.name: function for function in functions}
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flights: dict[str, Flight] = {}
        self._open: set[str] = set()
        self._waiters: set[asyncio.Future[None]] = set()
        self._timer: Timer | None = None
        self._due_ms: int | None = None
        self._failure: BaseException | None = None
        self.is_closed = False
        if isinstance(self.clock, VirtualClock):
            self.clock.attach(self._loop)
        self.service: EngineService = open_service(
            [function.config for function in self.functions.values()],
            now_ms=self.clock.now_ms,
            on_effect=self._on_effect,
        )

    @property
    def model(self) -> ServiceModel:
        """The service's model; to read only."""
        return self.service.model

    async def add_function(self, function: LocalFunction) -> None:
        """Add or replace a function."""
        self.functions[function.name] = function
        await self.apply(lambda model, _: model.add_function(function.config))

    async def start(
        self, function_name: str, payload: str | None = None, *, name: str | None = None
    ) -> Started:
        """Start an execution with this JSON text, or find or resume the one of that name.

        Raises:
            ServiceError: The service refuses, e.g. the name was used with another payload.
        """
        request = StartRequest(function_name, payload, name)
        started = await self.apply(lambda model, now_ms: model.start_execution(request, now_ms))
        self._watch(started.execution_arn)
        return started

    async def stop(self, execution_arn: str, error: ErrorObject | None = None) -> None:
        """Stop an execution."""
        await self.apply(lambda model, now_ms: model.stop(execution_arn, error, now_ms))

    async def apply(self, call: Callable[[ServiceModel, int], R]) -> R:
        """Call the model: callbacks, stop, pause and whatever else comes from outside.

        Raises:
            ServiceError: The service refuses the call.
            EngineError: The engine has failed.
        """
        self._check()
        try:
            answer = self.service.apply(call)
            if isinstance(self.clock, VirtualClock) and inspect.isawaitable(answer):
                return await held(answer, self.clock)
            return await answer_of(answer)
        finally:
            self._look_ahead()

    def describe(self, execution_arn: str) -> ExecutionDescription:
        """Describe an execution as it is now."""
        return self.model.get_execution(execution_arn)

    async def outcome(self, execution_arn: str) -> ExecutionDescription:
        """Wait until an execution is closed and its last invocation is gone; describe it."""
        self._watch(execution_arn)
        while execution_arn in self._open or execution_arn in self._flights:
            await self._something()
        return self.describe(execution_arn)

    async def outcome_or_blocked(self, execution_arn: str) -> ExecutionDescription:
        """Wait until an execution is closed, or only the outside can bring anything on."""
        self._watch(execution_arn)
        while execution_arn in self._open or execution_arn in self._flights:
            if self.is_blocked:
                break
            await self._something()
        return self.describe(execution_arn)

    async def quiet(self) -> None:
        """Wait until no invocation and no plain function runs."""
        self._check()
        while self._tasks:
            await self._something()

    def is_running(self, execution_arn: str) -> bool:
        """Whether an invocation of the execution is in flight."""
        return execution_arn in self._flights

    def kill(self, execution_arn: str) -> None:
        """End the invocation in flight, if there is one, as if its process had died."""
        flight = self._flights.get(execution_arn)
        if flight is not None:
            flight.cut_off()

    @property
    def is_blocked(self) -> bool:
        """Whether nothing runs, and nothing but executions' timeouts will happen by itself."""
        next_due_ms = self.model.next_operation_due_ms
        return not self._tasks and all(next_due_ms(arn) is None for arn in self._open)

    async def close(self) -> None:
        """Discard what is in flight and stop acting on effects; the service stays open."""
        self.is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._announce()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _on_effect(self, effect: Effect) -> None:
        if self.is_closed or self._failure is not None:
            return
        try:
            self.hooks.effect(effect)
        except Exception as error:  # noqa: BLE001  must not fall into the service's commit
            self._fail(error)
            return
        match effect:
            case Invoke():
                self._open.add(effect.execution_arn)
                self._spawn(run_invocation(self, effect))
            case ChainedInvoke():
                self._spawn(call_plain(self, effect))
            case ExecutionClosed():
                self._open.discard(effect.execution_arn)
                flight = self._flights.get(effect.execution_arn)
                if flight is not None and effect.status in _KILLED:
                    flight.cut_off()
                self._announce()
            case ExecutionDeleted():
                self._announce()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        self._announce()

    def take_off(self, execution_arn: str, flight: Flight) -> None:
        """Take note that an invocation is in flight."""
        self._flights[execution_arn] = flight

    def land(self, execution_arn: str) -> None:
        """Take note that it is not any more."""
        self._flights.pop(execution_arn, None)

    def _look_ahead(self) -> None:
        """Set the timer for what the model does next by itself."""
        due_ms = None if self.is_closed else self.model.next_due_ms()
        if due_ms == self._due_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due_ms = due_ms
        self._set_timer()

    def _set_timer(self) -> None:
        """Wait for what is due; on a real clock never long without looking at it."""
        if self._due_ms is None:
            self._timer = None
            return
        when_ms = self._due_ms
        if not isinstance(self.clock, VirtualClock):
            when_ms = min(when_ms, self.clock.now_ms() + LOOK_MS)
        self._timer = self.clock.call_at(when_ms, self._fire_due)

    def _fire_due(self) -> None:
        if self._due_ms is not None and self.clock.now_ms() < self._due_ms:
            self._set_timer()
            return
        self._timer = self._due_ms = None
        if not self.is_closed:
            self._spawn(self.apply(lambda model, now_ms: model.fire_due(now_ms)))

    async def _something(self) -> None:
        """Wait until something has happened."""
        self._check()
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
        self._check()

    def _watch(self, execution_arn: str) -> None:
        if self.describe(execution_arn).ended_at_ms is None:
            self._open.add(execution_arn)

    def _announce(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._announce()

    def _check(self) -> None:
        if self._failure is not None:
            raise EngineError(f"the engine has failed: {self._failure}") from self._failure
        if self.is_closed:
            raise EngineError("the engine is closed")
