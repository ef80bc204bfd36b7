"""The service: executions, functions and what happens to them. Every answer is data."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from durable_core.lowlevel import OperationStatus, OperationType
from durable_testing.model.archive import Archive
from durable_testing.model.callbacks import fail_callback, heartbeat_callback, succeed_callback
from durable_testing.model.checkpoints import read_state, take_checkpoint
from durable_testing.model.config import FunctionConfig, ServiceConfig
from durable_testing.model.invocations import (
    begin_invocation,
    end_invocation,
    fail_invocation,
    recover_executions,
)
from durable_testing.model.invokes import complete_invoke, report_children
from durable_testing.model.pausing import (
    delete_execution,
    pause_execution,
    resume_execution,
    stop_execution,
)
from durable_testing.model.reading import (
    all_summaries,
    describe_execution,
    history_page,
    list_page,
)
from durable_testing.model.requests import HistoryQuery, ListQuery
from durable_testing.model.starting import start_execution
from durable_testing.model.state import ServiceState
from durable_testing.model.timers import fire_everything, next_operation_due

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from durable_core.lowlevel import (
        CheckpointRequest,
        CheckpointResponse,
        ErrorObject,
        Operation,
        StatePage,
    )
    from durable_testing.model.effects import Effect
    from durable_testing.model.history import HistoryEvent
    from durable_testing.model.requests import (
        ExecutionDescription,
        ExecutionPage,
        HistoryPage,
        Invocation,
        Started,
        StartRequest,
    )

P = ParamSpec("P")
R = TypeVar("R")


def _entry(
    method: Callable[Concatenate[ServiceModel, P], R],
) -> Callable[Concatenate[ServiceModel, P], R]:
    """Finish an entry point: executions it closed, refused or not, answer those that wait."""

    @wraps(method)
    def entry(self: ServiceModel, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        finally:
            if self.state.closed_children:
                report_children(self.state)

    return entry


class ServiceModel:
    """All executions of one service.

    Time never comes from a clock but as `now_ms`; ids come from `new_id` (unique,
    `[A-Za-z0-9_-]{1,64}`). After every call, refused or not, the caller takes the effects and acts
    on them. Refusals raise `ServiceError`.
    """

    __slots__ = ("state",)

    def __init__(
        self,
        functions: Iterable[FunctionConfig] = (),
        *,
        new_id: Callable[[], str],
        config: ServiceConfig | None = None,
        archive: Archive | None = None,
    ) -> None:
        self.state = ServiceState(config or ServiceConfig(), new_id, archive or Archive())
        for function in functions:
            self.add_function(function)

    @property
    def config(self) -> ServiceConfig:
        """The limits in force."""
        return self.state.config

    def add_function(self, function: FunctionConfig) -> None:
        """Add or replace a function."""
        self.state.functions[function.name] = function

    def function(self, name: str) -> FunctionConfig | None:
        """Return a function's configuration."""
        return self.state.functions.get(name)

    def functions(self) -> tuple[FunctionConfig, ...]:
        """Return the configurations of all functions."""
        return tuple(self.state.functions.values())

    @_entry
    def start_execution(self, request: StartRequest, now_ms: int) -> Started:
        """Start an execution, or find the one that was started under its name."""
        return start_execution(self.state, request, now_ms)

    @_entry
    def hold(self, execution_arn: str, now_ms: int) -> None:  # noqa: ARG002  as every change
        """Hold an execution that the archive has; what its process left undone goes on."""
        self.state.execution(execution_arn)

    @_entry
    def begin_invocation(self, execution_arn: str, now_ms: int) -> Invocation | None:
        """Begin an invocation; None when none may run now."""
        return begin_invocation(self.state, execution_arn, now_ms)

    @_entry
    def end_invocation(
        self, execution_arn: str, invocation_id: str, output: Any, now_ms: int
    ) -> None:
        """Take an invocation's response: an `InvocationOutput`, or the JSON value it sent."""
        end_invocation(self.state, execution_arn, invocation_id, output, now_ms)

    @_entry
    def fail_invocation(
        self, execution_arn: str, invocation_id: str, error: ErrorObject, now_ms: int
    ) -> None:
        """Take note that an invocation raised, died or ran out of time."""
        fail_invocation(self.state, execution_arn, invocation_id, error, now_ms)

    @_entry
    def checkpoint(self, request: CheckpointRequest, now_ms: int) -> CheckpointResponse:
        """Apply a batch of updates, all or none, and report what changed."""
        return take_checkpoint(self.state, request, now_ms)

    @_entry
    def get_state(
        self,
        execution_arn: str,
        checkpoint_token: str,
        now_ms: int,
        *,
        marker: str | None = None,
        max_items: int | None = None,
    ) -> StatePage:
        """Return a page of records in start order."""
        return read_state(
            self.state, execution_arn, checkpoint_token, now_ms, marker=marker, max_items=max_items
        )

    def get_execution(self, execution_arn: str) -> ExecutionDescription:
        """Describe an execution."""
        return describe_execution(self.state, self.state.look(execution_arn))

    def get_history(self, execution_arn: str, query: HistoryQuery | None = None) -> HistoryPage:
        """Return a page of events."""
        return history_page(self.state.look(execution_arn), query or HistoryQuery())

    def list_executions(self, function_name: str, query: ListQuery | None = None) -> ExecutionPage:
        """Return a page of a function's executions."""
        return list_page(self.state, function_name, query or ListQuery())

    @_entry
    def stop(self, execution_arn: str, error: ErrorObject | None, now_ms: int) -> int:
        """Stop an execution; returns when it closed."""
        return stop_execution(self.state, execution_arn, error, now_ms)

    @_entry
    def pause(
        self,
        execution_arn: str,
        now_ms: int,
        *,
        reason: str | None = None,
        is_timeout_paused: bool = True,
        client_token: str | None = None,
    ) -> None:
        """Pause an execution: no further invocation, while the world goes on."""
        pause_execution(
            self.state,
            execution_arn,
            now_ms,
            reason,
            client_token,
            is_timeout_paused=is_timeout_paused,
        )

    @_entry
    def resume(
        self,
        execution_arn: str,
        now_ms: int,
        *,
        reason: str | None = None,
        client_token: str | None = None,
    ) -> None:
        """Resume an execution."""
        resume_execution(self.state, execution_arn, now_ms, reason, client_token)

    @_entry
    def delete(self, execution_arn: str, now_ms: int) -> int:
        """Delete a closed execution; returns when that was asked for."""
        return delete_execution(self.state, execution_arn, now_ms)

    @_entry
    def callback_succeed(self, callback_id: str, result: str | bytes | None, now_ms: int) -> None:
        """Answer a callback."""
        succeed_callback(self.state, callback_id, result, now_ms)

    @_entry
    def callback_fail(self, callback_id: str, error: ErrorObject | None, now_ms: int) -> None:
        """Answer a callback with a failure."""
        fail_callback(self.state, callback_id, error, now_ms)

    @_entry
    def callback_heartbeat(self, callback_id: str, now_ms: int) -> None:
        """Move a callback's heartbeat deadline."""
        heartbeat_callback(self.state, callback_id, now_ms)

    @_entry
    def complete_chained_invoke(
        self,
        execution_arn: str,
        operation_id: str,
        now_ms: int,
        *,
        result: str | bytes | None = None,
        error: ErrorObject | None = None,
    ) -> None:
        """Take the outcome of a plain function."""
        complete_invoke(self.state, execution_arn, operation_id, now_ms, result=result, error=error)

    @_entry
    def fire_due(self, now_ms: int) -> None:
        """Let everything happen that is due."""
        fire_everything(self.state, now_ms)

    @_entry
    def recover(self, now_ms: int) -> None:
        """Go on with executions whose process is gone; once, after loading them from a store."""
        recover_executions(self.state, list(self.state.executions.values()), now_ms)

    def next_due_ms(self) -> int | None:
        """When something will happen by itself; the end of a retention does not count."""
        wakeup, deletions = self.state.next_wakeup(), self.state.deletions
        due = [] if wakeup is None else [wakeup[0]]
        return min(due + [at_ms for at_ms, _ in deletions[:1]], default=None)

    def next_expiry_ms(self) -> int | None:
        """When the next closed execution is forgotten; `fire_due` does that too."""
        return self.state.expiries[0][0] if self.state.expiries else None

    def next_operation_due_ms(self, execution_arn: str) -> int | None:
        """When something but its timeout will happen to an execution by itself.

        None for an open execution that is not running: only the outside can bring it on.
        """
        return next_operation_due(self.state.look(execution_arn))

    def take_effects(self) -> list[Effect]:
        """Return what the host has to do now, once."""
        effects = self.state.effects
        if not effects:
            return []
        self.state.effects = []
        return effects

    def forget_changes(self) -> None:
        """Take note that nothing is to be stored: the machine is all there is."""
        for execution in self.state.changed.values():
            execution.unsaved.clear()
        self.state.changed.clear()
        self.state.deleted.clear()

    def operations(self, execution_arn: str) -> tuple[Operation, ...]:
        """Return all records in start order."""
        return tuple(self.state.look(execution_arn).records.values())

    def history(self, execution_arn: str) -> Sequence[HistoryEvent]:
        """Return all events."""
        return tuple(self.state.look(execution_arn).events)

    def arns(self) -> list[str]:
        """Return the ARNs of all executions, oldest first."""
        return [summary.execution_arn for summary in all_summaries(self.state)]

    def find_execution(self, function_name: str, name: str) -> str | None:
        """Return the ARN of the execution of that name."""
        return self.state.find_name(function_name, name)

    def find_callback(self, callback_id: str) -> str | None:
        """Return the ARN of the execution that a callback belongs to."""
        place = self.state.find_callback(callback_id)
        return None if place is None else place[0]

    def open_callbacks(self, execution_arn: str) -> tuple[Operation, ...]:
        """Return the callbacks that wait for an answer, in start order."""
        execution = self.state.look(execution_arn)
        return tuple(
            operation
            for operation in execution.records.values()
            if operation.type is OperationType.CALLBACK
            and operation.status is OperationStatus.STARTED
            and execution.is_open
        )

    def due_times(self, execution_arn: str) -> dict[str, int]:
        """When something happens to operations by itself: their end, their next attempt."""
        execution = self.state.look(execution_arn)
        if not execution.is_open:
            return {}
        due = ((key, execution.due_of(key)) for key in execution.records)
        return {key: due_ms for key, due_ms in due if due_ms is not None}
