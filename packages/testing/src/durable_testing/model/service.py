"""The service: executions, functions and what happens to them. Every answer is data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_testing.model.config import FunctionConfig, ServiceConfig
from durable_testing.model.requests import HistoryQuery, ListQuery

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


class ServiceModel:
    """All executions of one service."""

    def __init__(
        self,
        functions: Iterable[FunctionConfig] = (),
        *,
        new_id: Callable[[], str],
        config: ServiceConfig | None = None,
    ) -> None:
        raise NotImplementedError

    def add_function(self, function: FunctionConfig) -> None:
        """Add or replace a function."""
        raise NotImplementedError

    def start_execution(self, request: StartRequest, now_ms: int) -> Started:
        """Start an execution, or find the one that was started under its name."""
        raise NotImplementedError

    def begin_invocation(self, execution_arn: str, now_ms: int) -> Invocation | None:
        """Begin an invocation; None when none may run now."""
        raise NotImplementedError

    def end_invocation(
        self, execution_arn: str, invocation_id: str, output: Any, now_ms: int
    ) -> None:
        """Take an invocation's response envelope."""
        raise NotImplementedError

    def fail_invocation(
        self, execution_arn: str, invocation_id: str, error: ErrorObject, now_ms: int
    ) -> None:
        """Take note that an invocation crashed."""
        raise NotImplementedError

    def checkpoint(self, request: CheckpointRequest, now_ms: int) -> CheckpointResponse:
        """Apply a batch of updates, all or none, and report what changed."""
        raise NotImplementedError

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
        raise NotImplementedError

    def get_execution(self, execution_arn: str) -> ExecutionDescription:
        """Describe an execution."""
        raise NotImplementedError

    def get_history(self, execution_arn: str, query: HistoryQuery = HistoryQuery()) -> HistoryPage:
        """Return a page of events."""
        raise NotImplementedError

    def list_executions(self, function_name: str, query: ListQuery = ListQuery()) -> ExecutionPage:
        """Return a page of a function's executions."""
        raise NotImplementedError

    def stop(self, execution_arn: str, error: ErrorObject | None, now_ms: int) -> int:
        """Stop an execution; returns when it closed."""
        raise NotImplementedError

    def pause(
        self,
        execution_arn: str,
        now_ms: int,
        *,
        reason: str | None = None,
        is_timeout_paused: bool = True,
        client_token: str | None = None,
    ) -> None:
        """Pause an execution."""
        raise NotImplementedError

    def resume(
        self,
        execution_arn: str,
        now_ms: int,
        *,
        reason: str | None = None,
        client_token: str | None = None,
    ) -> None:
        """Resume an execution."""
        raise NotImplementedError

    def delete(self, execution_arn: str, now_ms: int) -> int:
        """Delete a closed execution; returns when that was asked for."""
        raise NotImplementedError

    def callback_succeed(self, callback_id: str, result: str | bytes | None, now_ms: int) -> None:
        """Answer a callback."""
        raise NotImplementedError

    def callback_fail(self, callback_id: str, error: ErrorObject | None, now_ms: int) -> None:
        """Answer a callback with a failure."""
        raise NotImplementedError

    def callback_heartbeat(self, callback_id: str, now_ms: int) -> None:
        """Move a callback's heartbeat deadline."""
        raise NotImplementedError

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
        raise NotImplementedError

    def fire_due(self, now_ms: int) -> None:
        """Let everything happen that is due."""
        raise NotImplementedError

    def next_due_ms(self) -> int | None:
        """When something will happen by itself."""
        raise NotImplementedError

    def next_operation_due_ms(self, execution_arn: str) -> int | None:
        """When something but its timeout will happen to an execution by itself."""
        raise NotImplementedError

    def recover(self, now_ms: int) -> None:
        """Go on with executions that were loaded from a store."""
        raise NotImplementedError

    def take_effects(self) -> list[Effect]:
        """Return what the host has to do, once."""
        raise NotImplementedError

    def operations(self, execution_arn: str) -> tuple[Operation, ...]:
        """Return all records in start order."""
        raise NotImplementedError

    def history(self, execution_arn: str) -> Sequence[HistoryEvent]:
        """Return all events."""
        raise NotImplementedError

    def arns(self) -> list[str]:
        """Return the ARNs of all executions, oldest first."""
        raise NotImplementedError

    def find_execution(self, function_name: str, name: str) -> str | None:
        """Return the ARN of the execution of that name."""
        raise NotImplementedError

    def open_callbacks(self, execution_arn: str) -> tuple[Operation, ...]:
        """Return the callbacks that wait for an answer."""
        raise NotImplementedError
