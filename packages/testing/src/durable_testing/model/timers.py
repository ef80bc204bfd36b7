"""What becomes due: waits, retries, callback deadlines, timeouts, re-invocations, retention."""

from __future__ import annotations

from heapq import heappop
from typing import TYPE_CHECKING

from durable_core.lowlevel import ErrorObject, Event, Operation, OperationType, next_status
from durable_testing.model.closing import close
from durable_testing.model.effects import ExecutionDeleted
from durable_testing.model.lifecycle import ExecutionTrigger
from durable_testing.model.settling import settle_operation
from durable_testing.model.state import is_valid, next_timer

if TYPE_CHECKING:
    from durable_testing.model.execution import Execution, Timer
    from durable_testing.model.state import ServiceState

TIMEOUT_ERROR = ErrorObject("Callback timed out", "Callback.Timeout")
HEARTBEAT_ERROR = ErrorObject("Callback timed out on heartbeat", "Callback.Heartbeat")


def fire(state: ServiceState, execution: Execution, now_ms: int) -> None:
    """Let everything happen to one execution that is due by now, in due order."""
    timers = execution.timers
    if not timers or timers[0].due_ms > now_ms:
        return
    touch = execution.touch
    while (timer := next_timer(execution)) is not None and timer.due_ms <= now_ms:
        heappop(timers)
        if timer.operation_id:
            _fire_operation(execution, execution.records[timer.operation_id], timer)
        elif timer.due_ms == execution.retry_at_ms:
            execution.retry_at_ms = None
            execution.owes_invocation = True
            state.wake(execution)
        else:
            _time_out(state, execution, timer.due_ms)
        state.mark(execution)
    if execution.touch > touch:
        state.wake(execution)


def fire_everything(state: ServiceState, now_ms: int) -> None:
    """Let everything happen that is due by now."""
    while (wakeup := state.next_wakeup()) is not None and wakeup[0] <= now_ms:
        fire(state, wakeup[1], now_ms)
    for ends in (state.deletions, state.expiries):
        while ends and ends[0][0] <= now_ms:
            _forget(state, heappop(ends)[1])


def _forget(state: ServiceState, execution_arn: str) -> None:
    execution = state.executions.get(execution_arn)
    if execution is not None:
        state.remove(execution)
        state.changed.pop(execution_arn, None)
    elif execution_arn in state.deleted or not state.archive.may_discard(execution_arn):
        return
    state.deleted.append(execution_arn)
    state.effects.append(ExecutionDeleted(execution_arn))


def _fire_operation(execution: Execution, operation: Operation, timer: Timer) -> None:
    match operation.type:
        case OperationType.STEP:
            status = next_status(operation.type, operation.status, Event.DUE)
            execution.put(operation._replace(status=status, next_attempt_at_ms=None))
        case OperationType.WAIT:
            settle_operation(execution, operation, Event.DUE, timer.due_ms)
        case _:
            is_heartbeat = execution.callbacks[operation.id].is_heartbeat
            error = HEARTBEAT_ERROR if is_heartbeat else TIMEOUT_ERROR
            settle_operation(execution, operation, Event.TIME_OUT, timer.due_ms, error=error)


def _time_out(state: ServiceState, execution: Execution, due_ms: int) -> None:
    template = state.config.timeout_message
    seconds = execution.timeout_seconds
    error = None if template is None else ErrorObject(template.format(seconds=seconds))
    stamp = execution.stamp(due_ms)
    close(state, execution, ExecutionTrigger.TIME_OUT, stamp, error=error)


def next_operation_due(execution: Execution) -> int | None:
    """When the earliest of an execution's operations or its next attempt is due."""
    valid = [
        timer.due_ms
        for timer in execution.timers
        if is_valid(execution, timer)
        and (timer.operation_id or timer.due_ms == execution.retry_at_ms)
    ]
    return min(valid, default=None)
