"""Fails a full run that left a row of the transition table untaken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from durable_core.lowlevel import TRANSITIONS

if TYPE_CHECKING:
    from durable_core.lowlevel import OperationStatus, OperationType, Trigger

taken: set[tuple[OperationType, OperationStatus | None, Trigger]] = set()


class RecordedRow(dict["Trigger", "OperationStatus"]):
    """One row of the table; remembers which of its entries a test used."""

    def __init__(
        self,
        row: dict[Trigger, OperationStatus],
        kind: OperationType,
        status: OperationStatus | None,
    ) -> None:
        super().__init__(row)
        self._kind = kind
        self._status = status

    def __getitem__(self, trigger: Trigger) -> OperationStatus:
        found = super().__getitem__(trigger)
        taken.add((self._kind, self._status, trigger))
        return found


for kind, rows in TRANSITIONS.items():
    for status, row in rows.items():
        rows[status] = RecordedRow(row, kind, status)


def is_full_run(config: pytest.Config) -> bool:
    """Whether all tests ran, in this one process."""
    is_everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    is_spread = hasattr(config, "workerinput") or bool(getattr(config.option, "numprocesses", 0))
    return is_everything and not is_spread and not config.option.keyword


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Compare the rows taken with the table."""
    if exitstatus == 0 and is_full_run(session.config):
        table = {
            (k, s, t) for k, rows in TRANSITIONS.items() for s, row in rows.items() for t in row
        }
        if untaken := sorted(map(str, table - taken)):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            out = session.config.get_terminal_writer()
            out.line()
            out.line("FAILED: no test takes these rows of the transition table:")
            for row in untaken:
                out.line(f"  {row}")
