"""Operations that run attempts of a user's function: steps and conditions."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from durable_core._engine.attempt import Attempt
from durable_core._engine.failures import error_object
from durable_core._engine.misuse import told_as_misuse
from durable_core._engine.operation import ClaimedOperation
from durable_core._engine.scope import CURRENT_SCOPE, OutsideScope
from durable_core._protocol.records import (
    ErrorObject,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
)
from durable_core._values.errors import (
    UNRETRYABLE_ERRORS,
    CheckpointError,
    StepInterruptedError,
    error_type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._values.hooks import Around

T = TypeVar("T")


_PUT_OFF = "the invocation came to its deadline before the attempt began"


class Attempted(ClaimedOperation[T]):
    """An operation whose function is run once or more until it ends.

    Attributes:
        waits_for_start: The attempt runs only once its START is durable.
        running: The attempt that runs, or waits for its START; None between attempts.
        last_number: The number of the latest attempt here; 0 before the first.
    """

    __slots__ = ("args", "fn", "last_number", "running", "waits_for_start")

    type: ClassVar[OperationType] = OperationType.STEP

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        waits_for_start: bool = False,
    ) -> None:
        super().__init__(engine, body, name)
        self.fn = fn
        self.args = args
        self.waits_for_start = waits_for_start
        self.running: Attempt | None = None
        self.last_number = 0

    # What kinds of attempted operations decide

    def arguments(self) -> tuple[Any, ...]:
        """What the function is called with."""
        return self.args

    def succeeded(self, value: Any, attempt: int) -> None:
        """An attempt returned."""
        raise NotImplementedError

    def failed(self, error: BaseException, attempt: int) -> None:
        """An attempt raised."""
        raise NotImplementedError

    # Life

    def start(self) -> None:
        """Send START and run the first attempt."""
        self._start_attempt(1)

    def resume(self, record: Operation) -> None:
        """Take up what the last invocation left."""
        if record.status is not OperationStatus.STARTED:
            self.changed(record)
        elif self.waits_for_start:
            self._interrupted(record.attempt + 1)
        else:
            # The service rejects START from STARTED (service 3.4), so a rerun sends none.
            attempt = self._attempt(record.attempt + 1)
            if attempt is not None:
                self._run(attempt)

    def changed(self, record: Operation) -> None:
        """See a START acknowledged, a retry scheduled, or a retry due."""
        match record.status:
            case OperationStatus.PENDING:
                if record.next_attempt_at_ms is not None:
                    self.engine.expect_by(self, record.next_attempt_at_ms)
            case OperationStatus.READY:
                # A service may report READY again before it has seen the START.
                if self.running is None and record.attempt >= self.last_number:
                    self._start_attempt(record.attempt + 1)
            case _:
                attempt = self.running
                if self.waits_for_start and attempt is not None and not attempt.is_requested:
                    self._run(attempt)

    def pending_until_ms(self) -> int | bool | None:
        """When the next attempt is due."""
        record = self.record
        if record is None or record.status is not OperationStatus.PENDING:
            return False
        return record.next_attempt_at_ms

    def abandon(self) -> None:
        """Stop the attempt that runs."""
        if self.running is not None:
            if self.running.is_requested:
                self.engine.withdraw(self.running)
            self.running = None

    def put_off(self) -> None:
        """Take back a START that promises an attempt at most once, or ask for another attempt.

        Left as it is, the next invocation would take for cut off what never began.
        """
        attempt = self.running
        if attempt is None or not self.waits_for_start:
            return
        if attempt.is_withdrawn:
            self.running = None
            error = ErrorObject(_PUT_OFF, error_type_name(StepInterruptedError))
            self.send_retry(1, error=error)
        elif not attempt.is_requested and self.engine.queue.take_back(self.operation_id):
            self.running = None

    def _start_attempt(self, number: int) -> None:
        self.last_number = number
        attempt = self._attempt(number)
        if attempt is None:
            return
        update = self.update(OperationAction.START)
        if self.waits_for_start:
            self.running = attempt
            self.engine.queue.add_and_wait(update)
        else:
            self.engine.queue.add(update)
            self._run(attempt)

    def _attempt(self, number: int) -> Attempt | None:
        """The next attempt; None if its arguments cannot be had, which ends the operation."""
        try:
            arguments = self.arguments()
        except CheckpointError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's serdes
            self.live_exception = error
            self.send_failure(error)
            return None
        context = copy_context()
        context.run(CURRENT_SCOPE.set, OutsideScope(self.subtype, self.engine, self, number))
        attempt = Attempt(self, self.fn, arguments, context, number)
        if self.engine.observers.hooks.attempt:
            attempt.around = self._around
        return attempt

    def _run(self, attempt: Attempt) -> None:
        self.running = attempt
        attempt.is_requested = True
        self.engine.request(attempt)

    def _around(self) -> Around:
        observers = self.engine.observers
        hooks = observers.hooks
        attempt = self.running
        number = attempt.number if attempt is not None else None
        seen = observers.details(self, self.record, is_replayed=False, attempt=number)
        return hooks.around(hooks.attempt, seen)

    # Ends of attempts

    def attempt_returned(self, attempt: Attempt, value: Any) -> None:
        """Record what the function returned."""
        self.running = None
        self.succeeded(value, attempt.number)

    def attempt_raised(self, attempt: Attempt, error: BaseException) -> None:
        """Record what the function raised."""
        self.running = None
        if type(error) is TypeError:
            error = told_as_misuse(error, self, self.fn, attempt.args)
        self.live_exception = error
        self.failed(error, attempt.number)

    def _interrupted(self, number: int) -> None:
        label = f"step {self.name!r}" if self.name else f"step {self.operation_id[:8]}"
        error = StepInterruptedError(
            f"{label} was cut off in attempt {number}: whether its effect happened is not known",
            operation_id=self.operation_id,
            operation_name=self.name,
        )
        self.failed(error, number)

    def send_failure(self, error: BaseException) -> None:
        """Record the final error."""
        update = self.update(OperationAction.FAIL, error=error_object(error))
        self.engine.queue.add_and_wait(update)

    def send_retry(self, delay_seconds: int, **outcome: Any) -> None:
        """Ask the service for another attempt."""
        update = self.update(
            OperationAction.RETRY, next_attempt_delay_seconds=delay_seconds, **outcome
        )
        self.engine.queue.add_and_wait(update)


def is_retryable(error: BaseException) -> bool:
    """Whether a further attempt could mend it."""
    return isinstance(error, Exception) and not isinstance(error, UNRETRYABLE_ERRORS)
