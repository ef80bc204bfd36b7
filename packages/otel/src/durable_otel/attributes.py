"""Names and values of attributes. What begins with `durable.` is named as AWS's plugin names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from durable_core.lowlevel import OperationStatus, error_type_name

if TYPE_CHECKING:
    from durable_core.lowlevel import OperationDetails

EXECUTION_ARN: Final = "durable.execution.arn"
EXECUTION_STATUS: Final = "durable.execution.status"
INVOCATION_FIRST: Final = "durable.invocation.first"
INVOCATION_STATUS: Final = "durable.invocation.status"
OPERATION_STATUS: Final = "durable.operation.status"
ATTEMPT_NUMBER: Final = "durable.attempt.number"
ATTEMPT_OUTCOME: Final = "durable.attempt.outcome"
TRUNCATED: Final = "durable.span.truncated_at_invocation_boundary"
ERROR_TYPE: Final = "error.type"

MAX_DESCRIPTION: Final = 1024
OK: Final = trace.Status(trace.StatusCode.OK)


def operation_attributes(arn: str, operation: OperationDetails) -> dict[str, Any]:
    """What identifies an operation."""
    found: dict[str, Any] = {
        EXECUTION_ARN: arn,
        "durable.operation.id": operation.operation_id,
        "durable.operation.type": str(operation.type),
    }
    if operation.subtype is not None:
        found["durable.operation.subtype"] = str(operation.subtype)
    if operation.name is not None:
        found["durable.operation.name"] = operation.name
    return found


def describe_end(span: trace.Span, operation: OperationDetails) -> None:
    """Set how the operation ended, and what is known of it then."""
    status = operation.status
    told: dict[str, Any] = {OPERATION_STATUS: str(status)}
    if operation.attempt is not None and operation.type != "CONTEXT":
        told[ATTEMPT_NUMBER] = operation.attempt
    if status == OperationStatus.SUCCEEDED:
        span.set_status(OK)
    elif operation.error_type is not None or operation.error_message is not None:
        told[ERROR_TYPE] = operation.error_type or "Error"
        span.set_status(error_status(operation.error_message or operation.error_type or ""))
    if operation.scheduled_end_ms is not None and operation.started_at_ms is not None:
        told["durable_otel.wait.scheduled_ms"] = (
            operation.scheduled_end_ms - operation.started_at_ms
        )
        if operation.ended_at_ms is not None:
            told["durable_otel.wait.actual_ms"] = operation.ended_at_ms - operation.started_at_ms
    span.set_attributes(told)


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
