"""Functions whose code runs in another process: what they are sent and what comes back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from durable_core.lowlevel import operation_to_wire

if TYPE_CHECKING:
    from durable_core.lowlevel import ErrorObject, InvocationInput

_HALF_CHARACTER: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""Escapes that are characters in pairs only; alone they are not text that can be stored."""


class RemoteCall(NamedTuple):
    """One call of such a function."""

    request_id: str
    function_name: str
    version: str
    payload: str
    """The event, as JSON."""
    tenant_id: str | None = None
    trace_header: str | None = None
    client_context: str | None = None
    """As JSON."""


class RemoteFunctionError(Exception):
    """The function failed; `error` is what it said, or what was said of it."""

    def __init__(self, error: ErrorObject) -> None:
        super().__init__(error.message)
        self.error = error


class RemoteCode(Protocol):
    """Reaches the process that runs the function."""

    async def call(self, call: RemoteCall, /) -> str:
        """Return what the function answered, as it is.

        Cancelled when nobody waits for the answer any more.

        Raises:
            RemoteFunctionError: It failed.
        """
        ...


def invocation_event(invocation: InvocationInput) -> dict[str, Any]:
    """Return the event of an invocation; its timestamps are milliseconds (2.1, 2.2)."""
    operations = [operation_to_wire(each, in_event=True) for each in invocation.operations]
    return {
        "DurableExecutionArn": invocation.execution_arn,
        "CheckpointToken": invocation.checkpoint_token,
        "InitialExecutionState": {
            "Operations": operations,
            "NextMarker": invocation.next_marker or "",
        },
        "UpdatedOperationIds": sorted(invocation.updated_operation_ids),
    }


def json_or_text(answer: str) -> Any:
    """Return an answer's value; what is no JSON is left as it is, for the service to refuse."""
    try:
        value: Any = json.loads(answer)
        if _HALF_CHARACTER.search(answer):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return answer
    return value
