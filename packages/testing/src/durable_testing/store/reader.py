"""Reads executions from the file without holding them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import ExecutionStatus
from durable_testing.model.archive import Archive
from durable_testing.model.config import FunctionConfig, ServiceConfig
from durable_testing.model.ids import seeded_ids
from durable_testing.model.requests import ExecutionSummary
from durable_testing.model.service import ServiceModel
from durable_testing.store.errors import StoreError
from durable_testing.store.locks import place_of
from durable_testing.store.outside import OutsideRequest, load_request
from durable_testing.store.rows import (
    EVENT_COLUMNS,
    EXECUTION_COLUMNS,
    OPERATION_COLUMNS,
    restore,
)
from durable_testing.store.schema import check_file, connect, select, store_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from durable_testing.model.execution import Execution

_SELECT_EXECUTION = select("executions", EXECUTION_COLUMNS, "key = ?")
_SELECT_OPERATIONS = select("operations", OPERATION_COLUMNS, "execution = ? ORDER BY sequence")
_SELECT_EVENTS = select("events", EVENT_COLUMNS, "execution = ? ORDER BY id")
_SELECT_SUMMARIES = select(
    "executions",
    ("arn", "name", "function_name", "version", "status", "started_at_ms", "ended_at_ms"),
    "TRUE ORDER BY started_at_ms, arn",
)

_SELECT_UNFINISHED = select(
    "executions",
    ("arn",),
    "TRUE AND (ended_at_ms IS NULL OR invocation_id IS NOT NULL) ORDER BY started_at_ms, arn",
)
"""Something is still to come: the execution's end, or that of an invocation it cut short."""


class FileArchive(Archive):
    """Looks executions up in a file."""

    __slots__ = ("_config", "connection", "gone")

    def __init__(self, connection: sqlite3.Connection, config: ServiceConfig) -> None:
        self.connection = connection
        self.gone: set[str] = set()
        self._config = config

    def peek(self, execution_arn: str) -> Execution | None:
        """Return an execution as the file has it now."""
        if execution_arn in self.gone:
            return None
        with self.snapshot() as connection:
            key = place_of(execution_arn)
            row = connection.execute(_SELECT_EXECUTION, (key,)).fetchone()
            if row is None:
                return None
            operations = connection.execute(_SELECT_OPERATIONS, (key,))
            return restore(row, operations, connection.execute(_SELECT_EVENTS, (key,)))

    def find_name(self, function_name: str, name: str) -> str | None:
        """Return the ARN of the execution of that name."""
        row = self.connection.execute(
            "SELECT arn FROM executions WHERE function_name = ? AND name = ?",
            (function_name, name),
        ).fetchone()
        return None if row is None or row[0] in self.gone else row[0]

    def find_callback(self, callback_id: str) -> tuple[str, str] | None:
        """Return the ARN and the operation id that a callback belongs to."""
        row = self.connection.execute(
            "SELECT executions.arn, operations.id FROM operations JOIN executions"
            " ON executions.key = operations.execution WHERE operations.callback_id = ?",
            (callback_id,),
        ).fetchone()
        return None if row is None or row[0] in self.gone else (row[0], row[1])

    def summaries(self) -> Iterator[ExecutionSummary]:
        """Return all executions of the file, oldest first."""
        rows = self.connection.execute(_SELECT_SUMMARIES)
        for arn, name, function_name, version, status, started_at_ms, ended_at_ms in rows:
            if arn not in self.gone:
                yield ExecutionSummary(
                    arn,
                    name,
                    function_name,
                    self._config.function_arn(function_name, version),
                    ExecutionStatus(status),
                    started_at_ms,
                    ended_at_ms,
                )

    def stored_functions(self) -> dict[str, FunctionConfig]:
        """Return the functions that the file knows."""
        rows = self.connection.execute("SELECT name, config FROM functions ORDER BY rowid")
        return {name: _function_of(json.loads(config)) for name, config in rows}

    def family_of(self, execution_arn: str) -> tuple[int, str] | None:
        """Return the family and the name of an execution."""
        if execution_arn in self.gone:
            return None
        return self.connection.execute(
            "SELECT family, name FROM executions WHERE key = ?", (place_of(execution_arn),)
        ).fetchone()

    def open_members(self, family: int) -> list[str]:
        """Return the executions of a family that are not finished, oldest first."""
        rows = self.connection.execute(_SELECT_UNFINISHED.replace("TRUE", "family = ?"), (family,))
        return [row[0] for row in rows]

    def unfinished(self) -> list[str]:
        """Return all executions that are not finished, oldest first."""
        rows = self.connection.execute(_SELECT_UNFINISHED)
        return [row[0] for row in rows]

    def ends(self, *, are_deletions: bool) -> list[tuple[int, str]]:
        """Return when the finished executions are to be forgotten, in order of that time."""
        rows = self.connection.execute(
            "SELECT expires_at_ms, arn FROM executions"
            " WHERE expires_at_ms IS NOT NULL AND (status = ?) = ?",
            (ExecutionStatus.DELETING.value, are_deletions),
        )
        return sorted((due_ms, arn) for due_ms, arn in rows)

    def requests(self) -> list[tuple[str, int, OutsideRequest]]:
        """Return the requests that nobody has answered: id, family, request; oldest first."""
        rows = self.connection.execute(
            "SELECT id, family, kind, target, payload FROM requests"
            " WHERE answer IS NULL ORDER BY number"
        )
        return [(request_id, family, load_request(*rest)) for request_id, family, *rest in rows]

    def answer_to(self, request_id: str) -> str | None:
        """Return what became of a request; None as long as nobody has answered it."""
        row = self.connection.execute(
            "SELECT answer FROM requests WHERE id = ?", (request_id,)
        ).fetchone()
        return None if row is None else row[0]

    @contextlib.contextmanager
    def snapshot(self) -> Generator[sqlite3.Connection]:
        """Read several rows as of one moment."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
        finally:
            self.connection.execute("COMMIT")


def _function_of(fields: dict[str, Any]) -> FunctionConfig:
    fields["versions"] = tuple(fields["versions"])
    return FunctionConfig(**fields)


@contextlib.contextmanager
def open_reader(path: Path, config: ServiceConfig | None = None) -> Generator[ServiceModel]:
    """Open a file to look at its executions; whoever runs them is not disturbed.

    Raises:
        StoreError: There is no such file, or it is not ours.
    """
    if not check_file(path):
        raise StoreError(f"there is no database {path}")
    config = config or ServiceConfig()
    with store_errors(path), contextlib.closing(connect(path)) as connection:
        connection.execute("PRAGMA query_only = ON")
        archive = FileArchive(connection, config)
        functions = archive.stored_functions().values()
        yield ServiceModel(functions, new_id=seeded_ids(), config=config, archive=archive)
