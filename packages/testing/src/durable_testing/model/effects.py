"""What the host has to do after a call; everything that happens later comes from `fire_due`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from durable_core.lowlevel import ExecutionStatus


class Invoke(NamedTuple):
    """Run an invocation now: `begin_invocation`, the handler, then `end_` or `fail_invocation`."""

    execution_arn: str
    function_name: str
    version: str


class ChainedInvoke(NamedTuple):
    """Run a plain function once, then call `complete_chained_invoke`.

    A durable target needs none of it: its own execution is started and completes the operation.
    """

    execution_arn: str
    operation_id: str
    function_name: str
    version: str
    payload: str | None = None
    tenant_id: str | None = None
    trace_header: str | None = None


class ExecutionClosed(NamedTuple):
    """The execution reached its end; a running invocation of it is void."""

    execution_arn: str
    status: ExecutionStatus


class ExecutionDeleted(NamedTuple):
    """The execution was deleted, or its retention is over."""

    execution_arn: str


Effect: TypeAlias = Invoke | ChainedInvoke | ExecutionClosed | ExecutionDeleted
