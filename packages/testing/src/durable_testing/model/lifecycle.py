"""What can happen to an execution in which status: the one table (service 10.1)."""

from __future__ import annotations

from enum import StrEnum

from durable_core.lowlevel import ExecutionStatus as Status
from durable_testing.model.errors import ServiceError, conflict


class ExecutionTrigger(StrEnum):
    """What happens to an execution."""

    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    TIME_OUT = "TIME_OUT"
    STOP = "STOP"
    PAUSE = "PAUSE"
    COME_TO_REST = "COME_TO_REST"
    """Its invocation ended or checkpointed while a pause was asked for."""
    RESUME = "RESUME"
    DELETE = "DELETE"


_CLOSE = {
    ExecutionTrigger.SUCCEED: Status.SUCCEEDED,
    ExecutionTrigger.FAIL: Status.FAILED,
    ExecutionTrigger.TIME_OUT: Status.TIMED_OUT,
    ExecutionTrigger.STOP: Status.STOPPED,
}

EXECUTION_TRANSITIONS: dict[Status, dict[ExecutionTrigger, Status]] = {
    Status.RUNNING: {**_CLOSE, ExecutionTrigger.PAUSE: Status.PAUSING},
    Status.PAUSING: {
        **_CLOSE,
        ExecutionTrigger.COME_TO_REST: Status.PAUSED,
        ExecutionTrigger.RESUME: Status.RUNNING,
    },
    Status.PAUSED: {
        ExecutionTrigger.TIME_OUT: Status.TIMED_OUT,
        ExecutionTrigger.STOP: Status.STOPPED,
        ExecutionTrigger.RESUME: Status.RUNNING,
    },
    Status.SUCCEEDED: {ExecutionTrigger.DELETE: Status.DELETING},
    Status.FAILED: {ExecutionTrigger.DELETE: Status.DELETING},
    Status.TIMED_OUT: {ExecutionTrigger.DELETE: Status.DELETING},
    Status.STOPPED: {ExecutionTrigger.DELETE: Status.DELETING},
    Status.DELETING: {},
}

OPEN_STATUSES = frozenset({Status.RUNNING, Status.PAUSING, Status.PAUSED})


def next_execution_status(status: Status, trigger: ExecutionTrigger) -> Status:
    """Return the status after `trigger`.

    Raises:
        ServiceError: ResourceConflict, the table has no such row.
    """
    try:
        return EXECUTION_TRANSITIONS[status][trigger]
    except KeyError:
        raise refusal(status, trigger) from None


def refusal(status: Status, trigger: ExecutionTrigger) -> ServiceError:
    """Say that a trigger does not fit the status."""
    return conflict(f"Cannot {trigger.lower()} a durable execution that is {status}.")
