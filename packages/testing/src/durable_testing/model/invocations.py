"""Invocations: what they start from, and what their end means (service 2.3, 2.4, 10.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import (
    ErrorObject,
    ExecutionStatus,
    InvocationInput,
    InvocationStatus,
    utf8_size,
)
from durable_testing.model.closing import close
from durable_testing.model.envelope import INVALID_OUTPUT, InvalidOutput, read_envelope
from durable_testing.model.lifecycle import ExecutionTrigger
from durable_testing.model.pages import first_page
from durable_testing.model.pausing import come_to_rest
from durable_testing.model.requests import Invocation
from durable_testing.model.text import readable
from durable_testing.model.timers import fire
from durable_testing.model.tokens import rotate_token
from durable_testing.model.validation import result_limit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_core.lowlevel import InvocationOutput
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState

NOTHING_PENDING = "Cannot return PENDING status with no pending operations."
LOST = ErrorObject("The process that ran the invocation is gone.", "Runtime.ExitError")


def begin_invocation(state: ServiceState, execution_arn: str, now_ms: int) -> Invocation | None:
    """Begin the invocation that was asked for; None when it may not run any more."""
    execution = state.executions.get(execution_arn)
    if execution is None:
        return None
    fire(state, execution, now_ms)
    if not execution.is_invocation_due or execution.status is not ExecutionStatus.RUNNING:
        return None
    execution.is_invocation_due = False
    execution.invocation_id = state.new_id()
    execution.invocation_began_ms = max(now_ms, execution.last_stamp_ms)
    execution.invocations += 1
    token = rotate_token(execution)
    updated = frozenset(execution.unseen)
    page = first_page(state.config, execution)
    execution.seen_at_build = execution.touch
    if page.next_marker is None:
        execution.mark_seen(execution.touch)
    execution.report()
    state.mark(execution)
    event = InvocationInput(execution.arn, token, page.operations, page.next_marker, updated)
    return Invocation(
        execution.invocation_id,
        event,
        execution.function_name,
        execution.version,
        execution.tenant_id,
        execution.trace_header,
    )


def end_invocation(
    state: ServiceState, execution_arn: str, invocation_id: str, output: Any, now_ms: int
) -> None:
    """Take what an invocation returned."""
    execution = _in_flight(state, execution_arn, invocation_id)
    if execution is None:
        return
    fire(state, execution, now_ms)
    is_void = execution.is_superseded or not execution.is_open
    checked = None if is_void else _checked(state, execution, output)
    stamp = execution.stamp(now_ms)
    execution.complete_invocation(stamp, _reported_error(checked))
    state.mark(execution)
    execution.failures = 0
    if checked is None:
        _go_on(state, execution)
    elif isinstance(checked, InvalidOutput):
        _end_invalid(state, execution, checked, stamp)
    else:
        _end_valid(state, execution, checked, stamp)


def fail_invocation(
    state: ServiceState, execution_arn: str, invocation_id: str, error: ErrorObject, now_ms: int
) -> None:
    """Take note that an invocation raised or died; nothing of its operations changes."""
    execution = _in_flight(state, execution_arn, invocation_id)
    if execution is None:
        return
    fire(state, execution, now_ms)
    is_void = execution.is_superseded or not execution.is_open
    error = readable(error)
    stamp = execution.stamp(now_ms)
    execution.complete_invocation(stamp, error)
    state.mark(execution)
    if is_void:
        _go_on(state, execution)
        return
    execution.failures += 1
    if execution.failures >= state.config.invocation_attempts:
        close(state, execution, ExecutionTrigger.FAIL, stamp, error=error)
        return
    execution.billed_operations += 1
    delay = state.config.invocation_backoff_seconds * 2 ** (execution.failures - 1)
    retry_at_ms = execution.retry_at_ms = stamp + delay * 1000
    state.arm(execution, retry_at_ms)
    come_to_rest(state, execution, stamp, owes_invocation=True)


def recover_executions(state: ServiceState, executions: Iterable[Execution], now_ms: int) -> None:
    """Go on after the process that held the executions is gone; no invocation of it is left.

    A lost invocation does not count as a failed one: nothing says that it was the workflow's fault.
    Plain functions that had not answered are run again.
    """
    for execution in executions:
        # Whoever was asked for it is gone, too.
        execution.owes_invocation |= execution.is_invocation_due
        execution.is_invocation_due = False
        fire(state, execution, now_ms)
        if execution.invocation_id is not None:
            stamp = execution.stamp(now_ms)
            execution.complete_invocation(stamp, LOST)
            execution.owes_invocation = True
            come_to_rest(state, execution, stamp, owes_invocation=True)
            state.mark(execution)
        if execution.is_open:
            state.effects.extend(execution.dispatches.values())
            _go_on(state, execution)


def _in_flight(state: ServiceState, execution_arn: str, invocation_id: str) -> Execution | None:
    execution = state.executions.get(execution_arn)
    if execution is None or execution.invocation_id != invocation_id:
        return None
    return execution


def _checked(
    state: ServiceState, execution: Execution, output: Any
) -> InvocationOutput | InvalidOutput:
    checked = read_envelope(output)
    if isinstance(checked, InvalidOutput):
        return checked
    limit = result_limit(state.config, execution.mode)
    if utf8_size(checked.result or "") > limit:
        message = f"Execution output payload size must be less than or equal to {limit} bytes."
        return InvalidOutput(message)
    if checked.status is InvocationStatus.PENDING and not _may_wait(execution):
        return InvalidOutput(NOTHING_PENDING, is_strike=True)
    return checked


def _may_wait(execution: Execution) -> bool:
    return execution.pending > 0 or execution.has_news


def _reported_error(checked: InvocationOutput | InvalidOutput | None) -> ErrorObject | None:
    """Return the error that the InvocationCompleted event carries (service 2.3)."""
    if isinstance(checked, InvalidOutput):
        return ErrorObject(checked.message, INVALID_OUTPUT)
    return None if checked is None else checked.error


def _end_invalid(
    state: ServiceState, execution: Execution, invalid: InvalidOutput, stamp_ms: int
) -> None:
    execution.strikes += 1
    if invalid.is_strike and execution.strikes < state.config.pending_strikes:
        come_to_rest(state, execution, stamp_ms, owes_invocation=True)
        state.wake(execution)
        return
    error = ErrorObject(invalid.message, INVALID_OUTPUT)
    close(state, execution, ExecutionTrigger.FAIL, stamp_ms, error=error)


def _end_valid(
    state: ServiceState, execution: Execution, output: InvocationOutput, stamp_ms: int
) -> None:
    execution.strikes = 0
    match output.status:
        case InvocationStatus.SUCCEEDED:
            trigger = ExecutionTrigger.SUCCEED
            close(state, execution, trigger, stamp_ms, result=output.result)
            execution.bytes_written += utf8_size(output.result or "")
        case InvocationStatus.FAILED:
            close(state, execution, ExecutionTrigger.FAIL, stamp_ms, error=output.error)
        case InvocationStatus.PENDING:
            come_to_rest(state, execution, stamp_ms)
            _go_on(state, execution)


def _go_on(state: ServiceState, execution: Execution) -> None:
    """Invoke again when there is something no invocation has seen."""
    if execution.has_news or execution.owes_invocation:
        state.wake(execution)
