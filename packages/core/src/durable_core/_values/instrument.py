"""What plugins see and are made from: hook data and the `Instrumentation` base.

Imported once there is a plugin: a cold start without one does not wait for it.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple


class OperationDetails(NamedTuple):
    """One operation, as a hook sees it. Times are milliseconds since the epoch."""

    operation_id: str
    type: str
    subtype: str | None
    name: str | None
    parent_id: str | None
    status: str
    is_replayed: bool
    """True: it was recorded before this invocation (a continuation, or a replayed result)."""
    attempt: int | None
    """Steps and conditions: the attempt that runs or ran last, from 1."""
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    scheduled_end_ms: int | None = None
    result: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    exception: BaseException | None = None
    """The live exception, where this invocation saw it."""
    replay_children: bool = False
    is_virtual: bool = False


class InvocationDetails(NamedTuple):
    """One invocation, as a hook sees it."""

    execution_arn: str
    execution_name: str | None
    invocation_id: str | None
    host: Any
    """The Lambda context on Lambda, None elsewhere."""
    is_first_invocation: bool
    started_at_ms: int
    """When the execution started."""
    input_payload: str | None
    operations: Mapping[str, Any]
    """The journal's records by id, live: not a copy."""
    updated_operation_ids: frozenset[str]
    now_ms: Callable[[], int]
    """The host's clock, virtual where time is."""


class SuspendedOperation(NamedTuple):
    """What an invocation that ends PENDING waits for."""

    operation_id: str
    type: str
    name: str | None
    resumes_at_ms: int | None


class InvocationOutcome(NamedTuple):
    """How an invocation ended: SUCCEEDED, FAILED, PENDING, or RETRY (raised to the host)."""

    status: str
    error: BaseException | None = None
    result: str | None = None
    suspended_on: tuple[SuspendedOperation, ...] = ()
    replayed_operations: int = 0
    checkpoint_calls: int = 0
    checkpoint_updates: int = 0
    checkpoint_bytes: int = 0


class AttemptOutcome(NamedTuple):
    """How an attempt or a context body ended; INCOMPLETE when it was discarded or suspended."""

    status: str
    exception: BaseException | None = None
    retry_delay_seconds: int | None = None


class CheckpointDetails(NamedTuple):
    """One checkpoint call."""

    updates: int
    size_bytes: int


class Instrumentation:
    """Base for plugins: override what you need. One object serves one invocation."""

    def invocation_start(self, invocation: InvocationDetails, /) -> None:
        """An invocation begins; no workflow code has run."""

    def invocation_end(self, invocation: InvocationDetails, outcome: InvocationOutcome, /) -> None:
        """It ended; nothing of it runs any more."""

    def operation_start(self, operation: OperationDetails, /) -> None:
        """An operation starts, or an unfinished one is taken up again (`is_replayed`)."""

    def operation_replayed(self, operation: OperationDetails, /) -> None:
        """A result of an earlier invocation is handed to the workflow once more."""

    def operation_end(self, operation: OperationDetails, /) -> None:
        """An operation's end is observed for the first time."""

    def operations_changed(self, operations: Sequence[Any], /) -> None:
        """A checkpoint response reported these records."""

    def attempt(
        self, operation: OperationDetails, /
    ) -> AbstractContextManager[Callable[[AttemptOutcome], None] | None] | None:
        """Wrap one attempt of a step or condition, in the task or thread that runs it.

        The manager may yield a function; it is called with the outcome before the exit.
        """

    def context_body(
        self, operation: OperationDetails, /
    ) -> AbstractContextManager[Callable[[AttemptOutcome], None] | None] | None:
        """Wrap the body of a child context, map item or branch, in its task.

        A virtual context (`is_virtual`) has no record, and no other hook tells of it.
        """

    def checkpoint(self, details: CheckpointDetails, /) -> AbstractContextManager[None] | None:
        """Wrap one checkpoint call."""

    def propagate(self, operation: OperationDetails, carrier: MutableMapping[str, str], /) -> None:
        """A chained invoke is about to start; `carrier["X-Amzn-Trace-Id"]` goes on the wire."""

    def log_fields(self) -> Mapping[str, Any] | None:
        """Fields for the workflow's log lines."""
