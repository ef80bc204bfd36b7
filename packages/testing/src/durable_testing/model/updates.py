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
    if before is None:
        before = _new(update, status, stamp_ms)
    if update.action is OperationAction.START:
        after = before._replace(status=status, next_attempt_at_ms=None)
        details: Any = NO_DETAILS
    else:
        delay = update.next_attempt_delay_seconds
        due_ms = None if delay is None else stamp_ms + delay * 1000
        after = _attempted(before, update, status, stamp_ms, due_ms)
        details = _attempt_details(after, update)
    execution.put(after)
    if after.next_attempt_at_ms is not None:
        state.arm(execution, after.next_attempt_at_ms, update.id)
    execution.append(_step_event(update, status), stamp_ms, after, details)


def _attempted(
    before: Operation,
    update: OperationUpdate,
    status: OperationStatus,
    stamp_ms: int,
    due_ms: int | None,
) -> Operation:
    """Return a step's record after an attempt."""
    return Operation(
        before.id,
        before.type,
        status,
        before.started_at_ms,
        before.parent_id,
        before.name,
        before.subtype,
        stamp_ms if due_ms is None else None,
        update.payload,
        update.error,
        before.attempt + 1,
        due_ms,
    )


def _step_event(update: OperationUpdate, status: OperationStatus) -> EventType:
    if status is OperationStatus.PENDING:
        return EventType.STEP_SUCCEEDED if update.error is None else EventType.STEP_FAILED
    return EVENT_OF[update.type, status]


def _attempt_details(step: Operation, update: OperationUpdate) -> dict[str, Any]:
    retry: dict[str, Any] = {"CurrentAttempt": step.attempt}
    if update.next_attempt_delay_seconds is not None:
        retry["NextAttemptDelaySeconds"] = update.next_attempt_delay_seconds
    if step.status is OperationStatus.FAILED or step.error is not None:
        return {"Error": carried_error(step.error), "RetryDetails": retry}
    return {"Result": carried(step.result), "RetryDetails": retry}


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
    return Operation(
        update.id, update.type, status, stamp_ms, update.parent_id, update.name, update.subtype
    )


_APPLY: dict[OperationType, Apply] = {
    OperationType.STEP: _apply_step,
    OperationType.CONTEXT: _apply_context,
    OperationType.WAIT: _apply_wait,
    OperationType.CALLBACK: _apply_callback,
    OperationType.CHAINED_INVOKE: _apply_invoke,
    OperationType.EXECUTION: _apply_execution,
}
