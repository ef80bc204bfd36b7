"""Answers on the wire: JSON bodies, seconds for timestamps, errors in the modelled form (1.0)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_testing.model import ServiceError

JSON_TYPE: Final = "application/json"
ERROR_TYPE_HEADER: Final = "x-amzn-ErrorType"
REQUEST_ID_HEADER: Final = "x-amzn-RequestId"


class ApiError(Exception):
    """A refusal the service model does not know: of the front door, not of an execution.

    Attributes:
        code: The error type.
        message: What is wrong.
        status: The HTTP status.
        member: The body member that holds the message; its case differs by error.
    """

    def __init__(self, code: str, message: str, *, status: int, member: str = "message") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.member = member


class ErrorWire(NamedTuple):
    """An error as it goes out."""

    status: int
    code: str
    body: dict[str, Any]
    headers: dict[str, str]


def serialization_error(message: str) -> ApiError:
    """Say that a body or parameter cannot be read at all."""
    return ApiError("SerializationException", message, status=400, member="Message")


def invalid_content(message: str) -> ApiError:
    """Say that the payload of an invoke is no JSON."""
    return ApiError("InvalidRequestContentException", message, status=400)


def too_large(limit: int) -> ApiError:
    """Say that a body is larger than the service reads."""
    return ApiError(
        "RequestTooLargeException", f"Request must be smaller than {limit} bytes", status=413
    )


def service_failure(message: str) -> ApiError:
    """Say that it is the server's fault."""
    return ApiError("ServiceException", message, status=500, member="Message")


def error_wire(error: ServiceError | ApiError) -> ErrorWire:
    """Return an error's status, body and headers."""
    if isinstance(error, ApiError):
        kind = "Service" if error.status >= 500 else "User"  # noqa: PLR2004  HTTP
        body = {"Type": kind, error.member: error.message}
        return ErrorWire(error.status, error.code, body, {ERROR_TYPE_HEADER: error.code})
    form = error.form
    body = {"Type": form.type, form.member: error.message}
    headers = {ERROR_TYPE_HEADER: error.code.value}
    if error.reason is not None:
        body["Reason"] = error.reason
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return ErrorWire(form.status, error.code.value, body, headers)


def error_response(error: ServiceError | ApiError) -> Response:
    """Answer with an error."""
    wire = error_wire(error)
    return json_response(wire.body, wire.status, wire.headers)


def json_response(
    body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a JSON object; ASCII only, so that no string can fail to be encoded."""
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, headers, JSON_TYPE)


def seconds(milliseconds: int) -> float:
    """Return a timestamp as API answers carry it (2.2)."""
    return milliseconds / 1000


def header_text(text: str) -> str:
    """Return text that can stand in a header: printable ASCII, the rest left out."""
    return "".join(character for character in text if " " <= character <= "~")
