"""Chained invokes: who is called, and how the answer comes back (service 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import (
    ErrorObject,
    Event,
    ExecutionStatus,
    Operation,
    OperationType,
    next_status,
    utf8_size,
)
from durable_testing.model.config import LATEST, FunctionConfig
from durable_testing.model.effects import ChainedInvoke
from durable_testing.model.history import EventType, carried, carried_error
from durable_testing.model.requests import StartMode, StartRequest
from durable_testing.model.settling import settle_operation
from durable_testing.model.starting import UNQUALIFIED, latest_version, open_execution
from durable_testing.model.targets import parse_target
from durable_testing.model.text import is_text, readable
from durable_testing.model.timers import fire

if TYPE_CHECKING:
    from durable_core.lowlevel import OperationUpdate
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState

_NOT_TEXT = ErrorObject("CHAINED_INVOKE response could not be decoded as UTF-8.")
_OUTCOMES: dict[ExecutionStatus, Event] = {
    ExecutionStatus.SUCCEEDED: Event.COMPLETE,
    ExecutionStatus.FAILED: Event.FAIL,
    ExecutionStatus.TIMED_OUT: Event.TIME_OUT,
    ExecutionStatus.STOPPED: Event.STOP,
}


def start_invoke(
    state: ServiceState, execution: Execution, operation: Operation, update: OperationUpdate
) -> None:
    """Start a chained invoke; a target that cannot be resolved fails it, not the batch."""
    resolved = _resolve(state, update.function_name or "")
    if isinstance(resolved, ErrorObject):
        _fail_at_once(execution, operation, update, resolved)
        return
    function, version = resolved
    execution.put(operation)
    stamp = operation.started_at_ms
    details = _started_details(update, version)
    if function.is_durable:
        request = StartRequest(
            function.name,
            update.payload,
            mode=StartMode.CHAINED,
            tenant_id=update.tenant_id,
            trace_header=update.trace_header or execution.trace_header,
        )
        parent = (execution.arn, operation.id)
        child = open_execution(state, function, version, request, stamp, parent=parent)
        details["DurableExecutionArn"] = child.arn
    else:
        dispatch = ChainedInvoke(
            execution.arn,
            operation.id,
            function.name,
            version,
            "{}" if update.payload is None else update.payload,
            update.tenant_id,
            update.trace_header or execution.trace_header,
        )
        execution.dispatches[operation.id] = dispatch
        state.effects.append(dispatch)
    execution.append(EventType.CHAINED_INVOKE_STARTED, stamp, operation, details)


def complete_invoke(
    state: ServiceState,
    execution_arn: str,
    operation_id: str,
    now_ms: int,
    *,
    result: str | bytes | None,
    error: ErrorObject | None,
) -> None:
    """Take the outcome of a plain function; one that nobody waits for any more is dropped."""
    execution = state.executions.get(execution_arn)
    if execution is None:
        return
    fire(state, execution, now_ms)
    if error is not None:
        error = readable(error)
    else:
        result, error = _checked_output(state, result)
    trigger = Event.COMPLETE if error is None else Event.FAIL
    text = None if isinstance(result, bytes) else result
    _settle(state, execution, operation_id, trigger, now_ms, result=text, error=error)


def report_children(state: ServiceState) -> None:
    """Hand the outcomes of closed child executions to the operations that wait for them."""
    while state.closed_children:
        child = state.closed_children.pop(0)
        parent = state.executions.get(child.parent_arn or "")
        if parent is None or child.parent_operation_id is None or child.ended_at_ms is None:
            continue
        fire(state, parent, child.ended_at_ms)
        error = child.error
        if child.status is ExecutionStatus.TIMED_OUT:
            message = f"CHAINED_INVOKE timed out after {child.timeout_seconds} seconds."
            error = ErrorObject(message, "ChainedInvoke.Timeout")
        trigger = _OUTCOMES[child.status]
        operation_id = child.parent_operation_id
        _settle(
            state,
            parent,
            operation_id,
            trigger,
            child.ended_at_ms,
            result=child.result,
            error=error,
        )


def _settle(
    state: ServiceState,
    execution: Execution,
    operation_id: str,
    trigger: Event,
    at_ms: int,
    *,
    result: str | None,
    error: ErrorObject | None,
) -> None:
    operation = execution.records.get(operation_id)
    if operation is None or operation.type is not OperationType.CHAINED_INVOKE:
        return
    if not execution.is_open or operation.is_terminal:
        return
    settle_operation(execution, operation, trigger, at_ms, result=result, error=error)
    execution.bytes_written += utf8_size(result or "")
    state.mark(execution)
    state.wake(execution)


def _checked_output(
    state: ServiceState, output: str | bytes | None
) -> tuple[str | None, ErrorObject | None]:
    if isinstance(output, bytes):
        try:
            output = output.decode()
        except UnicodeDecodeError:
            return None, _NOT_TEXT
    if output is not None and not is_text(output):
        return None, _NOT_TEXT
    limit = state.config.max_invoke_bytes
    if output is not None and utf8_size(output) > limit:
        message = f"CHAINED_INVOKE output payload size must be less than or equal to {limit} bytes."
        return None, ErrorObject(message)
    return output, None


def _resolve(state: ServiceState, text: str) -> tuple[FunctionConfig, str] | ErrorObject:
    target = parse_target(text)
    function = state.functions.get(target.name)
    version = None if function is None else function.version_of(target.qualifier)
    if function is None or version is None:
        arn = state.config.function_arn(target.name, target.qualifier or LATEST)
        return ErrorObject(f"Function not found: {arn}", "ResourceNotFoundException")
    if function.is_durable and target.qualifier is None:
        if state.config.needs_qualifier:
            advice = state.config.unqualified_advice.format(name=target.name)
            return ErrorObject(f"{UNQUALIFIED}{advice}", "InvalidParameterValueException")
        return function, latest_version(function)
    return function, version


def _started_details(update: OperationUpdate, version: str) -> dict[str, Any]:
    details: dict[str, Any] = {
        "FunctionName": update.function_name,
        "Input": carried(update.payload),
        "ExecutedVersion": version,
    }
    if update.tenant_id is not None:
        details["TenantId"] = update.tenant_id
    return details


def _fail_at_once(
    execution: Execution, operation: Operation, update: OperationUpdate, error: ErrorObject
) -> None:
    stamp = operation.started_at_ms
    status = next_status(operation.type, None, Event.FAIL)
    failed = operation._replace(status=status, ended_at_ms=stamp, error=error)
    execution.put(failed)
    details = {"FunctionName": update.function_name}
    execution.append(EventType.CHAINED_INVOKE_STARTED, stamp, failed, details)
    details = {"Error": carried_error(error)}
    execution.append(EventType.CHAINED_INVOKE_FAILED, stamp, failed, details)
