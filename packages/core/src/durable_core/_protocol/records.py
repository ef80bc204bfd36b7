"""The records of the durable functions protocol (service 1.1, 2, 3.0).

Timestamps are whole milliseconds since the epoch, UTC: what the invocation event carries and what
orders the journal. The wire's other forms (seconds, ISO strings, datetimes) end in `wire`.

Annotations are objects here: a record's are looked at when its class is made, and each string would
be compiled for it, a millisecond of every cold start.
"""

from enum import StrEnum
from typing import NamedTuple


class OperationType(StrEnum):
    """What kind of thing an operation is."""

    EXECUTION = "EXECUTION"
    CONTEXT = "CONTEXT"
    STEP = "STEP"
    WAIT = "WAIT"
    CALLBACK = "CALLBACK"
    CHAINED_INVOKE = "CHAINED_INVOKE"


class OperationSubType(StrEnum):
    """The sub types the SDKs write; free-form for the service."""

    STEP = "Step"
    WAIT = "Wait"
    CALLBACK = "Callback"
    CHAINED_INVOKE = "ChainedInvoke"
    RUN_IN_CHILD_CONTEXT = "RunInChildContext"
    MAP = "Map"
    MAP_ITERATION = "MapIteration"
    PARALLEL = "Parallel"
    PARALLEL_BRANCH = "ParallelBranch"
    WAIT_FOR_CALLBACK = "WaitForCallback"
    WAIT_FOR_CONDITION = "WaitForCondition"


class OperationAction(StrEnum):
    """What an update asks the service to do with an operation."""

    START = "START"
    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    RETRY = "RETRY"
    CANCEL = "CANCEL"


class OperationStatus(StrEnum):
    """Where an operation stands."""

    STARTED = "STARTED"
    PENDING = "PENDING"
    READY = "READY"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"


TERMINAL_STATUSES: frozenset[OperationStatus] = frozenset(
    {
        OperationStatus.SUCCEEDED,
        OperationStatus.FAILED,
        OperationStatus.CANCELLED,
        OperationStatus.TIMED_OUT,
        OperationStatus.STOPPED,
    }
)


class InvocationStatus(StrEnum):
    """What one invocation reports at its end (service 2.3)."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    PENDING = "PENDING"


class ErrorObject(NamedTuple):
    """An error as it is recorded. All fields may be absent."""

    message: str | None = None
    type: str | None = None
    data: str | None = None
    stack_trace: tuple[str, ...] | None = None


class Operation(NamedTuple):
    """A record: an operation as the service last reported it.

    The wire's `…Details` are laid flat; which of the fields after `ended_at_ms` are set depends on
    `type` (service 3.0).
    """

    id: str
    type: OperationType
    status: OperationStatus
    started_at_ms: int
    parent_id: str | None = None
    name: str | None = None
    subtype: str | None = None
    ended_at_ms: int | None = None
    result: str | None = None
    error: ErrorObject | None = None
    attempt: int = 0
    """Completed attempts of a step; the running one is `attempt + 1`."""
    next_attempt_at_ms: int | None = None
    scheduled_end_ms: int | None = None
    callback_id: str | None = None
    replay_children: bool = False
    input_payload: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to the operation any more."""
        return self.status in TERMINAL_STATUSES


class OperationUpdate(NamedTuple):
    """An update we send; the wire's `…Options` are laid flat."""

    id: str
    type: OperationType
    action: OperationAction
    parent_id: str | None = None
    name: str | None = None
    subtype: str | None = None
    payload: str | None = None
    error: ErrorObject | None = None
    replay_children: bool = False
    next_attempt_delay_seconds: int | None = None
    wait_seconds: int | None = None
    timeout_seconds: int | None = None
    heartbeat_timeout_seconds: int | None = None
    function_name: str | None = None
    tenant_id: str | None = None
    trace_header: str | None = None
    """`ChainedInvokeOptions.XAmznTraceId`."""


class CheckpointRequest(NamedTuple):
    """One logical checkpoint call. The client token stays the same when the call is sent again."""

    execution_arn: str
    checkpoint_token: str
    updates: tuple[OperationUpdate, ...]
    client_token: str


class CheckpointResponse(NamedTuple):
    """What changed since the last call, and the token for the next one.

    No token: the batch closed the execution, or the service accepts no further checkpoint from
    this invocation (service 1.3).
    """

    checkpoint_token: str | None
    operations: tuple[Operation, ...] = ()
    next_marker: str | None = None


class StatePage(NamedTuple):
    """One page of recorded operations, in start order."""

    operations: tuple[Operation, ...]
    next_marker: str | None = None


class InvocationInput(NamedTuple):
    """What an invocation starts from (service 2.1)."""

    execution_arn: str
    checkpoint_token: str
    operations: tuple[Operation, ...]
    next_marker: str | None = None
    updated_operation_ids: frozenset[str] = frozenset()


class InvocationOutput(NamedTuple):
    """What an invocation reports (service 2.3)."""

    status: InvocationStatus
    result: str | None = None
    error: ErrorObject | None = None
