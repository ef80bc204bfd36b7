"""How an execution begins: the front door's rules, names, the first event (service 1.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import (
    EXECUTION_NAME_PATTERN,
    Operation,
    OperationStatus,
    OperationType,
    utf8_size,
)
from durable_testing.model.config import MAX_SYNC_TIMEOUT_SECONDS, FunctionConfig
from durable_testing.model.errors import ErrorCode, ServiceError, invalid_parameter, not_found
from durable_testing.model.execution import Execution
from durable_testing.model.history import EventType, carried
from durable_testing.model.requests import Started, StartMode, StartRequest
from durable_testing.model.shapes import check_text, pattern_violation, shape_error
from durable_testing.model.targets import parse_target

if TYPE_CHECKING:
    from durable_testing.model.state import ServiceState

UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."


def start_execution(state: ServiceState, request: StartRequest, now_ms: int) -> Started:
    """Start an execution, or find the one that was started under its name."""
    function, version = _resolve(state, request)
    _check_request(state, request, function)
    name = request.name or state.new_id()
    arn = state.names.get((function.name, name)) or state.archive.reserve(function.name, name)
    if arn is not None:
        started = _already_started(state.look(arn), request, version)
        if state.look(arn).is_open:
            state.execution(arn)
        return started
    execution = open_execution(state, function, version, request._replace(name=name), now_ms)
    return Started(execution.arn, is_new=True)


def open_execution(
    state: ServiceState,
    function: FunctionConfig,
    version: str,
    request: StartRequest,
    at_ms: int,
    *,
    parent: tuple[str, str] | None = None,
) -> Execution:
    """Begin an execution; `parent` is the chained invoke (ARN, operation id) that waits for it."""
    name = request.name or state.new_id()
    operation_id = state.new_id()
    function_arn = state.config.function_arn(function.name, version)
    arn = f"{function_arn}/durable-execution/{name}/{operation_id}"
    execution = Execution(arn, operation_id, name, function.name)
    execution.version = version
    execution.mode = request.mode
    execution.tenant_id = request.tenant_id
    execution.trace_header = request.trace_header
    execution.parent_arn, execution.parent_operation_id = parent or (None, None)
    execution.retention_days = function.retention_days
    execution.timeout_seconds = function.execution_timeout_seconds or 0
    execution.billed_operations = 1
    execution.bytes_written = utf8_size(request.payload or "")
    stamp = execution.started_at_ms = execution.stamp(at_ms)
    _record_start(execution, request.payload, stamp)
    state.add(execution)
    execution.timeout_at_ms = stamp + execution.timeout_seconds * 1000
    state.arm(execution, execution.timeout_at_ms)
    state.mark(execution)
    state.wake(execution)
    return execution


def _record_start(execution: Execution, payload: str | None, stamp_ms: int) -> None:
    record = Operation(
        execution.id,
        OperationType.EXECUTION,
        OperationStatus.STARTED,
        stamp_ms,
        name=execution.name,
        input_payload=payload,
    )
    execution.put(record)
    details = {"Input": carried(payload), "ExecutionTimeout": execution.timeout_seconds}
    execution.append(EventType.EXECUTION_STARTED, stamp_ms, record, details)


def _resolve(state: ServiceState, request: StartRequest) -> tuple[FunctionConfig, str]:
    target = parse_target(request.function_name)
    qualifier = request.qualifier or target.qualifier
    function = state.functions.get(target.name)
    if function is None:
        raise not_found(f"Function not found: {state.config.function_arn(target.name, qualifier)}")
    if not function.is_durable:
        raise invalid_parameter(f"Function {function.name} is not a durable function")
    if qualifier is None:
        return function, _unqualified(state, function, request.mode)
    version = function.version_of(qualifier)
    if version is None:
        raise not_found(f"Function not found: {state.config.function_arn(target.name, qualifier)}")
    return function, version


def _unqualified(state: ServiceState, function: FunctionConfig, mode: StartMode) -> str:
    if mode is not StartMode.EMBEDDED and state.config.needs_qualifier:
        raise invalid_parameter(UNQUALIFIED)
    return latest_version(function)


def latest_version(function: FunctionConfig) -> str:
    """Return the version an unqualified name means where that is allowed."""
    return function.versions[-1]


def _check_request(state: ServiceState, request: StartRequest, function: FunctionConfig) -> None:
    check_text("payload", request.payload)
    check_text("tenantId", request.tenant_id)
    check_text("traceHeader", request.trace_header)
    if request.name is not None and not EXECUTION_NAME_PATTERN.fullmatch(request.name):
        raise shape_error(
            pattern_violation("durableExecutionName", request.name, EXECUTION_NAME_PATTERN)
        )
    seconds = function.execution_timeout_seconds or 0
    if request.mode is StartMode.SYNC and seconds > MAX_SYNC_TIMEOUT_SECONDS:
        raise invalid_parameter(
            "You cannot synchronously invoke a durable function with an executionTimeout greater "
            "than 15 minutes."
        )
    is_async = request.mode is StartMode.ASYNC
    limit = state.config.max_async_result_bytes if is_async else state.config.max_result_bytes
    size = utf8_size(request.payload or "")
    if size > limit:
        raise ServiceError(
            ErrorCode.REQUEST_TOO_LARGE,
            f"{size} byte payload is too large for the {request.mode} invocation type "
            f"(limit {limit} bytes)",
        )


def _already_started(execution: Execution, request: StartRequest, version: str) -> Started:
    payload = execution.records[execution.id].input_payload
    if payload == request.payload and version == execution.version:
        return Started(execution.arn, is_new=False)
    raise ServiceError(ErrorCode.ALREADY_STARTED, f"Execution already started: {execution.arn}")
