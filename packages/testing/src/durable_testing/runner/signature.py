"""A history as lines that stay the same while the workflow does, and the file they are kept in."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Final

from durable_testing.runner.errors import HistoryChangedError
from durable_testing.runner.operations import UNNAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from durable_core.lowlevel import Operation
    from durable_testing.model import HistoryEvent

OPTION: Final = "--durable-update-history"
_PLUGIN: Final = "durable_testing.pytest_plugin"


def signature(records: Iterable[Operation], events: Iterable[HistoryEvent]) -> list[str]:
    """Return a line for each event: its type, the sub type, the names from the top."""
    by_id = {record.id: record for record in records}
    return [_line(event, by_id) for event in events]


def _line(event: HistoryEvent, records: dict[str, Operation]) -> str:
    if event.subtype is None or event.operation_id is None:
        return event.type.value
    names = [event.name or UNNAMED]
    parent = records.get(event.parent_id or "")
    while parent is not None:
        names.append(parent.name or UNNAMED)
        parent = records.get(parent.parent_id or "")
    return f"{event.type.value:<24}{event.subtype:<20}{'/'.join(reversed(names))}".rstrip()


def compare(lines: Sequence[str], file: Path, *, is_update: bool | None) -> None:
    """Compare with a file, or write it.

    Raises:
        HistoryChangedError: They differ, or there is no file.
    """
    text = "".join(f"{line}\n" for line in lines)
    if is_updating() if is_update is None else is_update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    if not file.exists():
        raise HistoryChangedError(f"there is no {file}: run pytest with {OPTION} to write it")
    recorded = file.read_text(encoding="utf-8").splitlines()
    if recorded != list(lines):
        difference = difflib.unified_diff(
            recorded, list(lines), str(file), "this run", lineterm="", n=3
        )
        raise HistoryChangedError(
            "\n".join(["the history has changed:", *difference, f"({OPTION} accepts it)"])
        )


def is_updating() -> bool:
    """Whether pytest runs with the option that has histories written."""
    plugin = sys.modules.get(_PLUGIN)
    return bool(getattr(plugin, "is_updating_history", False))
