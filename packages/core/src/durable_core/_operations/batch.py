"""map and parallel: many bodies at once, each in a context of its own."""

from __future__ import annotations

from asyncio import CancelledError
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeGuard

from durable_core._engine.failures import error_object, restored
from durable_core._engine.payloads import decode, encode
from durable_core._journal.divergence import other_count
from durable_core._journal.ids import child_path, operation_id
from durable_core._operations.batch_codec import (
    Decision,
    ItemOutcome,
    read_short,
    read_whole,
    short,
    whole,
)
from durable_core._operations.child import Child, is_pinned
from durable_core._protocol.limits import CHILD_RESULT_THRESHOLD_BYTES, utf8_size
from durable_core._protocol.records import OperationAction
from durable_core._values.batch import BatchItem, BatchResult
from durable_core._values.completion import BatchItemStatus, CompletionReason
from durable_core._values.errors import ChildContextError, DurableOperationError
from durable_core._values.serdes import serdes_for_return

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._protocol.records import ErrorObject, Operation, OperationUpdate
    from durable_core._values.completion import CompletionConfig
    from durable_core._values.serdes import SerDes


class BatchBody(NamedTuple):
    """One item or branch before it is started."""

    name: str | None
    fn: Callable[..., Any]
    args: tuple[Any, ...]


class BatchMode(NamedTuple):
    """What distinguishes map from parallel, and flat from nested."""

    subtype: str
    item_subtype: str
    is_flat: bool


class ItemContext(Child[Any]):
    """The context of one item; its end goes to the batch, not to user code."""

    __slots__ = ("batch", "error_record", "index")

    error_class: ClassVar[type[DurableOperationError]] = ChildContextError

    def __init__(self, batch: Batch, body: ContextBody, index: int, item: BatchBody) -> None:
        super().__init__(
            batch.engine,
            body,
            item.name,
            item.fn,
            item.args,
            subtype=batch.mode.item_subtype,
            serdes=batch.item_serdes,
            is_virtual=batch.mode.is_flat,
        )
        self.batch = batch
        self.index = index
        self.error_record: ErrorObject | None = None
        self.site = batch.site

    def _returned(self, value: Any) -> None:
        if self.is_virtual and not self.batch.has_serdes:
            # Nothing records it but the batch, later: it is seen as it will be read back.
            try:
                self.sent_payload, value = encode(self._codec(), value, self)
            except Exception as error:  # noqa: BLE001 - the value's serdes
                self._raised(error)
                return
        super()._returned(value)

    def deliver(self, key_ms: int) -> None:
        """Hand the recorded end to the batch; the batch's clock does not follow its items."""
        del key_ms
        super().deliver(0)

    def deliver_early_or_wait(self) -> None:
        """Hand the end to the batch at once: user code does not observe items one by one."""
        self.engine.forget(self)
        if self.live_exception is None:
            self.settle(self._value)
        else:
            self.error_record = error_object(self.live_exception)
            self.settle_error(self.error_of(self.error_record))

    def settle(self, value: Any) -> None:
        """Tell the batch of a success."""
        super().settle(value)
        self.batch.item_ended(self, BatchItemStatus.SUCCEEDED)

    def settle_error(self, error: BaseException) -> None:
        """Tell the batch of a failure."""
        super().settle_error(error)
        self.batch.item_ended(self, BatchItemStatus.FAILED)

    def error_of(self, error: ErrorObject | None) -> Exception:
        """The error that the batch's result shows."""
        self.error_record = error
        return super().error_of(error)

    def text(self) -> str | None:
        """The recorded form of the result."""
        record = self.record
        if self.sent_payload is not None and not self._is_large:
            return self.sent_payload
        if record is not None and record.ended_at_ms is not None and not record.replay_children:
            return record.result
        return encode(self._codec(), self._value, self)[0]

    def item(self, status: BatchItemStatus) -> BatchItem[Any]:
        """The item as the batch's result shows it."""
        if status is BatchItemStatus.SUCCEEDED:
            return BatchItem(self.index, self.name, status, self.result())
        if status is BatchItemStatus.FAILED:
            error: Any = self.exception()
            return BatchItem(self.index, self.name, status, None, error)
        return BatchItem(self.index, self.name, status)


class Batch(Child[BatchResult[Any]]):
    """A map or a parallel."""

    __slots__ = (
        "_bodies",
        "_completion",
        "_context",
        "_decision",
        "_failures",
        "_finished",
        "_items",
        "_max_concurrency",
        "_running",
        "_statuses",
        "_successes",
        "item_serdes",
        "mode",
    )

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        bodies: Sequence[BatchBody],
        mode: BatchMode,
        *,
        max_concurrency: int | None,
        completion: CompletionConfig,
        serdes: SerDes[Any] | None,
        item_serdes: SerDes[Any] | None,
    ) -> None:
        super().__init__(engine, body, name, self._coordinate, subtype=mode.subtype, serdes=serdes)
        self.mode = mode
        self.item_serdes = item_serdes
        self._bodies = bodies
        self._max_concurrency = max_concurrency or max(1, len(bodies))
        self._completion = completion
        self._context = copy_context()
        self._items: list[ItemContext] = []
        self._statuses: dict[int, BatchItemStatus] = {}
        self._running = 0
        self._successes = 0
        self._failures = 0
        self._decision: Decision | None = None
        self._finished: asyncio.Future[CompletionReason] | None = None

    @property
    def has_serdes(self) -> bool:
        """Whether a serdes writes the result as a whole."""
        return self._serdes is not None

    async def _coordinate(self, _: Any) -> CompletionReason:
        """Run the items; the body of the batch's context."""
        if not self._bodies:
            return CompletionReason.ALL_COMPLETED
        self._finished = self.engine.loop.create_future()
        if self._is_recorded():
            self._regain()
        else:
            self._admit()
        return await self._finished

    # Admission and completion

    def _admit(self) -> None:
        while self._running < self._max_concurrency and len(self._items) < len(self._bodies):
            index = len(self._items)
            self._statuses[index] = BatchItemStatus.STARTED
            self._running += 1
            self._context.copy().run(self._open, index)

    def _open(self, index: int) -> None:
        inner = self.child_body
        if inner is None:
            raise AssertionError("a batch admits items only in its body")
        item = ItemContext(self, inner, index, self._bodies[index])
        self._items.append(item)
        self.engine.open_at(item, child_path(self.operation_id, index))
        self.engine.unobserved.pop(item.operation_id, None)

    def item_ended(self, item: ItemContext, status: BatchItemStatus) -> None:
        """Count an item that ended; admit the next, or end the batch."""
        if self._finished is None or self._finished.done():
            return
        self._statuses[item.index] = status
        self._running -= 1
        if status is BatchItemStatus.SUCCEEDED:
            self._successes += 1
        else:
            self._failures += 1
        if self._decision is not None:
            self._check_regained()
            return
        try:
            reason = self._completion.decide(
                len(self._bodies), self._successes, self._failures, self._statuses
            )
        except (Exception, CancelledError) as error:  # noqa: BLE001 - the user's predicate
            self._finished.set_exception(error)
            return
        if reason is None:
            self._admit()
        else:
            self._finished.set_result(reason)

    # A recorded batch whose result only its items' records hold

    def _regain(self) -> None:
        record = self.record
        self._decision = decision = read_short(((record and record.result) or "").rstrip())
        self._check_count(decision.reason, list(decision.statuses))
        for index in sorted(decision.statuses):
            if decision.statuses[index] is not BatchItemStatus.STARTED:
                self._running += 1
                self._context.copy().run(self._open, index)
        self._check_regained()

    def _check_regained(self) -> None:
        if self._running == 0 and self._finished is not None and self._decision is not None:
            self._finished.set_result(self._decision.reason)

    # The result

    def _leave(self, how: str, error: BaseException | None) -> bool:
        inner = self.child_body
        if inner is None or self.is_dropped or self.engine.is_discarding:
            return False
        is_early = len(self._statuses) != self._successes + self._failures
        if not is_early and not self._is_recorded():
            return super()._leave(how, error)
        self.engine.close_body(inner)
        return self.engine.failure is None

    def _returned(self, value: Any) -> None:
        reason: CompletionReason = value
        if not self._leave("returned", None):
            return
        try:
            result, update = self._result(reason)
        except Exception as error:  # noqa: BLE001 - the user's serdes
            self._failed(error)
            return
        self._ended_with(result)
        if not self._is_recorded():
            self.engine.queue.add(update)

    def _result(self, reason: CompletionReason) -> tuple[BatchResult[Any], OperationUpdate]:
        statuses = self._decision.statuses if self._decision is not None else self._statuses
        by_index = {item.index: item for item in self._items}
        items: list[BatchItem[Any]] = [
            by_index[index].item(status)
            if index in by_index
            else BatchItem(index, self._bodies[index].name, status)
            for index, status in sorted(statuses.items())
        ]
        result: BatchResult[Any] = BatchResult(items, reason)
        outcomes = [self._outcome(by_index.get(item.index), item) for item in items]
        if self._serdes is not None:
            text, result = encode(self._serdes, result, self)
        else:
            text = whole(reason, outcomes)
        # At the limit itself there would be no room for the suffix of a pinned end.
        self._is_large = utf8_size(text or "") >= CHILD_RESULT_THRESHOLD_BYTES
        if self._is_large:
            text = short(reason, outcomes)
        self.sent_payload = text
        return result, self.update(OperationAction.SUCCEED, text, replay_children=self._is_large)

    def _outcome(self, item: ItemContext | None, shown: BatchItem[Any]) -> ItemOutcome:
        if item is None or shown.status is BatchItemStatus.STARTED:
            return ItemOutcome(shown.index, shown.name, shown.status)
        if shown.status is BatchItemStatus.FAILED:
            return ItemOutcome(shown.index, shown.name, shown.status, None, item.error_record)
        text = None if self._serdes is not None else item.text()
        return ItemOutcome(shown.index, shown.name, shown.status, text)

    def end_in_body(self) -> int:
        """Nothing: a batch does not move the clock by its items."""
        return 0

    def _replays_children(self, record: Operation) -> bool:
        """Whether the items' records hold the result: else it is in the batch's own."""
        return super()._replays_children(record) and not is_pinned(record)

    def outcome(self, record: Operation) -> BatchResult[Any]:
        """The recorded or regained result, or the error."""
        if self.has_ended or record.result is None or record.error is not None:
            return super().outcome(record)
        if self._serdes is None:
            result = read_whole(record.result, self._decode_item, self._error_of_item)
        else:
            result = super().outcome(record)
        if _is_batch(result):  # a serdes may bring back something else
            self._check_count(result.completion_reason, [item.index for item in result.all])
        return result

    def _check_count(self, reason: CompletionReason, places: Sequence[int]) -> None:
        """Fail the execution if the recorded items cannot be those that the code gives now."""
        given = len(self._bodies)
        if reason is CompletionReason.ALL_COMPLETED:
            recorded, told = len(places), f"{len(places)}"
        else:  # what was never started is not recorded
            recorded = max(given, max(places, default=-1) + 1)
            told = f"at least {recorded}"
        if recorded != given and self.record is not None:
            failure = other_count(self.record, told, given, self.site)
            self.engine.fail(failure)
            raise failure

    def _decode_item(self, index: int, text: str | None) -> Any:
        if index >= len(self._bodies):
            return None  # the check of the count, which follows, fails the execution
        serdes = self.item_serdes or serdes_for_return(self._bodies[index].fn, self.body.serdes)
        return decode(serdes, text, self)

    def _error_of_item(self, index: int, name: str | None, error: ErrorObject | None) -> Any:
        found = restored(ChildContextError, error, self)
        if isinstance(found, DurableOperationError):
            found.operation_id = operation_id(child_path(self.operation_id, index))
            found.operation_name = name
        return found


def _is_batch(value: object) -> TypeGuard[BatchResult[Any]]:
    return isinstance(value, BatchResult)
