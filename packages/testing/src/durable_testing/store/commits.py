"""Group commit: calls that come in while a transaction is written share the next one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_testing.store.errors import StoreError
from durable_testing.store.locks import place_of
from durable_testing.store.schema import APPEND_EVENT, DELETIONS, PUT_EXECUTION, PUT_OPERATION

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from durable_testing.model.effects import Effect
    from durable_testing.model.execution import Execution
    from durable_testing.store.rows import ExecutionRows


class Statement(NamedTuple):
    """A statement and its values."""

    sql: str
    values: tuple[Any, ...]


class Changes(NamedTuple):
    """What one transaction writes."""

    rows: Sequence[ExecutionRows]
    deleted: Sequence[str]
    statements: Sequence[Statement]


def commit(connection: sqlite3.Connection, changes: Changes) -> None:
    """Make the changes durable, all or none.

    Raises:
        sqlite3.Error: None of them are.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        # What is deleted comes first: its name may be taken again in the same transaction.
        for arn in changes.deleted:
            for sql in DELETIONS:
                connection.execute(sql, (place_of(arn),))
        rows = changes.rows
        connection.executemany(PUT_EXECUTION, [each.execution for each in rows])
        connection.executemany(PUT_OPERATION, [row for each in rows for row in each.operations])
        connection.executemany(APPEND_EVENT, [row for each in rows for row in each.events])
        for statement in changes.statements:
            connection.execute(*statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def unchanged(error: Exception) -> Exception:
    """Return an error as it is."""
    return error


class Answer(NamedTuple):
    """What a caller will hear once everything it rests on is durable."""

    future: asyncio.Future[Any]
    result: Any
    error: Exception | None
    of_failure: Callable[[StoreError], Exception]

    def give(self) -> None:
        """Give it; a caller that no longer listens is left alone."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)

    def refuse(self, failure: StoreError) -> None:
        """Say that the store failed."""
        if not self.future.done():
            self.future.set_exception(self.of_failure(failure))


class Batch:
    """Calls whose changes become durable together."""

    __slots__ = ("answers", "changed", "deleted", "effects", "statements")

    def __init__(self) -> None:
        self.changed: dict[str, Execution] = {}
        self.deleted: list[str] = []
        self.statements: list[Statement] = []
        self.effects: list[Effect] = []
        self.answers: list[Answer] = []

    @property
    def has_changes(self) -> bool:
        """Whether there is something to write."""
        return bool(self.changed or self.deleted or self.statements)


class CommitQueue:
    """Writes one batch at a time, in a thread of its own.

    Args:
        path: The file, for messages.
        connection: Used by the thread alone.
        rows_of: Takes an execution's rows; called on the loop, when its batch is closed.
        on_durable: Told on the loop that a batch is on the disk, before its answers are given.
    """

    __slots__ = (
        "_connection", "_in_flight", "_is_scheduled", "_on_durable", "_path", "_rows_of",
        "_thread", "batch", "failure",
    )  # fmt: skip

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        rows_of: Callable[[Execution], ExecutionRows],
        on_durable: Callable[[Batch], None],
    ) -> None:
        self._path = path
        self._connection = connection
        self._rows_of = rows_of
        self._on_durable = on_durable
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="durable-commit")
        self._in_flight: Batch | None = None
        self._is_scheduled = False
        self.batch = Batch()
        self.failure: StoreError | None = None

    def add(self, answer: Answer) -> None:
        """Give an answer once all that it rests on is durable; the batch's effects likewise."""
        batch = self.batch
        if batch.has_changes:
            batch.answers.append(answer)
            self._schedule()
        elif self._in_flight is not None:
            self._in_flight.effects += batch.effects
            self._in_flight.answers.append(answer)
            batch.effects.clear()
        else:
            self.batch = Batch()
            batch.answers.append(answer)
            self._release(batch)

    def fail(self, failure: StoreError) -> None:
        """Stay in error: nothing that is not on the disk is answered, or will be."""
        self.failure = failure
        batches = (self._in_flight, self.batch)
        self._in_flight, self.batch = None, Batch()
        for batch in batches:
            for answer in () if batch is None else batch.answers:
                answer.refuse(failure)

    async def drain(self) -> None:
        """Wait until everything is durable, or the store has failed."""
        while self.failure is None and (self._in_flight is not None or self.batch.has_changes):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.add(Answer(future, None, None, unchanged))
            await asyncio.wait([future])
            future.exception()

    def close(self) -> None:
        """End the thread, when what it writes is written."""
        self._thread.shutdown()

    def _schedule(self) -> None:
        if self._in_flight is None and not self._is_scheduled:
            self._is_scheduled = True
            # Not at once: what else this turn of the loop brings comes along.
            asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        self._is_scheduled = False
        batch = self.batch
        if self.failure is not None or self._in_flight is not None or not batch.has_changes:
            return
        self.batch = Batch()
        self._in_flight = batch
        rows = [self._rows_of(execution) for execution in batch.changed.values()]
        changes = Changes(rows, batch.deleted, batch.statements)
        writing = asyncio.get_running_loop().run_in_executor(
            self._thread, commit, self._connection, changes
        )
        writing.add_done_callback(partial(self._written, batch))

    def _written(self, batch: Batch, writing: asyncio.Future[None]) -> None:
        if self.failure is not None:
            return
        try:
            writing.result()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  all mean: not durable
            self.fail(StoreError(f"the database {self._path} refused a transaction: {error!r}"))
            return
        self._in_flight = None
        self._release(batch)
        if self.batch.has_changes:
            self._schedule()

    def _release(self, batch: Batch) -> None:
        try:
            self._on_durable(batch)
        except Exception as error:
            failure = StoreError(f"an effect could not be handed out: {error!r}")
            self.fail(failure)
            for answer in batch.answers:
                answer.refuse(failure)
            raise
        for answer in batch.answers:
            answer.give()
