"""wait_for_callback: create a callback, tell the outside its id, wait for the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core._engine.failures import restored
from durable_core._operations.callback import CALLBACK_SUFFIX, CreateCallback
from durable_core._operations.child import Child
from durable_core._operations.derived_names import derived_name
from durable_core._operations.scopes import open_here
from durable_core._operations.step import Step
from durable_core._protocol.records import ErrorObject, OperationSubType
from durable_core._values.errors import (
    CallbackFailedError,
    CallbackSubmitterError,
    CallbackTimeoutError,
    DurableError,
    DurableOperationError,
    StepError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._values.retry import RetryStrategy
    from durable_core._values.serdes import SerDes

_SUBMITTER_DATA = '{"durable":"CallbackSubmitterError"}'
"""ErrorData that tells a submitter's failure from the outside's, in the context's record."""
_TIMEOUT_TYPES = ("Callback.Timeout", "Callback.Heartbeat")


class WaitForCallback(Child[Any]):
    """A context that holds a callback and the step that submits its id."""

    __slots__ = (
        "_callback_serdes",
        "_heartbeat_seconds",
        "_retry_strategy",
        "_submitter",
        "_timeout_seconds",
    )

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        submitter: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        timeout_seconds: int | None,
        heartbeat_seconds: int | None,
        retry_strategy: RetryStrategy | None,
        serdes: SerDes[Any] | None,
        callback_serdes: SerDes[Any],
    ) -> None:
        super().__init__(
            engine,
            body,
            name,
            self._body,
            args,
            subtype=OperationSubType.WAIT_FOR_CALLBACK.value,
            serdes=serdes,
        )
        self._submitter = submitter
        self._timeout_seconds = timeout_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._retry_strategy = retry_strategy
        self._callback_serdes = callback_serdes

    async def _body(self, _: Any, *args: Any) -> Any:
        inner = self.child_body
        if inner is None:
            raise AssertionError("the body runs in its context")
        creation = CreateCallback(
            self.engine,
            inner,
            derived_name(self.name, CALLBACK_SUFFIX),
            timeout_seconds=self._timeout_seconds,
            heartbeat_seconds=self._heartbeat_seconds,
            serdes=self._callback_serdes,
        )
        result, callback_id = await open_here(creation)
        submission: Step[Any] = Step(
            self.engine,
            inner,
            derived_name(self.name, " submitter"),
            self._submitter,
            (callback_id, *args),
            retry_strategy=self._retry_strategy,
        )
        try:
            await open_here(submission)
        except DurableError as error:
            # Nobody has the id, so nobody answers, and nobody has to await an answer.
            self.engine.unobserved.pop(creation.operation_id, None)
            if not isinstance(error, StepError):
                raise
            raise CallbackSubmitterError(
                error.message, error.error_type, _SUBMITTER_DATA, error.stack_trace
            ) from error
        return await result

    def error_of(self, error: ErrorObject | None) -> Exception:
        """The callback's own error classes, told apart by what is recorded."""
        kind: type[DurableOperationError] = CallbackFailedError
        if error is not None:
            if error.data == _SUBMITTER_DATA:
                kind = CallbackSubmitterError
                error = error._replace(data=None)
            elif error.type in _TIMEOUT_TYPES:
                kind = CallbackTimeoutError
        return restored(kind, error, self)
