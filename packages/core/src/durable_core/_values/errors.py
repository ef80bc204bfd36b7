"""The errors, the hierarchy first.

DurableError
  ├─ DurableOperationError            what awaiting an operation raises; rebuilt from its record
  │    ├─ StepError ─ StepInterruptedError
  │    ├─ InvokeError · ChildContextError · WaitForConditionError · BatchError · PromiseError
  │    └─ CallbackError ─ CallbackTimeoutError · CallbackFailedError · CallbackSubmitterError
  ├─ your workflow must change: ValidationError (also a ValueError) · SerDesError ·
  │    ContextScopeError · WorkflowIOError · WorkflowDeadlockError · NonDeterministicExecutionError
  ├─ the service: CheckpointError (`is_retryable`)
  └─ our bug, or a host's: IllegalTransitionError
"""

from __future__ import annotations

import re


class DurableError(Exception):
    """Root of every error this package raises."""


class DurableOperationError(DurableError):
    """An operation failed; the same on the first run and after a replay.

    Attributes:
        message: What the failure said.
        error_type: The original exception's class name: bare for builtins, qualified otherwise.
        data: Further data recorded with the error, as text.
        stack_trace: The original traceback, a line an entry; may be cut to fit the size limit.
        operation_id: The operation that failed, where known.
        operation_name: Its name, where it has one.
    """

    def __init__(
        self,
        message: str | None = None,
        error_type: str | None = None,
        data: str | None = None,
        stack_trace: tuple[str, ...] | None = None,
        *,
        operation_id: str | None = None,
        operation_name: str | None = None,
    ) -> None:
        super().__init__(message or "")
        self.message = message
        self.error_type = error_type
        self.data = data
        self.stack_trace = stack_trace
        self.operation_id = operation_id
        self.operation_name = operation_name

    def __str__(self) -> str:
        if self.error_type and self.message:
            return f"{self.error_type}: {self.message}"
        return self.message or self.error_type or type(self).__name__

    def is_caused_by(self, error: type[BaseException] | str) -> bool:
        """Whether the original exception was of this class: the class, its name or qualified name.

        Subclasses are not seen: the record keeps the exact class only.
        """
        if self.error_type is None:
            return False
        if isinstance(error, str):
            return error in (self.error_type, self.error_type.rpartition(".")[2])
        return self.error_type == error_type_name(error)


class StepError(DurableOperationError):
    """A step failed and its retry strategy gave up."""


class StepInterruptedError(StepError):
    """An at-most-once step was cut off by a crash; whether its effect happened is not known."""


class InvokeError(DurableOperationError):
    """A chained function failed, timed out or was stopped."""


class ChildContextError(DurableOperationError):
    """The body of a child context raised."""


class WaitForConditionError(DurableOperationError):
    """A condition check raised, or its attempts were exhausted."""


class BatchError(DurableOperationError):
    """Raised by `BatchResult.throw_if_error()`: the first failed item's error."""


class PromiseError(DurableOperationError):
    """No input of `promise.any` succeeded; `errors` holds each one's error."""

    errors: tuple[Exception, ...] = ()


class CallbackError(DurableOperationError):
    """A callback did not succeed."""


class CallbackTimeoutError(CallbackError):
    """Nobody answered the callback in time."""

    @property
    def heartbeat(self) -> bool:
        """Whether the heartbeat stayed away, not the answer."""
        return self.error_type == "Callback.Heartbeat"


class CallbackFailedError(CallbackError):
    """The outside answered the callback with a failure."""


class CallbackSubmitterError(CallbackError):
    """The submitter of `wait_for_callback` failed and its retry strategy gave up."""


class ValidationError(DurableError, ValueError):
    """An argument is not acceptable."""


class SerDesError(DurableError):
    """A value cannot be written without losing something, or a payload cannot be read."""


class ContextScopeError(DurableError):
    """A context was used outside the body it belongs to."""


class WorkflowIOError(DurableError):
    """Workflow code tried to touch the outside world."""


class WorkflowDeadlockError(DurableError):
    """Nothing that could happen would let the workflow go on."""


class NonDeterministicExecutionError(DurableError):
    """The replay and the journal disagree; the execution ends FAILED.

    Attributes:
        operation_id: The operation at which they part, where one is known.
    """

    def __init__(self, message: str, *, operation_id: str | None = None) -> None:
        super().__init__(message)
        self.operation_id = operation_id


class CheckpointError(DurableError):
    """The service did not take a checkpoint, or did not give the state.

    Attributes:
        code: The service's error code, where it gave one.
        is_retryable: True: the host raises and the service invokes again; else the execution fails.
    """

    def __init__(self, message: str, *, code: str | None = None, is_retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.is_retryable = is_retryable


class IllegalTransitionError(DurableError):
    """An action is not legal in an operation's status."""


def error_type_name(error: type[BaseException]) -> str:
    """The name an exception class is recorded under: bare for builtins, qualified otherwise."""
    if error.__module__ == "builtins":
        return error.__name__
    return f"{error.__module__}.{error.__qualname__}"


def matches_error(
    error: BaseException, pattern: type[BaseException] | str | re.Pattern[str]
) -> bool:
    """Whether `error` is of the class, contains the text, or is found by the pattern."""
    if isinstance(pattern, str):
        return pattern in str(error)
    if isinstance(pattern, re.Pattern):
        return pattern.search(str(error)) is not None
    if isinstance(error, DurableOperationError) and error.is_caused_by(pattern):
        return True
    return isinstance(error, pattern)


UNRETRYABLE_ERRORS: tuple[type[BaseException], ...] = (
    SerDesError,
    ContextScopeError,
    NonDeterministicExecutionError,
    ValidationError,
)
"""Errors that no further attempt can mend: steps that raise them fail at once."""

for _error in list(globals().values()):
    if isinstance(_error, type) and issubclass(_error, DurableError):
        # Users import them from the package root; records keep the name they know.
        _error.__module__ = "durable_core"

RESTORED_BY_TYPE: dict[str, type[DurableError]] = {
    error_type_name(kind): kind for kind in (SerDesError, ContextScopeError, ValidationError)
}
"""Recorded errors that come back as themselves instead of as a `DurableOperationError`."""
