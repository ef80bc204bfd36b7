"""Applies a planned batch: records, timers, events, effects (service 10.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import Operation, OperationAction, OperationStatus, OperationType
from durable_testing.model.closing import close
from durable_testing.model.execution import CallbackDeadlines
from durable_testing.model.history import NO_DETAILS, EventType, carried, carried_error
from durable_testing.model.invokes import start_invoke
from durable_testing.model.lifecycle import ExecutionTrigger
from durable_testing.model.settling import EVENT_OF, outcome_details, settle_operation
from durable_testing.model.tokens import new_callback_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core.lowlevel import OperationUpdate
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState
    from durable_testing.model.validation import Plan

    Apply = Callable[[ServiceState, Execution, OperationUpdate, OperationStatus, int], None]


def apply_batch(
    state: ServiceState,
    execution: Execution,
    updates: tuple[OperationUpdate, ...],
    plan: Plan,
    stamp_ms: int,
) -> None:
    """Apply the updates in order, all at one time."""
    execution.billed_operations += plan.billed
    execution.bytes_written += plan.size
    for update, status in zip(updates, plan.statuses, strict=True):
        _APPLY[update.type](state, execution, update, status, stamp_ms)


def _apply_step(
    state: ServiceState,
    execution: Execution,
    update: OperationUpdate,
    status: OperationStatus,
    stamp_ms: int,
) -> None:
    before = execution.records.get(update.id)
    if update.action is OperationAction.START:
        if before is None:
            after = _new(update, status, stamp_ms)
        else:
            after = before._replace(status=status, next_attempt_at_ms=None)
        execution.put(after)
        execution.append(EventType.STEP_STARTED, stamp_ms, after, NO_DETAILS)
        return
    payload, error, _, delay = update[6:10]
    if before is None:
        before = _new(update, status, stamp_ms)
    attempt = before.attempt + 1
    retry = {"CurrentAttempt": attempt}
    if delay is None:
        due_ms, ended_ms = None, stamp_ms
    else:
        due_ms, ended_ms = stamp_ms + delay * 1000, None
        retry["NextAttemptDelaySeconds"] = delay
    operation_id, kind, _, started_ms, parent_id, name, subtype = before[:7]
    identity = (operation_id, kind, status, started_ms, parent_id, name, subtype)
    after = Operation(*identity, ended_ms, payload, error, attempt, due_ms)
    execution.put(after)
    if due_ms is not None:
        state.arm(execution, due_ms, operation_id)
    if error is not None or status is OperationStatus.FAILED:
        event = EventType.STEP_FAILED
        details: Any = {"Error": carried_error(error), "RetryDetails": retry}
    else:
        event = EventType.STEP_SUCCEEDED
        details = {"Result": carried(payload), "RetryDetails": retry}
    execution.append(event, stamp_ms, after, details)


def _apply_context(
    state: ServiceState,  # noqa: ARG001  the table's signature
    execution: Execution,
    update: OperationUpdate,
    status: OperationStatus,
    stamp_ms: int,
) -> None:
    if update.action is OperationAction.START:
        after = _new(update, status, stamp_ms)
        details: Any = NO_DETAILS
    else:
        after = execution.records[update.id]._replace(
            status=status,
            ended_at_ms=stamp_ms,
            result=update.payload,
            error=update.error,
            replay_children=update.replay_children,
        )
        details = outcome_details(after)
    execution.put(after)
    execution.append(EVENT_OF[update.type, status], stamp_ms, after, details)


def _apply_wait(
    state: ServiceState,
    execution: Execution,
    update: OperationUpdate,
    status: OperationStatus,
    stamp_ms: int,
) -> None:
    if update.action is OperationAction.CANCEL:
        settle_operation(execution, execution.records[update.id], update.action, stamp_ms)
        return
    seconds = update.wait_seconds or 0
    due_ms = stamp_ms + seconds * 1000
    wait = _new(update, status, stamp_ms)._replace(scheduled_end_ms=due_ms)
    execution.put(wait)
    state.arm(execution, due_ms, update.id)
    details = {"Duration": seconds, "ScheduledEndTimestamp": due_ms}
    execution.append(EventType.WAIT_STARTED, stamp_ms, wait, details)


def _apply_callback(
    state: ServiceState,
    execution: Execution,
    update: OperationUpdate,
    status: OperationStatus,
    stamp_ms: int,
) -> None:
    callback_id = new_callback_id(state.new_id())
    callback = _new(update, status, stamp_ms)._replace(callback_id=callback_id)
    timeout, heartbeat = update.timeout_seconds, update.heartbeat_timeout_seconds
    deadlines = CallbackDeadlines(
        stamp_ms + timeout * 1000 if timeout else None,
        heartbeat or None,
        stamp_ms + heartbeat * 1000 if heartbeat else None,
    )
    execution.callbacks[update.id] = deadlines
    state.callbacks[callback_id] = (execution.arn, update.id)
    execution.put(callback)
    if (due_ms := deadlines.due_ms) is not None:
        state.arm(execution, due_ms, update.id)
    details: dict[str, Any] = {"CallbackId": callback_id}
    if timeout:
        details["Timeout"] = timeout
    if heartbeat:
        details["HeartbeatTimeout"] = heartbeat
    execution.append(EventType.CALLBACK_STARTED, stamp_ms, callback, details)


def _apply_invoke(
    state: ServiceState,
    execution: Execution,
    update: OperationUpdate,
    status: OperationStatus,
    stamp_ms: int,
) -> None:
    start_invoke(state, execution, _new(update, status, stamp_ms), update)


def _apply_execution(
    state: ServiceState,
    execution: Execution,
    update: OperationUpdate,
    status: OperationStatus,
    stamp_ms: int,
) -> None:
    has_succeeded = status is OperationStatus.SUCCEEDED
    trigger = ExecutionTrigger.SUCCEED if has_succeeded else ExecutionTrigger.FAIL
    # Its invocation counts as over here, so that the terminal event is the last one (service 4).
    execution.complete_invocation(stamp_ms)
    close(state, execution, trigger, stamp_ms, result=update.payload, error=update.error)


def _new(update: OperationUpdate, status: OperationStatus, stamp_ms: int) -> Operation:
    operation_id, kind, _, parent_id, name, subtype = update[:6]
    return Operation(operation_id, kind, status, stamp_ms, parent_id, name, subtype)


_APPLY: dict[OperationType, Apply] = {
    OperationType.STEP: _apply_step,
    OperationType.CONTEXT: _apply_context,
    OperationType.WAIT: _apply_wait,
    OperationType.CALLBACK: _apply_callback,
    OperationType.CHAINED_INVOKE: _apply_invoke,
    OperationType.EXECUTION: _apply_execution,
}
