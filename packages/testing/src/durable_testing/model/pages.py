"""Records in pages: the whole state, or what changed, in start order (service 1.3, 1.4, 2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durable_core.lowlevel import Operation, OperationStatus, StatePage, utf8_size
from durable_testing.model.tokens import marker_kind, marker_of, read_marker

if TYPE_CHECKING:
    from durable_testing.model.config import ServiceConfig
    from durable_testing.model.execution import Execution

WHOLE: Final = "state"
"""Marker kind: the position in the start order to go on from."""
DELTA: Final = "delta"
"""Marker kind: the watermark whose changes are listed, then the position."""
_RECORD_BYTES: Final = 256
"""What a record takes on a page beside its payloads."""


def record_size(operation: Operation) -> int:
    """Bytes a record takes on a page, roughly."""
    size = _RECORD_BYTES
    if operation.result is not None:
        size += utf8_size(operation.result)
    if operation.input_payload is not None:
        size += utf8_size(operation.input_payload)
    if operation.error is not None:
        size += sum(utf8_size(text) for text in operation.error[:3] if text is not None)
        size += sum(map(utf8_size, operation.error.stack_trace or ()))
    return size


def is_hidden(execution: Execution, operation: Operation) -> bool:
    """Whether a closed context around it makes it needless: one without ReplayChildren."""
    parent_id = operation.parent_id
    while parent_id is not None:
        parent = execution.records[parent_id]
        if parent.status is not OperationStatus.STARTED and not parent.replay_children:
            return True
        parent_id = parent.parent_id
    return False


def first_page(config: ServiceConfig, execution: Execution) -> StatePage:
    """Return the page that goes into the invocation event; it may be empty."""
    count = config.first_page_operations
    if count is None:
        count = config.state_page_operations
    return _whole_page(config, execution, 0, count, may_be_empty=True)


def state_page(
    config: ServiceConfig, execution: Execution, marker: str | None, max_items: int | None
) -> StatePage:
    """Return the page behind a marker, or the first one; never an empty one that goes on."""
    count = max_items or config.state_page_operations
    if not marker:
        return _whole_page(config, execution, 0, count)
    if marker_kind(marker) == DELTA:
        since, position = read_marker(marker, DELTA, 2)
        return delta_page(config, execution, since, position, count)
    (position,) = read_marker(marker, WHOLE, 1)
    return _whole_page(config, execution, position, count)


def changes_page(config: ServiceConfig, execution: Execution) -> StatePage:
    """Return what changed since the handler last heard, for a checkpoint's answer."""
    unseen = execution.unseen
    if len(unseen) > config.state_page_operations:
        return delta_page(config, execution, execution.handler_seen, 0, None)
    records = execution.records
    changed = [records[operation_id] for operation_id in unseen]
    if len(changed) > 1:
        sequence = execution.sequence
        changed.sort(key=lambda operation: sequence[operation.id])
    if sum(map(record_size, changed)) > config.state_page_bytes:
        return delta_page(config, execution, execution.handler_seen, 0, None)
    return StatePage(tuple(changed))


def delta_page(
    config: ServiceConfig, execution: Execution, since: int, position: int, count: int | None
) -> StatePage:
    """Return one page of what changed after the watermark `since`."""
    touched = execution.touched
    candidates = (
        (place, execution.records[operation_id])
        for place, operation_id in enumerate(execution.order[position:], position)
        if touched[operation_id] > since
    )
    operations: list[Operation] = []
    room = config.state_page_bytes
    for place, operation in candidates:
        room -= record_size(operation)
        is_full = len(operations) >= (count or config.state_page_operations) or room < 0
        if operations and is_full:
            return StatePage(tuple(operations), marker_of(DELTA, since, place))
        operations.append(operation)
    return StatePage(tuple(operations))


def _whole_page(
    config: ServiceConfig,
    execution: Execution,
    position: int,
    count: int,
    *,
    may_be_empty: bool = False,
) -> StatePage:
    operations: list[Operation] = []
    room = config.state_page_bytes
    for place, operation_id in enumerate(execution.order[position:], position):
        operation = execution.records[operation_id]
        if operation.parent_id is not None and is_hidden(execution, operation):
            continue
        room -= record_size(operation)
        is_full = len(operations) >= count or room < 0
        if is_full and (operations or may_be_empty):
            return StatePage(tuple(operations), marker_of(WHOLE, place))
        operations.append(operation)
    return StatePage(tuple(operations))
