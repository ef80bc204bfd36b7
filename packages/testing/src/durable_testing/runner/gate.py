"""The service as one invocation sees it: counted, watched, and broken where faults say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import CheckpointResponse, OperationAction, OperationType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_core.lowlevel import (
        CheckpointRequest,
        DurableService,
        Operation,
        OperationUpdate,
        StatePage,
    )
    from durable_testing.replays import CutLog
    from durable_testing.runner.faults import FaultPlan


class Watch:
    """What is counted and kept of one execution."""

    __slots__ = (
        "checkpoint_calls",
        "cuts",
        "function_name",
        "invocations",
        "state_calls",
        "version",
    )

    def __init__(self, function_name: str, version: str, cuts: CutLog) -> None:
        self.function_name = function_name
        self.version = version
        self.cuts = cuts
        self.invocations = 0
        self.checkpoint_calls = 0
        self.state_calls = 0


class Gate:
    """A `DurableService` in front of the store.

    Args:
        service: The store.
        watch: Of the execution.
        faults: Those of this execution; None: none.
        all_records: Returns all records of the execution.
        check: Called with the updates of each call before it is made; what it raises ends the
            invocation.
        opened: Called with each callback that was opened.
    """

    __slots__ = ("_all_records", "_check", "_faults", "_opened", "_service", "_watch")

    def __init__(
        self,
        service: DurableService,
        watch: Watch,
        faults: FaultPlan | None,
        *,
        all_records: Callable[[], tuple[Operation, ...]],
        check: Callable[[OperationUpdate], None],
        opened: Callable[[OperationUpdate, str], None],
    ) -> None:
        self._service = service
        self._watch = watch
        self._faults = faults
        self._all_records = all_records
        self._check = check
        self._opened = opened

    def checkpoint(
        self, request: CheckpointRequest, /
    ) -> CheckpointResponse | Awaitable[CheckpointResponse]:
        """Pass the batch on, unless a fault is in the way."""
        self._watch.checkpoint_calls += 1
        number = self._watch.checkpoint_calls
        sent = request if self._faults is None else self._faults.before(number, request)
        for update in sent.updates:
            if update.type is OperationType.CHAINED_INVOKE:
                self._check(update)
        answer = self._service.checkpoint(sent)
        if isinstance(answer, CheckpointResponse):
            return self._answered(number, sent, answer)
        return self._awaited(number, sent, answer)

    def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage | Awaitable[StatePage]:
        """Pass the question on."""
        self._watch.state_calls += 1
        return self._service.load_page(execution_arn, checkpoint_token, marker)

    async def _awaited(
        self, number: int, request: CheckpointRequest, answer: Awaitable[CheckpointResponse]
    ) -> CheckpointResponse:
        return self._answered(number, request, await answer)

    def _answered(
        self, number: int, request: CheckpointRequest, answer: CheckpointResponse
    ) -> CheckpointResponse:
        is_whole = answer.next_marker is None
        changed = answer.operations if is_whole else self._all_records()
        self._watch.cuts.add(changed)
        for update in request.updates:
            if update.type is OperationType.CALLBACK and update.action is OperationAction.START:
                self._open(update, changed)
        if self._faults is not None:
            self._faults.after(number)
        return answer

    def _open(self, update: OperationUpdate, changed: tuple[Operation, ...]) -> None:
        for record in changed:
            if record.id == update.id and record.callback_id is not None:
                self._opened(update, record.callback_id)
