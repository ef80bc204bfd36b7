"""The SQLite file: its tables, its version, and how it comes into being."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from durable_testing.store.errors import StoreError
from durable_testing.store.rows import (
    CHANGING_COLUMNS,
    EVENT_COLUMNS,
    EXECUTION_COLUMNS,
    OPERATION_COLUMNS,
    STATE_COLUMNS,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from durable_testing.model.config import FunctionConfig

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
CREATE INDEX execution_families ON executions (family);
CREATE TABLE operations ({_columns(OPERATION_COLUMNS)}, PRIMARY KEY (execution, sequence));
CREATE INDEX operation_callbacks ON operations (callback_id) WHERE callback_id IS NOT NULL;
CREATE TABLE events ({_columns(EVENT_COLUMNS)}, PRIMARY KEY (execution, id));
CREATE TABLE requests (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, family INTEGER NOT NULL,
    kind TEXT NOT NULL, target TEXT NOT NULL, payload TEXT NOT NULL, answer TEXT
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


def _insert(verb: str, table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"{verb} INTO {table} ({_columns(columns)}) VALUES ({marks})"


def _put(table: str, columns: tuple[str, ...], key: str, changing: tuple[str, ...]) -> str:
    """Return the statement that writes a row, and of one that is there what can change."""
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in changing)
    return f"{_insert('INSERT', table, columns)} ON CONFLICT ({key}) DO UPDATE SET {changes}"


PUT_EXECUTION: Final = _put("executions", EXECUTION_COLUMNS, "key", STATE_COLUMNS)
PUT_OPERATION: Final = _put(
    "operations", OPERATION_COLUMNS, "execution, sequence", CHANGING_COLUMNS
)
APPEND_EVENT: Final = _insert("INSERT", "events", EVENT_COLUMNS)
PUT_FUNCTION: Final = _insert("REPLACE", "functions", ("name", "config"))
DELETIONS: Final = (
    "DELETE FROM executions WHERE key = ?",
    "DELETE FROM operations WHERE execution = ?",
    "DELETE FROM events WHERE execution = ?",
)


def select(table: str, columns: tuple[str, ...], condition: str) -> str:
    """Return the statement that reads rows in the order of their columns."""
    return f"SELECT {_columns(columns)} FROM {table} WHERE {condition}"  # noqa: S608  constants


def put_functions(connection: sqlite3.Connection, functions: Iterable[FunctionConfig]) -> None:
    """Write the functions that the file does not know, or knows otherwise."""
    rows = {function.name: json.dumps(dataclasses.asdict(function)) for function in functions}
    known = dict(connection.execute("SELECT name, config FROM functions"))
    changed = [(name, config) for name, config in rows.items() if known.get(name) != config]
    if changed:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(PUT_FUNCTION, changed)
        connection.execute("COMMIT")


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
        raise StoreError(f"{path} is not a SQLite database; it was left as it is")
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path} is a database of another program; it was left as it is")
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
    try:
        with store_errors(path):
            connection.execute("PRAGMA synchronous = FULL")
    except StoreError:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def store_errors(path: Path) -> Generator[None]:
    """Say what SQLite could not do as a `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"the database {path} cannot be used: {error}") from error


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing database in autocommit mode; any one thread may use it."""
    uri = f"{path.resolve().as_uri()}?mode=rw"
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
    draft: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(".new", f"{path.name}.", path.parent)
        os.close(descriptor)
        draft = Path(name)
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {TABLES} COMMIT;")
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
            _sync_directory(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot create the database {path}: {error}") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    """Make a file's name durable, too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
