"""The service's routes: which method and path is which operation (service 1.2)."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from durable_testing.model import ErrorCode, ServiceError
from durable_testing.server.calls import Answer, Call, Operation
from durable_testing.server.executions import (
    checkpoint,
    delete,
    fail_callback,
    get_execution,
    get_history,
    get_state,
    heartbeat_callback,
    list_executions,
    pause,
    resume,
    stop,
    succeed_callback,
)
from durable_testing.server.invoking import invoke
from durable_testing.server.paths import DURABLE_DATE, INVOKE_DATE, Place, place_of
from durable_testing.server.wire import (
    JSON_TYPE,
    ApiError,
    error_response,
    json_response,
    service_failure,
    too_large,
)
from durable_testing.store.errors import ExecutionInUseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import QueryParams

    from durable_testing.server.backend import Backend

logger = logging.getLogger("durable_testing.server")

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Nothing the service takes is larger: 6 MB of payload, escaped."""
_LISTS: Final = frozenset({"Statuses"})
"""Query parameters that may be given more than once."""


class Route(NamedTuple):
    """An operation of the API."""

    name: str
    operation: Operation


_EXECUTIONS: Final = "durable-executions"
_CALLBACKS: Final = "durable-execution-callbacks"

ROUTES: Final[dict[tuple[str, str, str], Route]] = {
    ("POST", _EXECUTIONS, "checkpoint"): Route("CheckpointDurableExecution", checkpoint),
    ("GET", _EXECUTIONS, "state"): Route("GetDurableExecutionState", get_state),
    ("GET", _EXECUTIONS, ""): Route("GetDurableExecution", get_execution),
    ("GET", _EXECUTIONS, "history"): Route("GetDurableExecutionHistory", get_history),
    ("POST", _EXECUTIONS, "stop"): Route("StopDurableExecution", stop),
    ("POST", _EXECUTIONS, "pause"): Route("PauseDurableExecution", pause),
    ("POST", _EXECUTIONS, "resume"): Route("ResumeDurableExecution", resume),
    ("DELETE", _EXECUTIONS, ""): Route("DeleteDurableExecution", delete),
    ("POST", _CALLBACKS, "succeed"): Route("SendDurableExecutionCallbackSuccess", succeed_callback),
    ("POST", _CALLBACKS, "fail"): Route("SendDurableExecutionCallbackFailure", fail_callback),
    ("POST", _CALLBACKS, "heartbeat"): Route(
        "SendDurableExecutionCallbackHeartbeat", heartbeat_callback
    ),
    ("GET", f"{DURABLE_DATE}/functions", "durable-executions"): Route(
        "ListDurableExecutionsByFunction", list_executions
    ),
    ("POST", f"{INVOKE_DATE}/functions", "invocations"): Route("Invoke", invoke),
}


async def answer_request(
    request: Request, backend: Backend, gate: Callable[[str], None] | None
) -> Response:
    """Answer one API request; a refusal is an answer too."""
    try:
        place, route = _find(request)
        if gate is not None:
            gate(route.name)
        query = _query(request.query_params)
        call = Call(backend, place.label, query, request.headers, await _body(request))
        return _response(await route.operation(call))
    except (ServiceError, ApiError) as refusal:
        return error_response(refusal)
    except ExecutionInUseError as error:
        # Each operation may be throttled, and a client tries again: the holder may be done then.
        return error_response(ServiceError(ErrorCode.TOO_MANY_REQUESTS, str(error)))
    except ClientDisconnect:
        return Response(status_code=400)
    except Exception:
        logger.exception("%s %s failed", request.method, request.url.path)
        return error_response(service_failure("Internal error"))


def _find(request: Request) -> tuple[Place, Route]:
    raw_path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    place = place_of(raw_path.decode("latin-1"))
    if place is not None:
        route = ROUTES.get((request.method, place.collection, place.action))
        if route is not None:
            return place, route
        if any(known[1:] == (place.collection, place.action) for known in ROUTES):
            message = f"{request.method} is not allowed here"
            raise ApiError("MethodNotAllowedException", message, status=405)
    raise ApiError("UnknownOperationException", "There is no such operation", status=404)


def _query(parameters: QueryParams) -> dict[str, Any]:
    return {
        key: parameters.getlist(key) if key in _LISTS else parameters[key] for key in parameters
    }


async def _body(request: Request) -> bytes:
    chunks: list[bytes] = []
    room = MAX_BODY_BYTES
    async with aclosing(request.stream()) as stream:
        async for chunk in stream:
            room -= len(chunk)
            if room < 0:
                raise too_large(MAX_BODY_BYTES)
            chunks.append(chunk)
    return b"".join(chunks)


def _response(answer: Answer) -> Response:
    if isinstance(answer.body, str):
        return Response(answer.body, answer.status, answer.headers, JSON_TYPE)
    return json_response(answer.body, answer.status, answer.headers)
