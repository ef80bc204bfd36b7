"""The requests' bodies and parameters, with the constraints of the service's shapes (1.1)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from durable_core import lowlevel
from durable_core.lowlevel import (
    ErrorObject,
    ExecutionStatus,
    OperationAction,
    OperationType,
    OperationUpdate,
    parse_timestamp,
)

PAYLOAD_LENGTH: Final = 6_291_456
_YEAR_9999: Final = 253_402_300_800

_ARN: Final = (
    r"arn:([a-zA-Z0-9-]+):lambda:([a-zA-Z0-9-]+):(\d{12}):function:([a-zA-Z0-9_-]+):"
    r"(\$LATEST(?:\.PUBLISHED)?|[0-9]+)/durable-execution/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)"
)
_OPAQUE: Final = r"[A-Za-z0-9+/]+={0,2}"
_NAME: Final = r"[a-zA-Z0-9\-_]+"
_FUNCTION: Final = lowlevel.FUNCTION_NAME_PATTERN.pattern
_QUALIFIER: Final = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9\-_$]+"
_TENANT: Final = r"[a-zA-Z0-9\._:\/=+\-@ ]+"


def _matching(pattern: str, low: int, high: int) -> Any:
    """Return the constraints of a string shape; the service's patterns match whole values."""
    return Field(min_length=low, max_length=high, pattern=f"^(?:{pattern})$")


def whole_pattern(pattern: str) -> str:
    """Return a pattern as the service's model writes it."""
    return pattern.removeprefix("^(?:").removesuffix(")$")


def _milliseconds(value: Any) -> int:
    """Read a timestamp parameter: ISO-8601, or epoch seconds."""
    text = str(value)
    if re.fullmatch(r"\d+(\.\d+)?", text) and float(text) < _YEAR_9999:
        return round(float(text) * 1000)
    milliseconds = parse_timestamp(text)
    if milliseconds is None:
        raise ValueError(text)
    return milliseconds


def _boolean(value: Any) -> bool:
    if value not in ("true", "false", True, False):
        raise ValueError(value)
    return value in ("true", True)


Arn = Annotated[str, _matching(_ARN, 1, 1024)]
Token = Annotated[str, _matching(_OPAQUE, 1, 2048)]
Callback = Annotated[str, _matching(_OPAQUE, 1, 1024)]
ClientToken = Annotated[str, _matching(r"[\x21-\x7E]+", 1, 64)]
OperationId = Annotated[str, _matching(_NAME, 1, 64)]
OperationName = Annotated[str, _matching(r"[\x20-\x7E]+", 1, 256)]
SubType = Annotated[str, _matching(_NAME, 1, 32)]
ExecutionName = Annotated[str, _matching(_NAME, 1, 64)]
FunctionName = Annotated[str, _matching(_FUNCTION, 1, 256)]
Qualifier = Annotated[str, _matching(_QUALIFIER, 1, 128)]
TenantId = Annotated[str, _matching(_TENANT, 1, 256)]
Payload = Annotated[str, Field(max_length=PAYLOAD_LENGTH)]
Reason = Annotated[str, Field(max_length=1024)]
TraceId = Annotated[str, Field(max_length=8192)]
Delay = Annotated[int, Field(ge=1, le=lowlevel.MAX_DELAY_SECONDS)]
Timeout = Annotated[int, Field(ge=0, le=lowlevel.MAX_CALLBACK_TIMEOUT_SECONDS)]
ItemCount = Annotated[int, Field(ge=0, le=1000)]
Flag = Annotated[bool, BeforeValidator(_boolean)]
Timestamp = Annotated[int, BeforeValidator(_milliseconds)]


class Shape(BaseModel):
    """A structure of the service's model: members in PascalCase, unknown ones ignored."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="ignore", frozen=True)


class ErrorShape(Shape):
    """`ErrorObject`."""

    error_message: str | None = None
    error_type: str | None = None
    error_data: str | None = None
    stack_trace: list[str] | None = None

    def record(self) -> ErrorObject:
        """Return the protocol's record of it."""
        stack = None if self.stack_trace is None else tuple(self.stack_trace)
        return ErrorObject(self.error_message, self.error_type, self.error_data, stack)


class ContextOptions(Shape):
    """Options of a CONTEXT update."""

    replay_children: bool | None = None


class StepOptions(Shape):
    """Options of a STEP update."""

    next_attempt_delay_seconds: Delay | None = None


class WaitOptions(Shape):
    """Options of a WAIT update."""

    wait_seconds: Delay | None = None


class CallbackOptions(Shape):
    """Options of a CALLBACK update."""

    timeout_seconds: Timeout | None = None
    heartbeat_timeout_seconds: Timeout | None = None


class ChainedInvokeOptions(Shape):
    """Options of a CHAINED_INVOKE update; the tenant is judged by the service's meaning (3.7)."""

    function_name: FunctionName
    tenant_id: str | None = None
    x_amzn_trace_id: TraceId | None = None


_NO_CONTEXT = ContextOptions()
_NO_STEP = StepOptions()
_NO_WAIT = WaitOptions()
_NO_CALLBACK = CallbackOptions()


class UpdateShape(Shape):
    """`OperationUpdate`."""

    id: OperationId
    type: OperationType
    action: OperationAction
    parent_id: OperationId | None = None
    name: OperationName | None = None
    sub_type: SubType | None = None
    payload: Payload | None = None
    error: ErrorShape | None = None
    context_options: ContextOptions | None = None
    step_options: StepOptions | None = None
    wait_options: WaitOptions | None = None
    callback_options: CallbackOptions | None = None
    chained_invoke_options: ChainedInvokeOptions | None = None

    def record(self) -> OperationUpdate:
        """Return the protocol's record of it."""
        callback = self.callback_options or _NO_CALLBACK
        invoke = self.chained_invoke_options
        return OperationUpdate(
            self.id,
            self.type,
            self.action,
            self.parent_id,
            self.name,
            self.sub_type,
            self.payload,
            self.error and self.error.record(),
            replay_children=(self.context_options or _NO_CONTEXT).replay_children is True,
            next_attempt_delay_seconds=(self.step_options or _NO_STEP).next_attempt_delay_seconds,
            wait_seconds=(self.wait_options or _NO_WAIT).wait_seconds,
            timeout_seconds=callback.timeout_seconds,
            heartbeat_timeout_seconds=callback.heartbeat_timeout_seconds,
            function_name=invoke and invoke.function_name,
            tenant_id=invoke and invoke.tenant_id,
            trace_header=invoke and invoke.x_amzn_trace_id,
        )


class CheckpointBody(Shape):
    """Body of `CheckpointDurableExecution`."""

    checkpoint_token: Token
    updates: list[UpdateShape] | None = None
    client_token: ClientToken | None = None


class PauseBody(Shape):
    """Body of `PauseDurableExecution`."""

    client_token: ClientToken | None = None
    reason: Reason | None = None
    execution_timeout_paused: bool | None = None


class ResumeBody(Shape):
    """Body of `ResumeDurableExecution`."""

    client_token: ClientToken | None = None
    reason: Reason | None = None


class ExecutionPath(Shape):
    """The label of an execution's paths."""

    durable_execution_arn: Arn


class CallbackPath(Shape):
    """The label of a callback's paths; a malformed id is judged by the service's meaning (6)."""

    callback_id: Annotated[str, Field(max_length=1024)]


class FunctionPath(Shape):
    """The label of a function's paths."""

    function_name: FunctionName


class GetParameters(Shape):
    """Query of `GetDurableExecution`."""

    include_execution_data: Flag = True


class StateParameters(Shape):
    """Query of `GetDurableExecutionState`."""

    checkpoint_token: Token
    marker: str | None = None
    max_items: ItemCount | None = None


class HistoryParameters(Shape):
    """Query of `GetDurableExecutionHistory`."""

    include_execution_data: Flag = True
    max_items: ItemCount | None = None
    marker: str | None = None
    reverse_order: Flag = False


class ListParameters(Shape):
    """Query of `ListDurableExecutionsByFunction`."""

    qualifier: Qualifier | None = None
    durable_execution_name: ExecutionName | None = None
    statuses: list[ExecutionStatus] | None = None
    started_after: Timestamp | None = None
    started_before: Timestamp | None = None
    reverse_order: Flag = False
    marker: str | None = None
    max_items: ItemCount | None = None


class InvokeParameters(Shape):
    """Headers and query of `Invoke`."""

    invocation_type: Literal["Event", "RequestResponse", "DryRun"] = "RequestResponse"
    log_type: Literal["None", "Tail"] = "None"
    durable_execution_name: ExecutionName | None = None
    qualifier: Qualifier | None = None
    tenant_id: TenantId | None = None
