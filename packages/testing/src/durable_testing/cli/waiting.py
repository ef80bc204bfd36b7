"""What an execution that is gone on with still waits for, and who can do something about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import OperationStatus, OperationType
from durable_testing.cli.around import around
from durable_testing.cli.durations import countdown
from durable_testing.cli.lines import path_of
from durable_testing.cli.rows import answer_with, kind_of, look_at
from durable_testing.model import EventType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from durable_core.lowlevel import Operation
    from durable_testing.model import ServiceModel

_WAIT_FOR_CALLBACK = "WaitForCallback"


def waiting_lines(
    model: ServiceModel, execution_arn: str, now_ms: int, database: Path
) -> Iterator[str]:
    """Yield a line for each open callback, timer, invoke and retry, in start order."""
    records = {record.id: record for record in model.operations(execution_arn)}
    functions = _functions_of(model, execution_arn)
    surroundings = around(model, execution_arn, records.values(), database)
    for record in records.values():
        due_ms = surroundings.due_ms.get(record.id)
        left = "" if due_ms is None else countdown(due_ms - now_ms)
        name = repr(_place_of(record, records))
        match record.type, record.status:
            case OperationType.CALLBACK, OperationStatus.STARTED:
                remains = f", {left} left" if left else ""
                yield f"waiting for callback {name}{remains}; {answer_with(record, surroundings)}"
            case OperationType.WAIT, OperationStatus.STARTED:
                yield f"waiting for timer {name}, {left} left"
            case OperationType.CHAINED_INVOKE, OperationStatus.STARTED:
                function = functions.get(record.id, "the function")
                child = surroundings.called.get(record.id)
                place = "" if child is None else f"; {look_at(child, surroundings)}"
                yield f"waiting for invoke {name}; {function} goes on by itself{place}"
            case OperationType.STEP, OperationStatus.PENDING:
                attempt = record.attempt + 1
                yield f"waiting for {kind_of(record)} {name}, attempt {attempt} in {left}"
            case _:
                pass


def _functions_of(model: ServiceModel, execution_arn: str) -> Mapping[str, str]:
    return {
        event.operation_id or "": event.details.get("FunctionName") or "the function"
        for event in model.history(execution_arn)
        if event.type is EventType.CHAINED_INVOKE_STARTED
    }


def _place_of(operation: Operation, records: Mapping[str, Operation]) -> str:
    """Return the path of what the workflow asked for; a callback may lie in `wait_for_callback`."""
    parent = records.get(operation.parent_id or "")
    is_inner = parent is not None and parent.subtype == _WAIT_FOR_CALLBACK
    return path_of(parent if is_inner and parent else operation, records)
