"""Operations in words: what a line of the tree says of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core.lowlevel import Operation, OperationStatus, OperationType, utf8_size
from durable_testing.cli.around import Around
from durable_testing.cli.durations import countdown, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_core.lowlevel import ErrorObject

SYMBOLS: Final = {
    OperationStatus.STARTED: "▸",
    OperationStatus.PENDING: "◷",
    OperationStatus.READY: "▸",
    OperationStatus.SUCCEEDED: "✓",
    OperationStatus.FAILED: "✗",
    OperationStatus.CANCELLED: "-",
    OperationStatus.TIMED_OUT: "✗",
    OperationStatus.STOPPED: "■",
}
_NOWHERE: Final = Around()
_KINDS: Final = {
    "RunInChildContext": "context",
    "MapIteration": "item",
    "ParallelBranch": "branch",
    "WaitForCallback": "callback",
    "WaitForCondition": "condition",
    "ChainedInvoke": "invoke",
}


class Row(NamedTuple):
    """One operation in words."""

    symbol: str
    status: OperationStatus
    name: str
    kind: str
    elapsed: str
    notes: tuple[str, ...]


def row_of(
    operation: Operation,
    now_ms: int,
    around: Around = _NOWHERE,
    *,
    with_sizes: bool = False,
    is_over: bool = False,
) -> Row:
    """Say what there is to say of an operation now; `is_over`: its execution has ended."""
    is_open = not operation.is_terminal
    is_idle_wait = operation.type is OperationType.WAIT and is_open
    is_left = is_over and is_open
    progress = ["left unfinished"] if is_left else _progress(operation, now_ms, around)
    notes = [*progress, *_error(operation)]
    if with_sizes and operation.result is not None:
        notes.append(f"{utf8_size(operation.result):,} bytes")
    span_ms = (operation.ended_at_ms or now_ms) - operation.started_at_ms
    return Row(
        "◷" if is_idle_wait else SYMBOLS[operation.status],
        operation.status,
        operation.name or f"({operation.id[:8]})",
        kind_of(operation),
        in_words(span_ms),
        tuple(notes),
    )


def kind_of(operation: Operation) -> str:
    """Return an operation's kind in the words of the API."""
    subtype = operation.subtype
    if subtype is None:
        return operation.type.lower().replace("chained_", "")
    return _KINDS.get(subtype, subtype.lower())


def answer_with(callback: Operation, around: Around) -> str:
    """Say how a callback is answered."""
    return f"answer with: {around.command('callback', 'succeed', callback.callback_id or '')}"


def look_at(name: str, around: Around) -> str:
    """Say where the operations of an execution are seen that a chained invoke started."""
    return f"its operations: {around.command('show', name)}"


def error_line(error: ErrorObject) -> str:
    """Return an error as `Type: message`, the first line of it."""
    kind = (error.type or "").rpartition(".")[2]
    text = (error.message or "").strip().partition("\n")[0]
    return ": ".join(part for part in (kind, text) if part) or "an error without a message"


def children_of(operations: Iterable[Operation]) -> dict[str | None, list[Operation]]:
    """Return the operations by the id of their parent, in start order; None holds the top ones."""
    children: dict[str | None, list[Operation]] = {}
    for operation in operations:
        if operation.type is not OperationType.EXECUTION:
            children.setdefault(operation.parent_id, []).append(operation)
    return children


def _progress(operation: Operation, now_ms: int, around: Around) -> list[str]:
    match operation.type, operation.status:
        case OperationType.STEP, _:
            return _attempts(operation, now_ms)
        case OperationType.WAIT, OperationStatus.STARTED:
            due_ms = operation.scheduled_end_ms or now_ms
            return [f"{countdown(due_ms - now_ms)} left"]
        case OperationType.CALLBACK, OperationStatus.STARTED:
            due_ms = around.due_ms.get(operation.id)
            left = [] if due_ms is None else [f"{countdown(due_ms - now_ms)} left"]
            return [*left, answer_with(operation, around)]
        case OperationType.CHAINED_INVOKE, _ if operation.id in around.called:
            return [look_at(around.called[operation.id], around)]
        case _:
            return []


def _attempts(step: Operation, now_ms: int) -> list[str]:
    match step.status:
        case OperationStatus.STARTED:
            return [f"attempt {step.attempt + 1}"]
        case OperationStatus.PENDING:
            due_ms = step.next_attempt_at_ms or now_ms
            return [f"attempt {step.attempt + 1} in {countdown(due_ms - now_ms)}"]
        case OperationStatus.READY:
            return [f"attempt {step.attempt + 1} is due"]
        case _:
            return [f"{step.attempt} attempts"] if step.attempt > 1 else []


def _error(operation: Operation) -> list[str]:
    error = operation.error
    return [] if error is None else [error_line(error)]
