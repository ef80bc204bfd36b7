"""Which action is legal in which status: the one table (service 3.2-3.7, 10.2).

The engine checks its own updates against it; the service model enforces it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from durable_core._protocol.records import OperationAction as Action
from durable_core._protocol.records import OperationStatus as Status
from durable_core._protocol.records import OperationType as Type
from durable_core._values.errors import IllegalTransitionError


class Event(StrEnum):
    """What the world, not the handler, does to an operation."""

    DUE = "DUE"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL_BY_WORLD"
    TIME_OUT = "TIME_OUT"
    STOP = "STOP"
    HEARTBEAT = "HEARTBEAT"


Trigger: TypeAlias = Action | Event

_STEP_OPEN: dict[Trigger, Status] = {
    Action.SUCCEED: Status.SUCCEEDED,
    Action.FAIL: Status.FAILED,
    Action.RETRY: Status.PENDING,
}

TRANSITIONS: dict[Type, dict[Status | None, dict[Trigger, Status]]] = {
    Type.EXECUTION: {
        Status.STARTED: {Action.SUCCEED: Status.SUCCEEDED, Action.FAIL: Status.FAILED},
    },
    Type.CONTEXT: {
        None: {Action.START: Status.STARTED},
        Status.STARTED: {Action.SUCCEED: Status.SUCCEEDED, Action.FAIL: Status.FAILED},
    },
    Type.STEP: {
        None: {Action.START: Status.STARTED, **_STEP_OPEN},
        Status.STARTED: {**_STEP_OPEN},
        Status.PENDING: {Event.DUE: Status.READY},
        Status.READY: {Action.START: Status.STARTED, **_STEP_OPEN},
    },
    Type.WAIT: {
        None: {Action.START: Status.STARTED},
        Status.STARTED: {Event.DUE: Status.SUCCEEDED, Action.CANCEL: Status.CANCELLED},
    },
    Type.CALLBACK: {
        None: {Action.START: Status.STARTED},
        Status.STARTED: {
            Event.COMPLETE: Status.SUCCEEDED,
            Event.FAIL: Status.FAILED,
            Event.TIME_OUT: Status.TIMED_OUT,
            Event.HEARTBEAT: Status.STARTED,
        },
    },
    Type.CHAINED_INVOKE: {
        None: {Action.START: Status.STARTED, Event.FAIL: Status.FAILED},
        Status.STARTED: {
            Event.COMPLETE: Status.SUCCEEDED,
            Event.FAIL: Status.FAILED,
            Event.TIME_OUT: Status.TIMED_OUT,
            Event.STOP: Status.STOPPED,
        },
    },
}

LEGAL_ACTIONS: dict[Type, frozenset[Action]] = {
    kind: frozenset(
        trigger for row in rows.values() for trigger in row if isinstance(trigger, Action)
    )
    for kind, rows in TRANSITIONS.items()
}
"""Actions an operation type knows at all, whatever its status."""


def next_status(kind: Type, status: Status | None, trigger: Trigger) -> Status:
    """The status after `trigger`; `status` is None for an operation that does not exist yet.

    Raises:
        IllegalTransitionError: The table has no such row.
    """
    try:
        return TRANSITIONS[kind][status][trigger]
    except KeyError:
        raise IllegalTransitionError(
            f"{trigger} is not legal for a {kind} that is {status or 'absent'}"
        ) from None
