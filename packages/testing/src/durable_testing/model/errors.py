"""The service's modelled errors: code, HTTP status, message member, whose fault (service 1.0)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class ErrorCode(StrEnum):
    """The error types the service answers with."""

    INVALID_PARAMETER_VALUE = "InvalidParameterValueException"
    VALIDATION = "ValidationException"
    SERIALIZATION = "SerializationException"
    RESOURCE_NOT_FOUND = "ResourceNotFoundException"
    RESOURCE_CONFLICT = "ResourceConflictException"
    ALREADY_STARTED = "DurableExecutionAlreadyStartedException"
    CALLBACK_TIMEOUT = "CallbackTimeoutException"
    TOO_MANY_REQUESTS = "TooManyRequestsException"
    REQUEST_TOO_LARGE = "RequestTooLargeException"
    SERVICE = "ServiceException"


class ErrorForm(NamedTuple):
    """How an error looks on the wire."""

    status: int
    member: str
    """The body member that holds the message; its case differs by error."""
    type: str
    """`User` or `Service`."""


ERROR_FORMS: dict[ErrorCode, ErrorForm] = {
    ErrorCode.INVALID_PARAMETER_VALUE: ErrorForm(400, "message", "User"),
    ErrorCode.VALIDATION: ErrorForm(400, "message", "User"),
    ErrorCode.SERIALIZATION: ErrorForm(400, "Message", "User"),
    ErrorCode.RESOURCE_NOT_FOUND: ErrorForm(404, "Message", "User"),
    ErrorCode.RESOURCE_CONFLICT: ErrorForm(409, "message", "User"),
    ErrorCode.ALREADY_STARTED: ErrorForm(409, "Message", "User"),
    ErrorCode.CALLBACK_TIMEOUT: ErrorForm(400, "Message", "User"),
    ErrorCode.TOO_MANY_REQUESTS: ErrorForm(429, "message", "User"),
    ErrorCode.REQUEST_TOO_LARGE: ErrorForm(413, "message", "User"),
    ErrorCode.SERVICE: ErrorForm(500, "Message", "Service"),
}


class ServiceError(Exception):
    """The service refuses a call.

    Attributes:
        code: The modelled error.
        message: What the service says.
        reason: `Reason` of a throttle (429), where one is given.
        retry_after_seconds: `Retry-After` of a throttle.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        reason: str | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds

    @property
    def form(self) -> ErrorForm:
        """The error's wire form."""
        return ERROR_FORMS[self.code]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def invalid_parameter(message: str) -> ServiceError:
    """Return an `InvalidParameterValueException`."""
    return ServiceError(ErrorCode.INVALID_PARAMETER_VALUE, message)


def not_found(message: str) -> ServiceError:
    """Return a `ResourceNotFoundException`."""
    return ServiceError(ErrorCode.RESOURCE_NOT_FOUND, message)


def conflict(message: str) -> ServiceError:
    """Return a `ResourceConflictException`."""
    return ServiceError(ErrorCode.RESOURCE_CONFLICT, message)


INVALID_TOKEN = "Invalid checkpoint token"  # noqa: S105  a message, not a secret
"""Clients compare it, without case: the invocation is superseded and may be retried (1.12)."""
