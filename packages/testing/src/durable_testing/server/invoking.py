"""`Invoke`: starts durable executions, calls plain functions (service 1.10)."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from durable_core.lowlevel import ExecutionStatus, utf8_size
from durable_testing.model import ErrorCode, ServiceError, StartMode, StartRequest
from durable_testing.model.errors import conflict, invalid_parameter, not_found
from durable_testing.model.starting import UNQUALIFIED
from durable_testing.model.targets import parse_target
from durable_testing.server.answers import function_error
from durable_testing.server.backend import FunctionAnswer, FunctionCall
from durable_testing.server.calls import Answer, Call
from durable_testing.server.schemas import FunctionPath, InvokeParameters
from durable_testing.server.violations import read_parameters
from durable_testing.server.wire import header_text, invalid_content, service_failure
from durable_testing.store.errors import ExecutionInUseError

if TYPE_CHECKING:
    from durable_core.lowlevel import ErrorObject
    from durable_testing.model import ExecutionDescription, FunctionConfig, ServiceModel

ARN_HEADER: Final = "X-Amz-Durable-Execution-Arn"
VERSION_HEADER: Final = "X-Amz-Executed-Version"
ERROR_HEADER: Final = "X-Amz-Function-Error"
DRY_RUN: Final = "DryRun"


class _Invoke(NamedTuple):
    """An Invoke that has its form."""

    function_name: str
    parameters: InvokeParameters
    payload: str | None
    trace_header: str | None
    client_context: str | None

    @property
    def qualifier(self) -> str | None:
        return self.parameters.qualifier

    @property
    def is_event(self) -> bool:
        return self.parameters.invocation_type == "Event"


async def invoke(call: Call) -> Answer:
    """`Invoke`."""
    request = _read(call)
    function, version = _resolve(call.backend.service.model, request)
    if request.parameters.invocation_type == DRY_RUN:
        return Answer(status=204, headers={VERSION_HEADER: version})
    if function.is_durable:
        return await _start(call, request)
    return await _call_plain(call, request, function, version)


def _read(call: Call) -> _Invoke:
    function = read_parameters(FunctionPath, {"FunctionName": call.label}).function_name
    headers = {
        "InvocationType": call.headers.get("x-amz-invocation-type"),
        "LogType": call.headers.get("x-amz-log-type"),
        "DurableExecutionName": call.headers.get("x-amz-durable-execution-name"),
        "TenantId": call.headers.get("x-amz-tenant-id"),
    }
    given = {key: value for key, value in headers.items() if value is not None}
    trace = call.headers.get("x-amzn-trace-id")
    return _Invoke(
        function,
        read_parameters(InvokeParameters, {**call.query, **given}),
        _payload(call.body),
        None if trace is None else header_text(trace),
        _client_context(call.headers.get("x-amz-client-context")),
    )


def _payload(body: bytes) -> str | None:
    """Return the payload as text; it must be JSON, or nothing at all."""
    if not body:
        return None
    try:
        text = body.decode()
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise invalid_content(f"Could not parse request body into json: {error}") from None
    return text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _client_context(header: str | None) -> str | None:
    """Return the client context as JSON; on the wire it is base64."""
    if header is None:
        return None
    try:
        context: Any = json.loads(b64decode(header, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise invalid_content(
            "Client context must be a valid Base64-encoded JSON object."
        ) from None
    return json.dumps(context)


def _resolve(model: ServiceModel, request: _Invoke) -> tuple[FunctionConfig, str]:
    """Find function and version; a durable function must be named with one."""
    target = parse_target(request.function_name)
    if None not in (target.qualifier, request.qualifier) and target.qualifier != request.qualifier:
        raise invalid_parameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    qualifier = target.qualifier or request.qualifier
    function = model.function(target.name)
    version = None if function is None else function.version_of(qualifier)
    if function is None or version is None:
        raise not_found(f"Function not found: {model.config.function_arn(target.name, qualifier)}")
    if function.is_durable and qualifier is None and model.config.needs_qualifier:
        raise invalid_parameter(UNQUALIFIED)
    return function, version


async def _start(call: Call, request: _Invoke) -> Answer:
    """Start a durable execution, or find it; a synchronous invoke waits for its outcome."""
    start = StartRequest(
        request.function_name,
        request.payload,
        request.parameters.durable_execution_name,
        request.qualifier,
        StartMode.ASYNC if request.is_event else StartMode.SYNC,
        request.parameters.tenant_id,
        request.trace_header,
    )
    backend = call.backend
    try:
        started = await backend.apply(lambda model, now: model.start_execution(start, now))
    except ExecutionInUseError as error:
        raise conflict(str(error)) from error
    arn = started.execution_arn
    if not request.is_event:
        await backend.wait_closed(arn)
    description = await backend.apply(lambda model, _: model.get_execution(arn))
    headers = {ARN_HEADER: arn, VERSION_HEADER: description.version}
    if request.is_event:
        return Answer(status=202, headers=headers)
    return _outcome(description, headers)


def _outcome(description: ExecutionDescription, headers: dict[str, str]) -> Answer:
    if description.status is ExecutionStatus.SUCCEEDED:
        return Answer(description.result or "null", headers=headers)
    return _failed(description.error, headers)


def _failed(error: ErrorObject | None, headers: dict[str, str]) -> Answer:
    return Answer(function_error(error), headers={**headers, ERROR_HEADER: "Unhandled"})


async def _call_plain(
    call: Call, request: _Invoke, function: FunctionConfig, version: str
) -> Answer:
    """Call a plain function; for an Event nobody waits."""
    if request.parameters.durable_execution_name is not None:
        raise invalid_parameter(f"Function {function.name} is not a durable function")
    _check_size(call.backend.service.model, request)
    if call.backend.call_function is None:
        raise service_failure(f"Nothing runs the function {function.name} here")
    answering = call.backend.call_function(
        FunctionCall(
            function.name,
            version,
            request.payload or "{}",
            request.parameters.tenant_id,
            request.trace_header,
            request.client_context,
        )
    )
    headers = {VERSION_HEADER: version}
    if request.is_event:
        call.backend.start(answering)
        return Answer(status=202, headers=headers)
    answer: FunctionAnswer = await answering
    if answer.error is not None:
        return _failed(answer.error, headers)
    return Answer("null" if answer.payload is None else answer.payload, headers=headers)


def _check_size(model: ServiceModel, request: _Invoke) -> None:
    config = model.config
    limit = config.max_async_result_bytes if request.is_event else config.max_result_bytes
    size = utf8_size(request.payload or "")
    if size > limit:
        raise ServiceError(
            ErrorCode.REQUEST_TOO_LARGE,
            f"{size} byte payload is too large for the {request.parameters.invocation_type} "
            f"invocation type (limit {limit} bytes)",
        )
