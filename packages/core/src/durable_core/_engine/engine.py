"""One execution in one invocation: claims, starts, delivers, and decides how it ends.

The engine returns, the host acts: nothing here performs I/O, reads a clock or starts a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from durable_core._engine.checkpoint import CheckpointQueue, check_reported
from durable_core._engine.deliveries import Deliveries
from durable_core._engine.diagnosis import deadlock, endless, stuck_context
from durable_core._engine.due import DueTimes, owed
from durable_core._engine.failures import shown
from durable_core._engine.future import call_site
from durable_core._engine.loop import WorkflowLoop
from durable_core._engine.observers import Observers
from durable_core._engine.refusals import Refusals
from durable_core._engine.scope import CURRENT_SCOPE, ContextBody, OutsideScope, Scope
from durable_core._engine.sub_tasks import LeftTasks
from durable_core._engine.timer import TimerWait
from durable_core._journal.divergence import mismatch, unclaimed
from durable_core._journal.ids import operation_id as hashed
from durable_core._journal.journal import Journal, is_settled
from durable_core._protocol.records import OperationAction
from durable_core._values.errors import ContextScopeError, DurableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from durable_core._engine.attempt import Attempt
    from durable_core._engine.checkpoint import Batch
    from durable_core._engine.operation import ClaimedOperation
    from durable_core._protocol.records import InvocationInput, Operation
    from durable_core._values.hooks import Hooks


class Outcome(NamedTuple):
    """How the handler ended."""

    value: Any = None
    error: BaseException | None = None


class Engine:
    """One execution in one invocation.

    Attributes:
        host_now_ms: The host's clock at the latest turn; never shown to workflow code.
        open_count: Recorded operations that are claimed and not delivered.
        unobserved: Handles that nobody has awaited.
        left: The tasks that bodies left behind.
        outcome: How the handler ended, once it has.
        failure: What ends the execution whatever the workflow does.
        running_outside: Attempts and unrecorded calls that were asked for and have not ended.
        new_context: Makes what users hold of a context's body.
        deliver_later: Delivers an operation when its key comes.
    """

    def __init__(
        self,
        invocation: InvocationInput,
        operations: Iterable[Operation],
        hooks: Hooks,
        *,
        random: Callable[[], float],
        on_exception: Callable[[dict[str, Any]], None],
        new_context: Callable[[ContextBody], Any],
    ) -> None:
        self.journal = Journal(operations)
        self.execution_arn = invocation.execution_arn
        self.updated_ids = set(invocation.updated_operation_ids)
        self.knows_updates = bool(self.updated_ids)
        execution = self.journal.execution
        self.started_at_ms = execution.started_at_ms if execution is not None else 0
        self.host_now_ms = self.started_at_ms
        self.observers = Observers(hooks)
        self.random = random
        self.new_context = new_context
        self.loop = WorkflowLoop(self, on_exception)
        self.queue = CheckpointQueue()
        self.open_count = 0
        self.unobserved: dict[str, ClaimedOperation[Any]] = {}
        self.left = LeftTasks(self.loop.call_exception_handler)
        self.outcome: Outcome | None = None
        self.failure: DurableError | None = None
        self.is_discarding = False
        self.running_outside = 0
        self.root = ContextBody(self, None)
        self.root.clock.advance(self.started_at_ms)
        self.root.is_replaying = bool(self.journal.records)
        self._claimed: dict[str, ClaimedOperation[Any]] = {}
        self._deliveries = Deliveries()
        self.deliver_later = self._deliveries.add
        self._ended_bodies: list[ClaimedOperation[Any]] = []
        self._requested: list[Attempt] = []
        self._withdrawn: list[Attempt] = []
        self._due = DueTimes()
        self._next_sequence = len(self.journal.records)
        self._refusals = Refusals()

    # Turns

    def begin(self, handler: Callable[[], Awaitable[Any]]) -> None:
        """Start the handler; it runs in the next turn."""
        self.root.task = self.loop.spawn(self._run(handler), Scope(self.root, ""), name="handler")

    async def _run(self, handler: Callable[[], Awaitable[Any]]) -> None:
        try:
            value = await handler()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it ends the execution
            self._end(Outcome(error=error))
        else:
            self._end(Outcome(value))

    def _end(self, outcome: Outcome) -> None:
        if self.is_discarding:
            return  # the invocation ends, not the workflow
        error = outcome.error
        how = "returned" if error is None else f"raised {shown(error)}"
        self.left.settle(self.root, error)
        self.check_all_claimed(self.root, how, error)
        self.root.is_closed = True
        self.outcome = outcome
        self.loop.stop_turn()

    def check_all_claimed(self, body: ContextBody, how: str, cause: BaseException | None) -> None:
        """Fail the execution if a body ends while records of its operations are unclaimed."""
        if self.journal.unclaimed(body.parent_id) > 0:
            self.fail(unclaimed(self.journal, body.parent_id, body.label, how, cause), cause)

    def fail(self, failure: DurableError, cause: BaseException | None = None) -> None:
        """End the execution, whatever the workflow does; the first failure stands."""
        if self.failure is None:
            failure.__cause__ = cause
            self.failure = failure
            self.loop.stop_turn()

    def advance(self, now_ms: int) -> None:
        """Run the workflow until it is idle and everything known has been delivered."""
        self.host_now_ms = now_ms
        loop = self.loop
        entered = loop.enter()
        try:
            while self.outcome is None and self.failure is None:
                if not loop.run_until_idle():
                    self.fail(endless(loop.pending_tasks()))
                if self.outcome is not None or self.failure is not None:
                    return
                if self._ended_bodies:
                    self._deliver_ended_body(self._ended_bodies.pop(0))
                elif not self._deliver_next():
                    return
        except DurableError as error:
            if error is not self.failure:
                raise
        finally:
            loop.leave(entered)

    def discard(self) -> None:
        """End the workflow's tasks; from now on nothing starts and nothing is sent."""
        self.is_discarding = True
        entered = self.loop.enter()
        try:
            self.loop.discard()
        finally:
            self.loop.leave(entered)

    # Claims

    def open_at(self, operation: ClaimedOperation[Any], path: str) -> None:
        """Claim the operation at `path`, and start it or take it up where it stands."""
        body = operation.body
        operation.operation_id = operation_id = hashed(path)
        if self.is_discarding or self.failure is not None or body.is_closed:
            self._refusals.refuse(self, operation)
            return
        body.operations[operation_id] = operation
        self.unobserved[operation_id] = operation
        if operation.is_virtual:
            operation.start()
            return
        record = self.journal.claim(operation_id)
        self.open_count += 1
        if record is None:
            body.is_replaying = False
            self._claimed[operation_id] = operation
            operation.sequence = self._next_sequence
            self._next_sequence += 1
            self.observers.started(operation, None)
            operation.start()
            return
        if (
            record.name != operation.name
            or record.subtype != operation.subtype
            or record.type is not operation.type
            or record.parent_id != body.parent_id
        ):
            self._diverge(operation, record, path)
        operation.record = record
        if is_settled(record):
            operation.is_replayed = operation_id not in self.updated_ids
            operation.settled_before(record)
        else:
            self._claimed[operation_id] = operation
            self.observers.started(operation, record)
            operation.resume(record)

    def _diverge(self, operation: ClaimedOperation[Any], record: Operation, path: str) -> None:
        called = operation.update(OperationAction.START)
        where = operation.body.place(operation.name, path)
        failure = mismatch(record, called, where, operation.site)
        self.fail(failure)
        raise failure

    def has_record(self, path: str) -> bool:
        """Whether the journal holds a record of the operation at `path`."""
        return hashed(path) in self.journal.records

    # Deliveries

    def deliver_if_next(self, operation: ClaimedOperation[Any]) -> None:
        """Deliver without a loop turn when nothing else could come before (sequential replay)."""
        if self.loop.ready or self._ended_bodies or not operation.is_deliverable():
            return
        key_ms = self._deliveries.pop_if_only(operation)
        if key_ms is not None:
            operation.deliver(key_ms)

    def body_ended(self, operation: ClaimedOperation[Any]) -> None:
        """A context's body ended: deliver it early if nothing else is open, once idle."""
        self._ended_bodies.append(operation)

    def _deliver_ended_body(self, operation: Any) -> None:
        if not operation.is_dropped and operation.is_pending:
            operation.deliver_early_or_wait()

    def _deliver_next(self) -> bool:
        if not self._deliveries:
            return False
        following = self._deliveries.pop_deliverable()
        if following is not None:
            operation, key_ms = following
            operation.deliver(key_ms)
            return True
        stuck = self._deliveries.first()
        if stuck is not None and self.running_outside == 0:
            self.fail(stuck_context(stuck))
        return False

    def forget(self, operation: ClaimedOperation[Any]) -> None:
        """The operation is delivered or dropped: it is open no longer."""
        known = operation.body.operations.pop(operation.operation_id, None)
        if known is not None and not operation.is_virtual:
            self.open_count -= 1

    def close_body(self, body: ContextBody) -> None:
        """End a body: what is still open in it sends nothing more and is never delivered."""
        body.is_closed = True
        for operation in list(body.operations.values()):
            self._drop(operation)

    def drop(self, operation: ClaimedOperation[Any]) -> None:
        """Nobody wants the outcome any more."""
        self.unobserved.pop(operation.operation_id, None)
        self._drop(operation)

    def _drop(self, operation: ClaimedOperation[Any]) -> None:
        operation.is_dropped = True
        self.forget(operation)
        operation.abandon()

    # The service's answers

    def acknowledge(self, operations: Iterable[Operation]) -> None:
        """Take in what a checkpoint response reported; `advance` delivers it."""
        self.observers.changed(operations)
        for record in operations:
            self.journal.report(record)
            operation = self._claimed.get(record.id)
            if operation is None:
                self.updated_ids.add(record.id)
                continue
            operation.record = record
            if is_settled(record):
                del self._claimed[record.id]
                if not operation.is_dropped:
                    operation.settled(record)
            elif not operation.is_dropped:
                operation.changed(record)

    def check_reported(self, batch: Batch) -> None:
        """Check that the service reported every operation it took an update of.

        Raises:
            CheckpointError: It did not; what was recorded is not known, so it is retryable.
        """
        check_reported(batch, self._claimed)

    def succeed_claim(self, operation: ClaimedOperation[Any], claimed_id: str) -> None:
        """Let `operation` stand for an id that is already claimed (a callback's result)."""
        operation.operation_id = claimed_id
        operation.body.operations[claimed_id] = operation
        self.open_count += 1
        self.unobserved[claimed_id] = operation
        record = operation.record
        if record is not None and is_settled(record):
            operation.settled_before(record)
        else:
            self._claimed[claimed_id] = operation

    # What the host runs

    def request(self, attempt: Attempt) -> None:
        """Ask the host to run an attempt once the workflow is idle."""
        self._requested.append(attempt)
        self.running_outside += 1

    def withdraw(self, attempt: Attempt) -> None:
        """Ask the host to stop an attempt, or not to start it."""
        if not attempt.is_withdrawn:
            attempt.is_withdrawn = True
            self.running_outside -= 1
            self._withdrawn.append(attempt)

    def take_attempts(self) -> list[Attempt]:
        """Attempts to run now; those withdrawn meanwhile are left out."""
        if not self._requested:
            return self._requested
        requested, self._requested = self._requested, []
        return [attempt for attempt in requested if not attempt.is_withdrawn]

    def take_withdrawn(self) -> list[Attempt]:
        """Attempts to cancel."""
        if not self._withdrawn:
            return self._withdrawn
        withdrawn, self._withdrawn = self._withdrawn, []
        return withdrawn

    def put_off_attempts(self) -> None:
        """Leave what has not begun to the next invocation."""
        for attempt in self.take_attempts():
            self.withdraw(attempt)
        for operation in list(self._claimed.values()):
            operation.put_off()

    def attempt_returned(self, attempt: Attempt, value: Any) -> None:
        """Take an attempt's value in, unless it came too late."""
        if not attempt.is_withdrawn and not self.is_discarding:
            self.running_outside -= 1
            attempt.owner.attempt_returned(attempt, value)

    def attempt_raised(self, attempt: Attempt, error: BaseException) -> None:
        """Take an attempt's error in, unless it came too late."""
        if not attempt.is_withdrawn and not self.is_discarding:
            self.running_outside -= 1
            attempt.owner.attempt_raised(attempt, error)

    # Timers

    def time(self) -> float:
        """Journal time of the running scope, in seconds since the epoch."""
        scope = CURRENT_SCOPE.get(None)
        body = self.root if scope is None or scope.body is None else scope.body
        return body.clock.read() / 1000

    def start_timer(
        self, delay_seconds: float, when: float | None, callback: Callable[[], object]
    ) -> TimerWait:
        """Start a durable timer in the current scope."""
        scope = CURRENT_SCOPE.get(None)
        if scope is None or isinstance(scope, OutsideScope):
            raise ContextScopeError("a timer was started outside the workflow's own tasks")
        timer = TimerWait(self, scope.body, delay_seconds, when, callback)
        timer.site = call_site()
        self.open_at(timer, scope.next_path())
        self.unobserved.pop(timer.operation_id, None)
        return timer

    def expect_by(self, operation: ClaimedOperation[Any], due_ms: int) -> None:
        """Note when the service is due to change the operation."""
        self._due.expect(operation, due_ms)

    def next_due_ms(self) -> int | None:
        """When the service is next due to change something, or None."""
        return self._due.next_ms()

    # Suspension

    def owed(self) -> list[tuple[ClaimedOperation[Any], int | None]]:
        """What the world owes the workflow, and when; empty if it can never go on."""
        return owed(self._claimed.values())

    def deadlock(self) -> DurableError:
        """The error for a workflow that can never go on."""
        return deadlock(self.loop.pending_tasks())
