"""What Lambda hands a handler: the durable invocation event, and its context object."""

from typing import TYPE_CHECKING, Any, NamedTuple

from durable_core import ValidationError
from durable_core.lowlevel import InvocationInput, invocation_from_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED_KEYS = ("DurableExecutionArn", "CheckpointToken", "InitialExecutionState")

_REMEDY = (
    "Create the function with DurableConfig: {ExecutionTimeout: seconds} (it cannot be added to an "
    "existing function) and invoke it by a qualified name: a version, an alias or $LATEST. To run "
    "the workflow without Lambda, use durable_testing."
)


def read_event(event: Any) -> InvocationInput:
    """Read an invocation event (service 2.1); raises `ValidationError` for any other."""
    if not hasattr(event, "get"):
        raise ValidationError(
            f"this event is not a durable invocation but a {type(event).__name__}. {_REMEDY}"
        )
    members: Mapping[str, Any] = event
    missing = [key for key in REQUIRED_KEYS if not members.get(key)]
    if missing:
        raise ValidationError(
            f"this event is not a durable invocation: no {', '.join(missing)} in it. {_REMEDY}"
        )
    try:
        return invocation_from_wire(members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValidationError(
            f"the state in this invocation's event cannot be read: {error!r}. Is the service, or "
            "an emulator, newer than this package?"
        ) from error


class LambdaInvocation(NamedTuple):
    """What the Lambda context object says of one invocation."""

    request_id: str | None
    tenant_id: str | None
    remaining_ms: int | None


def read_context(lambda_context: Any) -> LambdaInvocation:
    """Read a Lambda context; a bare stand-in, or None, says nothing and limits nothing."""
    remaining = getattr(lambda_context, "get_remaining_time_in_millis", None)
    return LambdaInvocation(
        getattr(lambda_context, "aws_request_id", None),
        getattr(lambda_context, "tenant_id", None),
        None if remaining is None else int(remaining()),
    )
