"""An execution as text: no ids, no times of day, the same for the same run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core.lowlevel import ExecutionStatus, OperationStatus, OperationSubType, OperationType
from durable_testing.runner.operations import UNNAMED, short_error
from durable_testing.runner.spans import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from durable_testing.runner.operations import RecordedOperation

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
_EXECUTION_SYMBOLS: Final = {
    ExecutionStatus.SUCCEEDED: "✓",
    ExecutionStatus.FAILED: "✗",
    ExecutionStatus.TIMED_OUT: "✗",
    ExecutionStatus.STOPPED: "■",
}
_RUNNING: Final = "▸"
_NAME_WIDTH: Final = 24
"""From the margin to the kind; more where names need it."""
_KIND_WIDTH: Final = 10


class Line(NamedTuple):
    """One operation as a line."""

    guide: str
    operation: RecordedOperation

    @property
    def head(self) -> str:
        """Guide, symbol and name."""
        return f"{self.guide}{SYMBOLS[self.operation.status]} {self.operation.name or UNNAMED}"


def lines_of(operations: Sequence[RecordedOperation], indent: str = "") -> Iterator[Line]:
    """Yield a line for each operation; what makes up a `wait_for_callback` is left out."""
    for place, operation in enumerate(operations, 1):
        is_last = place == len(operations)
        yield Line(indent + ("└─ " if is_last else "├─ "), operation)
        if operation.subtype != OperationSubType.WAIT_FOR_CALLBACK:
            yield from lines_of(operation.children, indent + ("   " if is_last else "│  "))


def draw(
    title: str,
    status: ExecutionStatus,
    facts: Sequence[str],
    operations: Sequence[RecordedOperation],
) -> str:
    """Return the whole tree."""
    lines = list(lines_of(operations))
    width = max([_NAME_WIDTH, *(len(line.head) + 1 for line in lines)])
    head = f"{symbol_of(status)} {title}"
    drawn = [f"{head:<{width + _KIND_WIDTH * 2}} {' · '.join(facts)}".rstrip()]
    for line in lines:
        said = "  ".join(notes(line.operation))
        drawn.append(f"{line.head:<{width}}{line.operation.kind:<{_KIND_WIDTH}}  {said}".rstrip())
    return "\n".join(drawn)


def symbol_of(status: ExecutionStatus) -> str:
    """Return the symbol of an execution."""
    return _EXECUTION_SYMBOLS.get(status, _RUNNING)


def notes(operation: RecordedOperation) -> list[str]:
    """Say what there is to say of an operation."""
    said = [*_facts(operation)]
    error = operation.error
    if error is None and operation.attempt_errors:
        error = operation.attempt_errors[-1]
    if error is not None:
        said.append(short_error(error))
    return said


def _facts(operation: RecordedOperation) -> Iterator[str]:
    match operation.type:
        case OperationType.STEP:
            yield _plural(operation.attempts, "attempt")
        case OperationType.WAIT:
            yield in_words(timedelta(seconds=operation.wait_seconds or 0))
        case OperationType.CHAINED_INVOKE if operation.function_name is not None:
            yield operation.function_name
        case OperationType.CALLBACK:
            yield _span(operation)
        case _ if operation.subtype == OperationSubType.WAIT_FOR_CALLBACK:
            yield _span(operation)
        case _ if operation.kind in ("map", "parallel"):
            yield _plural(len(operation.children), "item" if operation.kind == "map" else "branch")
        case _:
            pass


def _span(operation: RecordedOperation) -> str:
    return "open" if operation.duration is None else in_words(operation.duration)


def _plural(count: int, word: str) -> str:
    ending = "es" if word.endswith("ch") else "s"
    return f"{count} {word}" if count == 1 else f"{count} {word}{ending}"
