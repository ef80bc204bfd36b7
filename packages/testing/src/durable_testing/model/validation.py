"""What a batch of updates must satisfy, in the order and the words of the service (service 3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from durable_core.lowlevel import (
    LEGAL_ACTIONS,
    IllegalTransitionError,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
    error_to_wire,
    next_status,
    utf8_size,
)
from durable_testing.model.budget import check_budget
from durable_testing.model.errors import invalid_parameter
from durable_testing.model.requests import StartMode
from durable_testing.model.targets import check_target

if TYPE_CHECKING:
    from durable_core.lowlevel import ErrorObject
    from durable_testing.model.config import ServiceConfig
    from durable_testing.model.errors import ServiceError
    from durable_testing.model.execution import Execution

_START = OperationAction.START
_RETRY = OperationAction.RETRY
_EXECUTION = OperationType.EXECUTION
_STEP = OperationType.STEP
_CONTEXT = OperationType.CONTEXT

_TRANSITION_MESSAGES: dict[tuple[OperationType, OperationAction], str] = {
    (_CONTEXT, OperationAction.START): "Cannot start a CONTEXT that already exist.",
    (_CONTEXT, OperationAction.SUCCEED): "Invalid current CONTEXT state to close.",
    (_CONTEXT, OperationAction.FAIL): "Invalid current CONTEXT state to close.",
    (_STEP, OperationAction.START): "Invalid current STEP state to start.",
    (_STEP, OperationAction.SUCCEED): "Invalid current STEP state to close.",
    (_STEP, OperationAction.FAIL): "Invalid current STEP state to close.",
    (_STEP, OperationAction.RETRY): "Invalid current STEP state to re-attempt.",
    (OperationType.WAIT, OperationAction.START): "Cannot start a WAIT that already exist.",
    (OperationType.WAIT, OperationAction.CANCEL): (
        "Cannot cancel a WAIT that does not exist or has already completed."
    ),
    (OperationType.CALLBACK, OperationAction.START): "Cannot start a CALLBACK that already exist.",
    (OperationType.CHAINED_INVOKE, OperationAction.START): (
        "Cannot start a CHAINED_INVOKE operation that already exists."
    ),
}

_PAYLOADS = {_EXECUTION: "Execution output", OperationType.CHAINED_INVOKE: "CHAINED_INVOKE input"}


class Plan(NamedTuple):
    """A batch that may be applied: the status each update leads to, and what it adds."""

    statuses: list[OperationStatus]
    billed: int
    size: int


class _Staged(NamedTuple):
    """An operation this batch started or closed."""

    update: OperationUpdate
    status: OperationStatus
    is_closed: bool


def plan_batch(
    config: ServiceConfig, execution: Execution, updates: tuple[OperationUpdate, ...]
) -> Plan:
    """Check a whole batch against the records; nothing changes.

    Raises:
        ServiceError: It is refused, all of it.
    """
    _check_execution_is_last(updates)
    staged: dict[str, _Staged] = {}
    statuses: list[OperationStatus] = []
    billed = size = 0
    for update in updates:
        operation_id, kind, action, parent_id = update[:4]
        stored = execution.records.get(operation_id)
        earlier = staged.get(operation_id)
        if earlier is not None and not _may_follow(earlier, update):
            raise invalid_parameter("Cannot update the same operation twice in a single request.")
        if parent_id is not None:
            _check_parent(execution, staged, parent_id)
        known = stored if earlier is None else earlier.update
        if known is not None and kind is not _EXECUTION:
            _check_consistency(known, update)
        size += _check_size(config, execution, update)
        _check_action(config, update)
        status = _next_status(update, _status_before(execution, update, stored, earlier))
        staged[operation_id] = _Staged(update, status, earlier is not None)
        statuses.append(status)
        billed += (known is None and kind is not _EXECUTION) + (action is _RETRY)
    check_budget(config, execution, updates, billed, size)
    return Plan(statuses, billed, size)


def _check_execution_is_last(updates: tuple[OperationUpdate, ...]) -> None:
    places = [place for place, update in enumerate(updates, 1) if update.type is _EXECUTION]
    if len(places) > 1:
        raise invalid_parameter("Cannot checkpoint multiple EXECUTION updates.")
    if places and places[0] != len(updates):
        raise invalid_parameter("EXECUTION checkpoint must be the last update.")


def _may_follow(earlier: _Staged, update: OperationUpdate) -> bool:
    """Whether it is the one closing update that may follow a START of the same batch."""
    first = earlier.update
    return (
        not earlier.is_closed
        and first.type in (_STEP, _CONTEXT)
        and first.action is _START
        and update.action is not _START
    )


def _check_parent(execution: Execution, staged: dict[str, _Staged], parent_id: str) -> None:
    parent = execution.records.get(parent_id)
    if parent is None and parent_id in staged:
        parent = staged[parent_id].update
    if parent is None or parent.type is not _CONTEXT:
        raise invalid_parameter("Invalid parent operation id.")


def _check_consistency(known: Operation | OperationUpdate, update: OperationUpdate) -> None:
    """Refuse an update that contradicts the record; what it leaves out is not compared."""
    _, kind, _, parent_id, name, subtype = update[:6]
    if kind is not known.type:
        raise invalid_parameter("Inconsistent operation type.")
    if subtype is not None and subtype != known.subtype:
        raise invalid_parameter("Inconsistent operation subtype.")
    if name is not None and name != known.name:
        raise invalid_parameter("Inconsistent operation name.")
    if parent_id is not None and parent_id != known.parent_id:
        raise invalid_parameter("Inconsistent parent operation id.")


def check_error_size(config: ServiceConfig, error: ErrorObject) -> int:
    """Return the bytes of an error as compact JSON, when they are not too many."""
    text = json.dumps(error_to_wire(error), ensure_ascii=False, separators=(",", ":"))
    size, limit = utf8_size(text), config.max_error_bytes
    if size > limit:
        message = f"Error object size must be less than or equal to {limit} bytes."
        raise invalid_parameter(message)
    return size


def result_limit(config: ServiceConfig, mode: StartMode) -> int:
    """Bytes an execution's result may have (service 2.3)."""
    is_large = mode in (StartMode.EMBEDDED, StartMode.SYNC)
    return config.max_result_bytes if is_large else config.max_async_result_bytes


def _check_size(config: ServiceConfig, execution: Execution, update: OperationUpdate) -> int:
    """Return the bytes an update writes, when they are not too many."""
    size = 0
    payload, error = update[6:8]
    if payload is not None:
        size = utf8_size(payload)
        limit = _payload_limit(config, execution, update)
        if size > limit:
            raise payload_too_large(_PAYLOADS.get(update.type, f"{update.type} output"), limit)
    if error is not None:
        size += check_error_size(config, error)
    return size


def _payload_limit(config: ServiceConfig, execution: Execution, update: OperationUpdate) -> int:
    if update.type is _EXECUTION:
        return result_limit(config, execution.mode)
    if update.type is OperationType.CHAINED_INVOKE:
        return config.max_invoke_bytes
    return config.max_payload_bytes


def payload_too_large(subject: str, limit: int) -> ServiceError:
    """Say that a payload is over its limit."""
    return invalid_parameter(f"{subject} payload size must be less than or equal to {limit} bytes.")


def _check_action(config: ServiceConfig, update: OperationUpdate) -> None:
    action = update.action
    if action not in LEGAL_ACTIONS[update.type]:
        if update.type is _EXECUTION:
            raise invalid_parameter("Invalid EXECUTION action.")
        raise invalid_parameter("Invalid action for the given operation type.")
    if action is OperationAction.SUCCEED and update.error is not None:
        raise invalid_parameter("Cannot provide an Error for SUCCEED action.")
    if action is OperationAction.FAIL and update.payload is not None:
        raise invalid_parameter("Cannot provide a Payload for FAIL action.")
    _check_options(config, update)


def _check_options(config: ServiceConfig, update: OperationUpdate) -> None:
    is_retry = update.action is _RETRY
    if is_retry != (update.next_attempt_delay_seconds is not None):
        raise invalid_parameter("Invalid StepOptions for the given action.")
    if is_retry and update.payload is not None and update.error is not None:
        raise invalid_parameter("Cannot provide both error and payload to RETRY a STEP.")
    if update.action is not _START:
        return
    if update.type is OperationType.WAIT and update.wait_seconds is None:
        raise invalid_parameter("Update for WAIT operation requires WaitOptions.")
    if update.type is OperationType.CHAINED_INVOKE:
        if update.function_name is None:
            raise invalid_parameter(
                "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions."
            )
        check_target(config, update.function_name, update.tenant_id)


def _status_before(
    execution: Execution,
    update: OperationUpdate,
    stored: Operation | None,
    earlier: _Staged | None,
) -> OperationStatus | None:
    if update.type is _EXECUTION:  # its id is the client's choice (service 3.2)
        return execution.records[execution.id].status
    if earlier is not None:
        return earlier.status
    return None if stored is None else stored.status


def _next_status(update: OperationUpdate, status: OperationStatus | None) -> OperationStatus:
    try:
        return next_status(update.type, status, update.action)
    except IllegalTransitionError:
        raise invalid_parameter(_TRANSITION_MESSAGES[update.type, update.action]) from None
