"""What the machine holds, and what it owes its host: effects and changed executions."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from durable_core.lowlevel import ExecutionStatus as Status
from durable_testing.model.effects import Invoke
from durable_testing.model.errors import not_found
from durable_testing.model.execution import Execution, Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_testing.model.archive import Archive
    from durable_testing.model.config import FunctionConfig, ServiceConfig
    from durable_testing.model.effects import Effect


class ServiceState:
    """The state of a `ServiceModel`; the modules beside it are its verbs."""

    __slots__ = (
        "archive",
        "callbacks",
        "changed",
        "closed_children",
        "config",
        "deleted",
        "deletions",
        "effects",
        "executions",
        "expiries",
        "functions",
        "names",
        "new_id",
        "wakeups",
    )

    def __init__(self, config: ServiceConfig, new_id: Callable[[], str], archive: Archive) -> None:
        self.config = config
        self.archive = archive
        self.new_id = new_id
        self.functions: dict[str, FunctionConfig] = {}
        self.executions: dict[str, Execution] = {}
        self.names: dict[tuple[str, str], str] = {}
        self.callbacks: dict[str, tuple[str, str]] = {}
        self.effects: list[Effect] = []
        self.changed: dict[str, Execution] = {}
        self.deleted: list[str] = []
        self.closed_children: list[Execution] = []
        self.wakeups: list[tuple[int, str]] = []
        self.expiries: list[tuple[int, str]] = []
        self.deletions: list[tuple[int, str]] = []

    def execution(self, execution_arn: str) -> Execution:
        """Return an execution to change, or refuse as the service does."""
        execution = self.executions.get(execution_arn) or self.archive.take(execution_arn)
        if execution is None:
            raise not_found("Durable Execution does not exist")
        return execution

    def look(self, execution_arn: str) -> Execution:
        """Return an execution to look at, or refuse as the service does."""
        execution = self.executions.get(execution_arn) or self.archive.peek(execution_arn)
        if execution is None:
            raise not_found("Durable Execution does not exist")
        return execution

    def find_name(self, function_name: str, name: str) -> str | None:
        """Return the ARN of the execution of that name."""
        arn = self.names.get((function_name, name))
        return self.archive.find_name(function_name, name) if arn is None else arn

    def find_callback(self, callback_id: str) -> tuple[str, str] | None:
        """Return the ARN and the operation id that a callback belongs to."""
        return self.callbacks.get(callback_id) or self.archive.find_callback(callback_id)

    def add(self, execution: Execution) -> None:
        """Take in an execution."""
        self.executions[execution.arn] = execution
        self.names[execution.function_name, execution.name] = execution.arn
        for operation in execution.records.values():
            if operation.callback_id is not None:
                self.callbacks[operation.callback_id] = (execution.arn, operation.id)

    def adopt(self, execution: Execution) -> None:
        """Take in an execution from a store, and set its timers."""
        self.add(execution)
        if execution.expires_at_ms is not None:
            self.expire(execution, execution.expires_at_ms)
            return
        for operation_id in execution.order:
            due_ms = execution.due_of(operation_id)
            if due_ms is not None:
                self.arm(execution, due_ms, operation_id)
        for due_ms in (execution.timeout_at_ms, execution.retry_at_ms):
            if due_ms is not None:
                self.arm(execution, due_ms)

    def remove(self, execution: Execution) -> None:
        """Hold an execution no longer: it is deleted, or a store has all of it."""
        del self.executions[execution.arn]
        del self.names[execution.function_name, execution.name]
        for operation in execution.records.values():
            if operation.callback_id is not None:
                self.callbacks.pop(operation.callback_id, None)

    def mark(self, execution: Execution) -> None:
        """Take note that an execution has something to store."""
        self.changed[execution.arn] = execution

    def wake(self, execution: Execution) -> None:
        """Ask for an invocation, unless one runs, is asked for, or waits for its backoff."""
        if (
            execution.status is Status.RUNNING
            and execution.invocation_id is None
            and execution.retry_at_ms is None
            and not execution.is_invocation_due
        ):
            execution.is_invocation_due = True
            execution.owes_invocation = False
            self.effects.append(Invoke(execution.arn, execution.function_name, execution.version))

    def expire(self, execution: Execution, at_ms: int) -> None:
        """Let a closed execution be forgotten at that time."""
        execution.expires_at_ms = at_ms
        is_deleting = execution.status is Status.DELETING
        heappush(self.deletions if is_deleting else self.expiries, (at_ms, execution.arn))

    def arm(self, execution: Execution, due_ms: int, operation_id: str = "") -> None:
        """Set a timer; it is void when its operation is no longer due at that time."""
        timers = execution.timers
        if not timers or due_ms < timers[0].due_ms:
            heappush(self.wakeups, (due_ms, execution.arn))
        sequence = execution.sequence[operation_id] if operation_id else len(execution.order)
        heappush(timers, Timer(due_ms, not operation_id, sequence, operation_id))

    def next_wakeup(self) -> tuple[int, Execution] | None:
        """Return the execution with the earliest valid timer."""
        wakeups = self.wakeups
        while wakeups:
            due_ms, arn = wakeups[0]
            execution = self.executions.get(arn)
            timer = None if execution is None else next_timer(execution)
            if execution is not None and timer is not None and timer.due_ms == due_ms:
                return due_ms, execution
            heappop(wakeups)
            if timer is not None and timer.due_ms > due_ms:
                heappush(wakeups, (timer.due_ms, arn))
        return None


def next_timer(execution: Execution) -> Timer | None:
    """Return the earliest timer that still means something."""
    timers = execution.timers
    while timers:
        timer = timers[0]
        if is_valid(execution, timer):
            return timer
        heappop(timers)
    return None


def is_valid(execution: Execution, timer: Timer) -> bool:
    """Whether what the timer was set for is still due at that time."""
    if not execution.is_open:
        return False
    if timer.operation_id:
        return execution.due_of(timer.operation_id) == timer.due_ms
    return timer.due_ms in (execution.timeout_at_ms, execution.retry_at_ms)
