"""An execution as a rich tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from rich.tree import Tree

from durable_core.lowlevel import ExecutionStatus, Operation, OperationStatus
from durable_testing.cli.around import Around
from durable_testing.cli.durations import in_words
from durable_testing.cli.rows import SYMBOLS, children_of, error_line, row_of
from durable_testing.styles import STATUS_STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from durable_testing.model import ExecutionDescription

MAX_CHILDREN: Final = 20
"""More operations than that under one context are shown in part."""
_EXECUTION_SYMBOLS: Final = {
    ExecutionStatus.RUNNING: ("▸", "cyan"),
    ExecutionStatus.PAUSING: ("◷", "yellow"),
    ExecutionStatus.PAUSED: ("◷", "yellow"),
    ExecutionStatus.SUCCEEDED: ("✓", "green"),
}
_FAILED: Final = ("✗", "red")


class TreeView:
    """Draws an execution; `is_whole` shows every operation, however many, with its size."""

    __slots__ = ("_around", "_is_over", "_is_whole")

    def __init__(self, *, is_whole: bool) -> None:
        self._is_whole = is_whole
        self._is_over = False
        self._around = Around()

    def draw(
        self,
        description: ExecutionDescription,
        operations: Sequence[Operation],
        now_ms: int,
        around: Around | None = None,
    ) -> Tree:
        """Return the execution as it stands at `now_ms`."""
        tree = Tree(_head(description, now_ms), guide_style="dim")
        children = children_of(operations)
        self._around = around or Around()
        self._is_over = description.ended_at_ms is not None
        self._grow(tree, None, children, description.ended_at_ms or now_ms)
        return tree

    def _grow(
        self,
        tree: Tree,
        parent_id: str | None,
        children: Mapping[str | None, list[Operation]],
        now_ms: int,
    ) -> None:
        found = children.get(parent_id, [])
        shown = found if self._is_whole else _most_telling(found)
        width = max((len(operation.name or "") for operation in shown), default=0)
        for operation in shown:
            branch = tree.add(self._line(operation, now_ms, min(max(width, 10), 32)))
            self._grow(branch, operation.id, children, now_ms)
        if len(shown) < len(found):
            tree.add(Text(_rest_of(found, shown), style="dim"))

    def _line(self, operation: Operation, now_ms: int, width: int) -> Text:
        row = row_of(
            operation,
            now_ms,
            self._around,
            with_sizes=self._is_whole,
            is_over=self._is_over,
        )
        notes = "  ".join((row.elapsed, *row.notes))
        return Text.assemble(
            (f"{row.symbol} ", STATUS_STYLES[row.status]),
            f"{row.name:<{width}}",
            (f"  {row.kind:<9}  ", "dim"),
            notes,
            overflow="fold",
        )


def _head(description: ExecutionDescription, now_ms: int) -> Text:
    symbol, style = _EXECUTION_SYMBOLS.get(description.status, _FAILED)
    elapsed = in_words((description.ended_at_ms or now_ms) - description.started_at_ms)
    plural = "" if description.invocations == 1 else "s"
    facts = f"{description.status.lower()}  {elapsed}  {description.invocations} invocation{plural}"
    head = Text.assemble((f"{symbol} ", style), (description.name, "bold"), f"  {facts}")
    if description.error is not None:
        head.append(f"  {error_line(description.error)}", style="red")
    return head


def _most_telling(found: list[Operation]) -> list[Operation]:
    """Return the operations to show of many: what is open or failed first, then the latest."""
    if len(found) <= MAX_CHILDREN:
        return found
    succeeded = OperationStatus.SUCCEEDED
    telling = [each for each in found if each.status is not succeeded][:MAX_CHILDREN]
    room = MAX_CHILDREN - len(telling)
    latest = [each for each in found if each.status is succeeded][-room:] if room else []
    chosen = {each.id for each in (*telling, *latest)}
    return [each for each in found if each.id in chosen]


def _rest_of(found: list[Operation], shown: list[Operation]) -> str:
    seen = {each.id for each in shown}
    counts: dict[OperationStatus, int] = {}
    for operation in found:
        if operation.id not in seen:
            counts[operation.status] = counts.get(operation.status, 0) + 1
    listed = ", ".join(f"{count} {SYMBOLS[status]}" for status, count in counts.items())
    return f"… {len(found) - len(shown)} more: {listed}"
