"""What an invocation returned, and whether that is an answer (service 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from durable_core.lowlevel import (
    InvocationOutput,
    InvocationStatus,
    error_from_wire,
)
from durable_testing.model.text import is_error, is_text

INVALID_OUTPUT = "InvalidParameterValueException"
"""The error type of every execution that fails for its invocation's output."""

_INVALID_STATUS = "Invalid Status in invocation output."
_STATUSES = {status.value: status for status in InvocationStatus}


class InvalidOutput(NamedTuple):
    """An output the service does not accept."""

    message: str
    is_strike: bool = False
    """A PENDING with nothing pending: tried again a few times before it fails the execution."""


def read_envelope(output: Any) -> InvocationOutput | InvalidOutput:
    """Read an invocation's response, given as a record or as the JSON it sent."""
    if not isinstance(output, InvocationOutput):
        output = _from_json(output)
    if isinstance(output, InvalidOutput):
        return output
    is_readable = output.result is None or is_text(output.result)
    if not is_readable or (output.error is not None and not is_error(output.error)):
        return InvalidOutput(_INVALID_STATUS)
    if output.status is InvocationStatus.FAILED and output.result:
        return InvalidOutput("Cannot provide a Result for FAILED status.")
    if output.status is InvocationStatus.SUCCEEDED and output.error is not None:
        return InvalidOutput("Cannot provide an Error for SUCCEEDED status.")
    return output


def _from_json(value: Any) -> InvocationOutput | InvalidOutput:
    if not isinstance(value, Mapping):
        return InvalidOutput(_INVALID_STATUS)
    envelope = cast("Mapping[str, Any]", value)
    status = envelope.get("Status")
    if not isinstance(status, str) or status not in _STATUSES:
        return InvalidOutput(_INVALID_STATUS)
    result, error = envelope.get("Result"), envelope.get("Error")
    if not isinstance(result, str | None) or not isinstance(error, Mapping | None):
        return InvalidOutput(_INVALID_STATUS)
    wire = cast("Mapping[str, Any] | None", error)
    if wire is not None and not isinstance(wire.get("StackTrace"), list | tuple | None):
        return InvalidOutput(_INVALID_STATUS)
    return InvocationOutput(_STATUSES[status], result, error_from_wire(wire))
