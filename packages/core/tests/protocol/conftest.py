"""Fails a full run that left a row of the transition table untaken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from durable_core._protocol import transitions

if TYPE_CHECKING:
    import pytest

Row = tuple[object, object, object]
taken: set[Row] = set()


class RecordedRow(dict[transitions.Trigger, transitions.Status]):
    """One row that remembers which of its entries a test used."""

    def __init__(
        self, row: dict[transitions.Trigger, transitions.Status], at: tuple[object, object]
    ) -> None:
        super().__init__(row)
        self._at = at

    def __getitem__(self, trigger: transitions.Trigger) -> transitions.Status:
        status = super().__getitem__(trigger)
        taken.add((*self._at, trigger))
        return status


for type_, states in transitions.TRANSITIONS.items():
    for status_, row_ in states.items():
        states[status_] = RecordedRow(row_, (type_, status_))


def is_whole(session: pytest.Session) -> bool:
    """Whether this process ran everything under the folders it was given."""
    config = session.config
    option = config.option
    is_part = bool(option.keyword or option.markexpr or option.deselect or option.ignore)
    is_shared = hasattr(config, "workerinput") or bool(getattr(option, "numprocesses", 0))
    folders = all(Path(argument).is_dir() for argument in config.args)
    return folders and not is_part and not is_shared and not option.collectonly


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Compare the rows taken with the table."""
    rows = {
        (kind, status, trigger)
        for kind, states in transitions.TRANSITIONS.items()
        for status, row in states.items()
        for trigger in row
    }
    if exitstatus == 0 and is_whole(session) and (missing := rows - taken):
        session.exitstatus = 1
        print("\nuntaken transitions:", *sorted(map(str, missing)), sep="\n  ")
