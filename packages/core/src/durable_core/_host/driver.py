"""Drives one invocation: runs the workflow, starts attempts, sends batches, delivers answers."""

from __future__ import annotations

import asyncio
import inspect
from contextvars import copy_context
from enum import Enum
from typing import TYPE_CHECKING, Any

from durable_core._engine.checkpoint import Batch, without_cancels
from durable_core._host.attempts import Attempts
from durable_core._host.eager import start_task
from durable_core._journal.ids import operation_id
from durable_core._journal.journal import DEADLINE_SUBTYPE
from durable_core._protocol.records import (
    CheckpointRequest,
    CheckpointResponse,
    OperationAction,
    OperationType,
    OperationUpdate,
)
from durable_core._values.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from durable_core._engine.engine import Engine
    from durable_core._host.environment import Environment
    from durable_core._host.service import DurableService, Timer
    from durable_core._protocol.records import Operation

LONE_START_MS = 10
"""How long a START that nobody waits for may stay behind, so that a long step shows as started."""
POLL_AGAIN_MS = 250
"""When to ask again if the service's clock is behind ours and a timer is not due there yet."""
HELD_SECONDS = 1.0
"""How long a turn of workflow code may take before its host hears of it."""
_CANCEL_REFUSED = "Cannot cancel a WAIT"


class Ending(Enum):
    """How an invocation ended."""

    SETTLED = "SETTLED"
    """The handler returned or raised, or the execution failed."""
    SUSPENDED = "SUSPENDED"


class Driver:
    """One invocation on the host's loop."""

    def __init__(
        self,
        engine: Engine,
        service: DurableService,
        environment: Environment,
        checkpoint_token: str,
        report_held: Callable[[float], None],
    ) -> None:
        self._engine = engine
        self._report_held = report_held
        self._monotonic = environment.monotonic
        self._service = service
        self._clock = environment.clock
        self._environment = environment
        self._token: str | None = checkpoint_token
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Ending] = self._loop.create_future()
        self._context = copy_context()
        self._attempts = Attempts(engine, self.wake, self._fail, environment)
        self._is_woken = False
        self._is_in_turn = False
        self._has_news = False
        self._in_flight: asyncio.Future[None] | None = None
        self._poll_timer: Timer | None = None
        self._poll_at_ms: int | None = None
        self._start_timer: Timer | None = None
        self._deadline_timer: Timer | None = None
        self._polled_at_ms = -1
        self._is_past_deadline = False
        self._token_base = environment.new_token()
        self._calls = 0
        self._updates = 0
        self._size_bytes = 0

    @property
    def counters(self) -> tuple[int, int, int]:
        """What the checkpoints came to so far: calls, updates, bytes."""
        return self._calls, self._updates, self._size_bytes

    @property
    def checkpoint_token(self) -> str | None:
        """The token of the next call; None when there must be none."""
        return self._token

    async def run(self) -> Ending:
        """Drive to the end of the invocation.

        Raises:
            CheckpointError: The service refused; see its `is_retryable`.
        """
        deadline_ms = self._environment.deadline_ms
        if deadline_ms is not None:
            self._deadline_timer = self._clock.call_at(deadline_ms, self._deadline_came)
        self.wake()
        try:
            return await self._ended
        finally:
            for timer in (self._poll_timer, self._start_timer, self._deadline_timer):
                if timer is not None:
                    timer.cancel()
            if self._in_flight is not None:
                self._in_flight.cancel()
            self._engine.discard()
            await self._attempts.end()

    def wake(self) -> None:
        """Take a turn soon: something happened."""
        if self._is_in_turn:
            self._has_news = True
        elif not self._is_woken and not self._ended.done():
            self._is_woken = True
            # A plain callback of the loop: workflow tasks may not run inside a host task.
            self._loop.call_soon(self._turn, context=self._context)

    def _end(self, ending: Ending) -> None:
        if not self._ended.done():
            self._ended.set_result(ending)

    def _fail(self, error: BaseException) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)

    # Turns

    def _turn(self) -> None:
        self._is_woken = False
        self._is_in_turn = True
        try:
            self._take_turns()
        finally:
            self._is_in_turn = False

    def _take_turns(self) -> None:
        # While a call is in flight nothing is delivered: workflow code must not run between a
        # context's early delivery and the answer that says when it ended.
        while self._in_flight is None and not self._ended.done():
            try:
                if not self._take_turn():
                    return
            except CheckpointError as error:
                self._fail(error)
            except BaseException as error:  # noqa: BLE001 - the invocation ends with it
                self._fail(error)

    def _take_turn(self) -> bool:
        """Run the workflow and act; whether a further turn is to follow at once."""
        engine = self._engine
        began = self._monotonic()
        engine.advance(self._clock.now_ms())
        if (seconds := self._monotonic() - began) >= HELD_SECONDS:
            self._report_held(seconds)
        for attempt in engine.take_withdrawn():
            self._attempts.cancel(attempt)
        if engine.failure is not None:
            self._end(Ending.SETTLED)
            return False
        if engine.outcome is not None:
            return self._drain(Ending.SETTLED)
        if self._is_past_deadline:
            engine.put_off_attempts()
            return self._drain(Ending.SUSPENDED)
        return self._go_on()

    def _go_on(self) -> bool:
        """Start what was asked for; send, wait for what runs, or suspend."""
        engine = self._engine
        self._has_news = False
        for attempt in engine.take_attempts():
            self._attempts.start(attempt)
        if engine.queue.is_awaited or (engine.queue and not engine.running_outside):
            return self._send(engine.queue.take())
        if self._has_news:
            return True
        if engine.running_outside:
            self._arm_timers()
        else:
            self._suspend()
        return False

    def _drain(self, ending: Ending) -> bool:
        if self._engine.queue:
            return self._send(self._engine.queue.take())
        self._end(ending)
        return False

    def _suspend(self) -> None:
        engine = self._engine
        if not engine.owed():
            engine.fail(engine.deadlock())
            self._end(Ending.SETTLED)
        else:
            self._end(Ending.SUSPENDED)

    # Timers while something runs

    def _arm_timers(self) -> None:
        due_ms = self._engine.next_due_ms()
        if due_ms is not None and due_ms <= self._polled_at_ms:
            due_ms = self._polled_at_ms + POLL_AGAIN_MS
        if due_ms != self._poll_at_ms:
            if self._poll_timer is not None:
                self._poll_timer.cancel()
                self._poll_timer = None
            self._poll_at_ms = due_ms
            if due_ms is not None:
                self._poll_timer = self._clock.call_at(due_ms, self._poll)
        if self._engine.queue and self._start_timer is None:
            when_ms = self._clock.now_ms() + LONE_START_MS
            self._start_timer = self._clock.call_at(when_ms, self._flush_start)

    def _poll(self) -> None:
        """A timer is due: ask the service what changed."""
        self._poll_timer = None
        self._poll_at_ms = None
        if self._ended.done():
            return
        if self._in_flight is None:
            self._polled_at_ms = self._clock.now_ms()
            if self._send_safely(self._engine.queue.take()):
                self.wake()
        # Else the call in flight reports it, or the next turn arms the timer again.

    def _flush_start(self) -> None:
        self._start_timer = None
        is_idle = self._in_flight is None and not self._ended.done()
        if is_idle and self._engine.queue and self._send_safely(self._engine.queue.take()):
            self.wake()

    def _deadline_came(self) -> None:
        """Suspend before the host kills the process; a short WAIT brings the next invocation."""
        if self._ended.done():
            return
        self._is_past_deadline = True
        wait_id = operation_id(f"deadline-{self._environment.new_token()}")
        self._engine.queue.add_and_wait(
            OperationUpdate(
                wait_id,
                OperationType.WAIT,
                OperationAction.START,
                subtype=DEADLINE_SUBTYPE,
                wait_seconds=1,
            )
        )
        self.wake()

    # Checkpoints

    def _send_safely(self, batch: Batch) -> bool:
        try:
            return self._send(batch)
        except BaseException as error:  # noqa: BLE001 - the invocation ends with it
            self._fail(error)
            return False

    def _send(self, batch: Batch) -> bool:
        """Send a batch; True when the answer is already here."""
        if self._start_timer is not None and not self._engine.queue:
            self._start_timer.cancel()
            self._start_timer = None
        if self._engine.observers.hooks.checkpoint:
            return self._start_exchange(self._exchange_observed(batch))
        try:
            answer = self._service.checkpoint(self._request(batch))
        except CheckpointError as error:
            return self._send(_retried(batch, error))
        if isinstance(answer, CheckpointResponse):
            if answer.next_marker is None:
                self._answered(batch, answer, answer.operations)
                return True
            answer = _ready(answer)
        return self._start_exchange(self._exchange(batch, answer))

    def _start_exchange(self, exchange: Coroutine[Any, Any, None]) -> bool:
        task = start_task(self._loop, exchange, copy_context())
        if task.done():
            return True
        self._in_flight = task
        return False

    def _request(self, batch: Batch) -> CheckpointRequest:
        token = self._token
        if token is None:
            raise AssertionError("a checkpoint without a token")
        self._calls += 1
        self._updates += len(batch.updates)
        self._size_bytes += batch.size_bytes
        return CheckpointRequest(
            self._engine.execution_arn, token, batch.updates, f"{self._token_base}-{self._calls}"
        )

    async def _exchange_observed(self, batch: Batch) -> None:
        # Late: most invocations have nobody who looks.
        from durable_core._values.instrument import CheckpointDetails  # noqa: PLC0415

        hooks = self._engine.observers.hooks
        seen = CheckpointDetails(len(batch.updates), batch.size_bytes)
        with hooks.around(hooks.checkpoint, seen):
            await self._exchange(batch, self._ask(batch))

    async def _ask(self, batch: Batch) -> CheckpointResponse:
        answer = self._service.checkpoint(self._request(batch))
        return answer if isinstance(answer, CheckpointResponse) else await answer

    async def _exchange(self, batch: Batch, answer: Awaitable[CheckpointResponse]) -> None:
        try:
            try:
                response = await answer
            except CheckpointError as error:
                batch = _retried(batch, error)
                response = await self._ask(batch)
            operations = response.operations
            if response.next_marker is not None:
                operations = await self._all_pages(response)
            self._answered(batch, response, operations)
        except asyncio.CancelledError as error:
            if self._ended.done():
                raise
            cancelled = CheckpointError("the checkpoint call was cancelled", is_retryable=True)
            cancelled.__cause__ = error
            self._fail(cancelled)
        except BaseException as error:  # noqa: BLE001 - the invocation ends with it
            self._fail(error)
        if self._in_flight is None:
            return
        self._in_flight = None
        self.wake()

    async def _all_pages(self, response: CheckpointResponse) -> tuple[Operation, ...]:
        operations = response.operations
        marker = response.next_marker
        while marker is not None and response.checkpoint_token is not None:
            page = self._service.load_page(
                self._engine.execution_arn, response.checkpoint_token, marker
            )
            if inspect.isawaitable(page):
                page = await page
            operations += page.operations
            marker = page.next_marker
        return operations

    def _answered(
        self, batch: Batch, response: CheckpointResponse, operations: tuple[Operation, ...]
    ) -> None:
        self._token = response.checkpoint_token
        if self._token is None:
            # Closed, or taken from this invocation: nothing more may be sent (service 1.3).
            self._end(Ending.SUSPENDED)
            return
        self._engine.acknowledge(operations)
        self._engine.check_reported(batch)


def _retried(batch: Batch, error: CheckpointError) -> Batch:
    """The batch to send after a refusal that only its CANCELs caused; else raises the refusal."""
    kept = without_cancels(batch)
    if len(kept.updates) == len(batch.updates) or not str(error).startswith(_CANCEL_REFUSED):
        raise error
    return kept


async def _ready(answer: CheckpointResponse) -> CheckpointResponse:
    return answer
