"""The SQLite file: its tables, its version, and how it comes into being."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Final

from durable_testing.store.errors import StoreError
from durable_testing.store.rows import (
    EVENT_COLUMNS,
    EXECUTION_COLUMNS,
    OPERATION_COLUMNS,
    REPLAYABLE_COLUMNS,
)

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID: Final = 0x44757261
"""`Dura` in ASCII; in the file's header, so that a foreign file is known without opening it."""
SCHEMA_VERSION: Final = 1
BUSY_SECONDS: Final = 30
_HEADER_BYTES: Final = 100
_MAGIC: Final = b"SQLite format 3\0"


def _columns(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


TABLES: Final = f"""
CREATE TABLE functions (name TEXT PRIMARY KEY, config TEXT NOT NULL);
CREATE TABLE executions ({_columns(EXECUTION_COLUMNS)}, PRIMARY KEY (key)) WITHOUT ROWID;
CREATE UNIQUE INDEX execution_names ON executions (function_name, name);
CREATE INDEX execution_parents ON executions (parent_arn) WHERE parent_arn IS NOT NULL;
CREATE TABLE operations ({_columns(OPERATION_COLUMNS)}, PRIMARY KEY (execution, sequence));
CREATE INDEX operation_callbacks ON operations (callback_id) WHERE callback_id IS NOT NULL;
CREATE TABLE events ({_columns(EVENT_COLUMNS)}, PRIMARY KEY (execution, id));
CREATE TABLE replayables ({_columns(REPLAYABLE_COLUMNS)}, PRIMARY KEY (execution)) WITHOUT ROWID;
CREATE TABLE requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT, execution INTEGER NOT NULL,
    kind TEXT NOT NULL, target TEXT NOT NULL, payload TEXT
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


def _insert(verb: str, table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"{verb} INTO {table} ({_columns(columns)}) VALUES ({marks})"


PUT_EXECUTION: Final = _insert("REPLACE", "executions", EXECUTION_COLUMNS)
PUT_OPERATION: Final = _insert("REPLACE", "operations", OPERATION_COLUMNS)
APPEND_EVENT: Final = _insert("INSERT", "events", EVENT_COLUMNS)
PUT_REPLAYABLE: Final = _insert("REPLACE", "replayables", REPLAYABLE_COLUMNS)


def select(table: str, columns: tuple[str, ...], condition: str) -> str:
    """Return the statement that reads rows in the order of their columns."""
    return f"SELECT {_columns(columns)} FROM {table} WHERE {condition}"  # noqa: S608  constants


def check_file(path: Path) -> bool:
    """Look at a database file without touching it; False when there is none yet.

    Raises:
        StoreError: It is not ours, or of another version.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"cannot read the database {path}: {error.strerror}") from error
    if not header:
        return False
    application_id = int.from_bytes(header[68:72], "big")
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise StoreError(f"{path} is not a SQLite database; it was left as it is. Name another.")
    if application_id != APPLICATION_ID:
        raise StoreError(
            f"{path} is a database of another program; it was left as it is. Name another file."
        )
    version = int.from_bytes(header[60:64], "big")
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {version}, this program reads version {SCHEMA_VERSION}. "
            "Use the version of durable-testing that wrote it, or name another file."
        )
    return True


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database for writing, and make it first when there is none.

    Raises:
        StoreError: It cannot be opened, is not ours, or is of another version.
    """
    if not check_file(path):
        _create(path)
    connection = connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open an existing database in autocommit mode; any one thread may use it."""
    mode = "ro" if read_only else "rw"
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    try:
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise StoreError(f"cannot open the database {path}: {error}") from error


def _create(path: Path) -> None:
    """Make the database under another name and move it into place whole.

    A process killed in the middle leaves no half a database; of two that make it, one wins.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.executescript(f"BEGIN; {TABLES} COMMIT;")
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot create the database {path}: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
