"""What is asked of an execution from outside its process, and how it stands in the file."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from durable_core.lowlevel import ErrorObject
from durable_testing.model.errors import ErrorCode, ServiceError
from durable_testing.store.commits import Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_testing.model.service import ServiceModel


class RequestKind(StrEnum):
    """What may be asked."""

    CALLBACK_SUCCEED = "callback_succeed"
    CALLBACK_FAIL = "callback_fail"
    CALLBACK_HEARTBEAT = "callback_heartbeat"
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"

    @property
    def is_for_callback(self) -> bool:
        """Whether the target is a callback's id."""
        return self.value.startswith("callback")


class OutsideRequest(NamedTuple):
    """Something asked of a callback or an execution."""

    kind: RequestKind
    target: str
    """A callback's id, or an execution's ARN."""
    result: str | None = None
    """The answer to a callback."""
    error: ErrorObject | None = None
    """Why a callback fails, or an execution is stopped."""
    reason: str | None = None
    """Of a pause or its end."""
    is_timeout_paused: bool = True
    client_token: str | None = None

    def apply(self, model: ServiceModel, now_ms: int) -> int | None:
        """Ask the model; returns the time of a stop or a deletion.

        Raises:
            ServiceError: It refuses.
        """
        return _APPLY[self.kind](model, self, now_ms)


def _pause(model: ServiceModel, request: OutsideRequest, now_ms: int) -> None:
    model.pause(
        request.target,
        now_ms,
        reason=request.reason,
        is_timeout_paused=request.is_timeout_paused,
        client_token=request.client_token,
    )


def _resume(model: ServiceModel, request: OutsideRequest, now_ms: int) -> None:
    model.resume(request.target, now_ms, reason=request.reason, client_token=request.client_token)


_APPLY: Final[dict[RequestKind, Callable[[ServiceModel, OutsideRequest, int], int | None]]] = {
    RequestKind.CALLBACK_SUCCEED: lambda model, request, now_ms: model.callback_succeed(
        request.target, request.result, now_ms
    ),
    RequestKind.CALLBACK_FAIL: lambda model, request, now_ms: model.callback_fail(
        request.target, request.error, now_ms
    ),
    RequestKind.CALLBACK_HEARTBEAT: lambda model, request, now_ms: model.callback_heartbeat(
        request.target, now_ms
    ),
    RequestKind.STOP: lambda model, request, now_ms: model.stop(
        request.target, request.error, now_ms
    ),
    RequestKind.PAUSE: _pause,
    RequestKind.RESUME: _resume,
    RequestKind.DELETE: lambda model, request, now_ms: model.delete(request.target, now_ms),
}


def leave_request(request_id: str, family: int, request: OutsideRequest) -> Statement:
    """Return the statement that leaves a request for whoever holds the family."""
    return Statement(
        "INSERT INTO requests (id, family, kind, target, payload) VALUES (?, ?, ?, ?, ?)",
        (request_id, family, request.kind.value, request.target, json.dumps(request[2:])),
    )


def answer_request(request_id: str, value: int | None, error: Exception | None) -> Statement:
    """Return the statement that says what became of a request."""
    answer: dict[str, Any] = {"value": value}
    if isinstance(error, ServiceError):
        answer = {"code": error.code.value, "message": error.message}
    return Statement(
        "UPDATE requests SET answer = ? WHERE id = ?", (json.dumps(answer), request_id)
    )


def forget_request(request_id: str) -> Statement:
    """Return the statement that removes a request."""
    return Statement("DELETE FROM requests WHERE id = ?", (request_id,))


def load_request(kind: str, target: str, payload: str) -> OutsideRequest:
    """Read a request."""
    result, error, *rest = json.loads(payload)
    if error is not None:
        message, error_type, data, stack = error
        error = ErrorObject(message, error_type, data, None if stack is None else tuple(stack))
    return OutsideRequest(RequestKind(kind), target, result, error, *rest)


def load_answer(text: str) -> int | None:
    """Return what became of a request.

    Raises:
        ServiceError: It was refused.
    """
    answer = json.loads(text)
    if "code" in answer:
        raise ServiceError(ErrorCode(answer["code"]), answer["message"])
    return answer["value"]
