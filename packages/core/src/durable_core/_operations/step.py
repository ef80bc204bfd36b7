"""Steps: run a function, keep its result."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from durable_core._engine.attempted import Attempted, is_retryable
from durable_core._engine.failures import error_object, restored
from durable_core._engine.payloads import check_size, decode, encode
from durable_core._operations.decisions import delay_of
from durable_core._protocol.records import (
    Operation,
    OperationAction,
    OperationStatus,
    OperationSubType,
)
from durable_core._values.errors import (
    SerDesError,
    StepError,
    StepInterruptedError,
    error_type_name,
)
from durable_core._values.serdes import serdes_for_return

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._values.retry import RetryStrategy
    from durable_core._values.serdes import SerDes

T = TypeVar("T")

_INTERRUPTED = error_type_name(StepInterruptedError)


class StepSemantics(Enum):
    """What a crash in the middle of an attempt means."""

    AT_LEAST_ONCE_PER_RETRY = "AT_LEAST_ONCE_PER_RETRY"
    """The attempt is run again: its effect may happen twice."""
    AT_MOST_ONCE_PER_RETRY = "AT_MOST_ONCE_PER_RETRY"
    """The attempt is lost and counts as failed with `StepInterruptedError`; the retry strategy
    decides. With a strategy that never retries, the effect happens at most once."""


class Step(Attempted[T]):
    """A step."""

    __slots__ = ("_decoded", "_serdes", "_strategy", "_text")

    subtype: str = OperationSubType.STEP.value

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        retry_strategy: RetryStrategy | None = None,
        semantics: StepSemantics = StepSemantics.AT_LEAST_ONCE_PER_RETRY,
        serdes: SerDes[Any] | None = None,
    ) -> None:
        super().__init__(
            engine,
            body,
            name,
            fn,
            args,
            waits_for_start=semantics is StepSemantics.AT_MOST_ONCE_PER_RETRY,
        )
        self._strategy = retry_strategy
        self._serdes = serdes
        self._text: str | None = None
        self._decoded: Any = None

    def succeeded(self, value: Any, attempt: int) -> None:
        """Record the result; it is delivered once it is durable."""
        try:
            text, self._decoded = encode(self._codec(), value, self)
            check_size(text, self)
        except SerDesError as error:
            self.live_exception = error
            self.failed(error, attempt)
            return
        self._text = text
        self.engine.queue.add_and_wait(self.update(OperationAction.SUCCEED, text))

    def failed(self, error: BaseException, attempt: int) -> None:
        """Ask the retry strategy; record a retry or the failure."""
        if is_retryable(error):
            strategy = self._strategy or _default_strategy()
            try:
                decision = strategy(error, attempt)  # pyright: ignore[reportArgumentType]
                delay = delay_of(decision, self, "retry_strategy", "RetryDecision", error)
            except Exception as strategy_error:  # noqa: BLE001 - the user's code
                strategy_error.__context__ = error
                self.send_failure(strategy_error)
                return
            if delay:
                self.send_retry(delay, error=error_object(error))
                return
        self.send_failure(error)

    def outcome(self, record: Operation) -> T:
        """The recorded value, or the error."""
        if record.status is not OperationStatus.SUCCEEDED:
            error = record.error
            is_interrupted = error is not None and error.type == _INTERRUPTED
            raise restored(StepInterruptedError if is_interrupted else StepError, error, self)
        text = record.result
        if self._text is not None and text == self._text:
            return self._decoded
        return decode(self._codec(), text, self)

    def _codec(self) -> SerDes[Any]:
        return self._serdes or serdes_for_return(self.fn, self.body.serdes)


def _default_strategy() -> RetryStrategy:
    # Late: a cold start does not wait for what nothing has failed for yet.
    from durable_core._values.retry import RetryPresets  # noqa: PLC0415

    return RetryPresets.default()
