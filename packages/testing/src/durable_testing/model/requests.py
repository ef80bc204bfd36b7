"""What callers hand in and get back, apart from the protocol's own records."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from durable_core.lowlevel import ErrorObject, ExecutionStatus, InvocationInput
    from durable_testing.model.history import HistoryEvent


class StartMode(StrEnum):
    """Who starts an execution: decides its front-door rules and how large a result may be."""

    EMBEDDED = "EMBEDDED"
    """A local engine: no qualifier needed, no 15-minute rule, results up to 6 MB."""
    SYNC = "RequestResponse"
    ASYNC = "Event"
    CHAINED = "CHAINED"


class StartRequest(NamedTuple):
    """An Invoke of a durable function (service 1.10)."""

    function_name: str
    """Any form Invoke takes: name, name:qualifier, partial or full ARN."""
    payload: str | None = None
    name: str | None = None
    """The execution's name; None: the service makes one."""
    qualifier: str | None = None
    mode: StartMode = StartMode.EMBEDDED
    tenant_id: str | None = None
    trace_header: str | None = None


class Started(NamedTuple):
    """The execution behind a start; `is_new` is False when the name was already started with it."""

    execution_arn: str
    is_new: bool


class Invocation(NamedTuple):
    """An invocation that has begun."""

    invocation_id: str
    input: InvocationInput
    function_name: str
    version: str
    tenant_id: str | None = None
    trace_header: str | None = None


class PauseDetails(NamedTuple):
    """A pause that is asked for or in force."""

    requested_at_ms: int
    reason: str | None
    is_timeout_paused: bool


class ExecutionDescription(NamedTuple):
    """What `GetDurableExecution` reports (service 1.5)."""

    execution_arn: str
    name: str
    function_name: str
    function_arn: str
    version: str
    status: ExecutionStatus
    started_at_ms: int
    ended_at_ms: int | None
    input_payload: str | None
    result: str | None
    error: ErrorObject | None
    trace_header: str | None
    execution_timeout_seconds: int
    retention_days: int
    expected_timeout_at_ms: int | None
    """When it will time out; None once it is closed."""
    pause: PauseDetails | None
    invocations: int
    """Invocations begun so far."""
    billed_operations: int
    bytes_written: int


class ExecutionSummary(NamedTuple):
    """One row of `ListDurableExecutionsByFunction`."""

    execution_arn: str
    name: str
    function_name: str
    function_arn: str
    status: ExecutionStatus
    started_at_ms: int
    ended_at_ms: int | None


class ListQuery(NamedTuple):
    """The filters of `ListDurableExecutionsByFunction` (service 1.7)."""

    qualifier: str | None = None
    name: str | None = None
    statuses: tuple[ExecutionStatus, ...] = ()
    started_after_ms: int | None = None
    started_before_ms: int | None = None
    oldest_first: bool = False
    """The wire's `ReverseOrder`."""
    marker: str | None = None
    max_items: int | None = None


class ExecutionPage(NamedTuple):
    """One page of executions."""

    executions: tuple[ExecutionSummary, ...]
    next_marker: str | None = None


class HistoryQuery(NamedTuple):
    """The options of `GetDurableExecutionHistory`; `event_to_wire` leaves the data out."""

    newest_first: bool = False
    """The wire's `ReverseOrder`."""
    marker: str | None = None
    max_items: int | None = None


class HistoryPage(NamedTuple):
    """One page of history."""

    events: tuple[HistoryEvent, ...]
    next_marker: str | None = None
