"""Names and values of attributes. What begins with `durable.` is named as AWS's plugin names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from durable_core.lowlevel import error_type_name

if TYPE_CHECKING:
    from durable_core.lowlevel import OperationDetails

EXECUTION_ARN: Final = "durable.execution.arn"
EXECUTION_STATUS: Final = "durable.execution.status"
INVOCATION_FIRST: Final = "durable.invocation.first"
INVOCATION_STATUS: Final = "durable.invocation.status"
OPERATION_ID: Final = "durable.operation.id"
OPERATION_TYPE: Final = "durable.operation.type"
OPERATION_SUBTYPE: Final = "durable.operation.subtype"
OPERATION_NAME: Final = "durable.operation.name"
OPERATION_STATUS: Final = "durable.operation.status"
ATTEMPT_NUMBER: Final = "durable.attempt.number"
ATTEMPT_OUTCOME: Final = "durable.attempt.outcome"
TRUNCATED: Final = "durable.span.truncated_at_invocation_boundary"
ERROR_TYPE: Final = "error.type"
WAIT_SCHEDULED: Final = "durable_otel.wait.scheduled_ms"
WAIT_ACTUAL: Final = "durable_otel.wait.actual_ms"

MAX_DESCRIPTION: Final = 1024
OK: Final = trace.Status(trace.StatusCode.OK)


def operation_attributes(arn: str, operation: OperationDetails) -> dict[str, Any]:
    """What identifies an operation."""
    found: dict[str, Any] = {
        EXECUTION_ARN: arn,
        OPERATION_ID: operation.operation_id,
        OPERATION_TYPE: str(operation.type),
    }
    if operation.subtype is not None:
        found[OPERATION_SUBTYPE] = str(operation.subtype)
    if operation.name is not None:
        found[OPERATION_NAME] = operation.name
    return found


def describe_end(found: dict[str, Any], operation: OperationDetails) -> trace.Status | None:
    """Add how the operation ended, and what is known of it then; return the span's status."""
    status, attempt = operation.status, operation.attempt
    found[OPERATION_STATUS] = str(status)
    if attempt is not None and operation.type != "CONTEXT":
        found[ATTEMPT_NUMBER] = attempt
    scheduled_end_ms, started_at_ms = operation.scheduled_end_ms, operation.started_at_ms
    if scheduled_end_ms is not None and started_at_ms is not None:
        found[WAIT_SCHEDULED] = scheduled_end_ms - started_at_ms
        if operation.ended_at_ms is not None:
            found[WAIT_ACTUAL] = operation.ended_at_ms - started_at_ms
    if status == "SUCCEEDED":
        return OK
    error_type, error_message = operation.error_type, operation.error_message
    if error_type is None and error_message is None:
        return None
    found[ERROR_TYPE] = error_type or "Error"
    return error_status(error_message or error_type or "")


def describe_error(span: trace.Span, error: BaseException | None, timestamp_ns: int) -> None:
    """Set that it failed, and with what."""
    if error is None:
        span.set_status(error_status(""))
        return
    span.set_attribute(ERROR_TYPE, error_type_name(type(error)))
    span.record_exception(error, timestamp=timestamp_ns)
    span.set_status(error_status(str(error)))


def error_status(description: str) -> trace.Status:
    """The status of a failure; long messages are cut."""
    return trace.Status(trace.StatusCode.ERROR, description[:MAX_DESCRIPTION])
