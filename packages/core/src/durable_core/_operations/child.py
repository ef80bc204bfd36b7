"""Child contexts: a body with operation ids of its own, and one result."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from durable_core._engine.clock import PINNED_SUFFIX, End
from durable_core._engine.failures import error_object, restored, shown
from durable_core._engine.misuse import told_as_misuse
from durable_core._engine.operation import ClaimedOperation
from durable_core._engine.payloads import check_size, decode, encode
from durable_core._engine.scope import ContextBody, Scope
from durable_core._protocol.limits import CHILD_RESULT_THRESHOLD_BYTES, utf8_size
from durable_core._protocol.records import (
    ErrorObject,
    Operation,
    OperationAction,
    OperationStatus,
    OperationSubType,
    OperationType,
)
from durable_core._values.errors import (
    ChildContextError,
    DurableOperationError,
    NonDeterministicExecutionError,
    ValidationError,
)
from durable_core._values.serdes import serdes_for_return

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.seam import EngineSeam
    from durable_core._protocol.records import OperationUpdate
    from durable_core._values.serdes import SerDes

T = TypeVar("T")


class Child(ClaimedOperation[T]):
    """A context operation.

    Attributes:
        child_body: Where its operations are claimed; None until the body is entered.
        sent_payload: The payload of its SUCCEED, as sent.
    """

    __slots__ = (
        "_end",
        "_is_large",
        "_serdes",
        "_summary",
        "_value",
        "args",
        "child_body",
        "fn",
        "has_ended",
        "is_virtual",
        "sent_payload",
        "subtype",
    )

    type: ClassVar[OperationType] = OperationType.CONTEXT
    error_class: ClassVar[type[DurableOperationError]] = ChildContextError

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        fn: Callable[..., Any],
        args: tuple[Any, ...] = (),
        *,
        subtype: str = OperationSubType.RUN_IN_CHILD_CONTEXT.value,
        serdes: SerDes[Any] | None = None,
        summary: Callable[[Any], str] | None = None,
        is_virtual: bool = False,
    ) -> None:
        super().__init__(engine, body, name)
        self.subtype = subtype
        self.fn = fn
        self.args = args
        self.is_virtual = is_virtual
        self.child_body: ContextBody | None = None
        self.has_ended = False
        self.sent_payload: str | None = None
        self._serdes = serdes
        self._summary = summary
        self._value: Any = None
        self._is_large = False
        self._end: End | None = None

    # Life

    def start(self) -> None:
        """Send START and enter the body."""
        if not self.is_virtual:
            self.engine.queue.add(self.update(OperationAction.START))
        self._enter()

    def resume(self, record: Operation) -> None:
        """Enter the body again, over its operations' records."""
        del record
        self._enter()

    def settled_before(self, record: Operation) -> None:
        """Take the recorded result; run the body again where only that brings it back."""
        super().settled_before(record)
        if self._replays_children(record):
            self._enter()
        else:
            # Its body is not run again: what it awaited of others, nobody sees here.
            self.engine.unobserved.clear()
            self.engine.unobserved[self.operation_id] = self

    def settled(self, record: Operation) -> None:
        """See the end acknowledged; deliver it unless that was done early."""
        if self.is_pending:
            super().settled(record)
            return
        if self._end is not None and self._end.ms is None:
            self._end.ms = record.ended_at_ms
        self.engine.observers.ended(self, record)

    def abandon(self) -> None:
        """Stop the body: nothing in it starts or sends any more."""
        body = self.child_body
        if body is None:
            return
        for operation_id in body.operations:
            # It was cut off before it could await them: nobody forgot to.
            self.engine.unobserved.pop(operation_id, None)
        self.engine.close_body(body)
        if body.task is not None:
            body.task.cancel()

    def is_deliverable(self) -> bool:
        """Whether the result is there: a body that is run again may still run."""
        record = self.record
        return self.has_ended or record is None or not self._replays_children(record)

    def deliver(self, key_ms: int) -> None:
        """Hand the result to the workflow, and the clock with it."""
        if self.record is not None and is_pinned(self.record):
            key_ms = self.end_in_body()
        super().deliver(key_ms)

    def outcome(self, record: Operation) -> T:
        """The recorded or regained value, or the error."""
        if record.status is not OperationStatus.SUCCEEDED:
            raise self.error_of(record.error)
        if self.has_ended:
            return self._value
        return decode(self._codec(), record.result, self)

    def error_of(self, error: ErrorObject | None) -> Exception:
        """The error that awaiting raises."""
        return restored(self.error_class, error, self)

    # The body

    def _enter(self) -> None:
        engine = self.engine
        inner = ContextBody(
            engine,
            self.operation_id,
            name=self.name,
            enclosing=self.body,
            is_virtual=self.is_virtual,
        )
        if self.is_virtual:
            inner.is_replaying = self.body.is_replaying
        else:
            inner.is_replaying = engine.journal.unclaimed(self.operation_id) > 0
        self.child_body = inner
        inner.context = engine.new_context(inner)
        scope = Scope(inner, self.operation_id)
        inner.task = engine.loop.spawn(self._run(inner.context), scope, name=self.name)

    async def _run(self, context: Any) -> None:
        observers = self.engine.observers
        hooks = observers.hooks
        if not hooks.context_body:
            await self._run_body(context)
            return
        seen = observers.details(self, self.record, is_replayed=self.record is not None)
        with hooks.around(hooks.context_body, seen) as around:
            status, error = "INCOMPLETE", None
            try:
                error = await self._run_body(context)
                status = "SUCCEEDED" if error is None else "FAILED"
            finally:
                around.report(status, error)

    async def _run_body(self, context: Any) -> BaseException | None:
        """Run it and keep what came of it; returns what it raised."""
        try:
            running = self.fn(context, *self.args)
            if not inspect.isawaitable(running):
                self.engine.fail(self._not_async())
            value = await running
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if self.engine.is_discarding:
                raise
            # Whatever it is, the parent gets it.
            if type(error) is TypeError:
                error = told_as_misuse(error, self, self.fn, (context, *self.args))
            self._raised(error)
            return error
        self._returned(value)
        return None

    def _not_async(self) -> ValidationError:
        name = getattr(self.fn, "__qualname__", repr(self.fn))
        return ValidationError(
            f"the body of {self.subtype} {self.name!r} must be `async def`; {name} is not "
            f"({self.site})"
        )

    def _leave(self, how: str, error: BaseException | None) -> bool:
        """Close the body; False when nobody wants what comes of it."""
        inner = self.child_body
        engine = self.engine
        if inner is None or self.is_dropped or engine.is_discarding:
            return False
        if not self.is_virtual and self.record is not None:
            engine.check_all_claimed(inner, how, error)
        engine.left.add(inner, error, is_told=self._is_recorded())
        engine.close_body(inner)
        return engine.failure is None

    def _returned(self, value: Any) -> None:
        if not self._leave("returned", None):
            return
        if self.is_virtual:
            self._ended_with(value)
            return
        try:
            text, decoded = encode(self._codec(), value, self)
            update = self._success(text, value)
        except Exception as error:  # noqa: BLE001 - the value's serdes, or the user's summary
            self._failed(error)
            return
        self._ended_with(decoded)
        if not self._is_recorded():
            self.engine.queue.add(update)

    def _raised(self, error: BaseException) -> None:
        if self._leave(f"raised {shown(error)}", error):
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self.live_exception = error
        self.has_ended = True
        if self.is_virtual:
            self._value = error
            self.engine.body_ended(self)
        elif self._is_recorded():
            self.engine.fail(
                NonDeterministicExecutionError(
                    f"{self!r} is recorded as succeeded, but its body, run again over its "
                    f"operations, raised {shown(error)}",
                    operation_id=self.operation_id,
                ),
                error,
            )
        else:
            update = self.update(OperationAction.FAIL, error=error_object(error))
            self.engine.queue.add(update)
            self.engine.body_ended(self)

    def _ended_with(self, value: Any) -> None:
        self._value = value
        self.has_ended = True
        if not self._is_recorded():
            self.engine.body_ended(self)

    def _is_recorded(self) -> bool:
        return self.record is not None and self.record.ended_at_ms is not None

    def _success(self, text: str | None, value: Any) -> OperationUpdate:
        self._is_large = utf8_size(text or "") > CHILD_RESULT_THRESHOLD_BYTES
        if self._is_large:
            text = "" if self._summary is None else self._summary(value).rstrip()
            check_size(text, self, "summary")
        self.sent_payload = text
        return self.update(OperationAction.SUCCEED, text, replay_children=self._is_large)

    # Delivery before the service has answered

    def deliver_early_or_wait(self) -> None:
        """Deliver at once if nothing could come between, else when the end is acknowledged."""
        engine = self.engine
        inner = self.child_body
        if self.is_virtual:
            self._deliver_virtual()
        elif (
            inner is None
            or engine.open_count != inner.depth
            or self._is_large
            or self.live_exception is not None
        ):
            engine.queue.await_all()
        else:
            engine.forget(self)
            self._end = End(self)
            self.body.clock.hold(self._end)
            self.settle(self._value)

    def pin_end(self) -> int:
        """Record the context so that its end is what its operations say (see `clock`)."""
        payload = (self.sent_payload or "") + PINNED_SUFFIX
        if utf8_size(payload) > CHILD_RESULT_THRESHOLD_BYTES:
            payload = PINNED_SUFFIX  # nobody reads the rest: a replay runs the body again
        if not self.engine.queue.amend(
            self.operation_id, OperationAction.SUCCEED, payload=payload, replay_children=True
        ):
            raise AssertionError("workflow code ran while a context's end was being recorded")
        return self.end_in_body()

    def end_in_body(self) -> int:
        """Journal time at the end of the body."""
        return self.child_body.clock.read() if self.child_body is not None else 0

    def _deliver_virtual(self) -> None:
        self.engine.forget(self)
        if self.live_exception is not None:
            self.settle_error(self.live_exception)
        else:
            self.settle(self._value)

    def _codec(self) -> SerDes[Any]:
        return self._serdes or serdes_for_return(self.fn, self.body.serdes)

    def _replays_children(self, record: Operation) -> bool:
        """Whether only running the body again brings the recorded result back."""
        return record.replay_children and record.status is OperationStatus.SUCCEEDED


def is_pinned(record: Operation) -> bool:
    """Whether the context's end was read off its operations (see `clock`)."""
    return record.replay_children and (record.result or "").endswith(PINNED_SUFFIX)
