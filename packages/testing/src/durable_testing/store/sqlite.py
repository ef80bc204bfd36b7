"""The service over a SQLite file: what it has answered is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self, TypeVar

from durable_testing.model.config import ServiceConfig
from durable_testing.model.errors import ServiceError
from durable_testing.model.service import ServiceModel
from durable_testing.store.commits import Answer, Batch, CommitQueue, Statement, unchanged
from durable_testing.store.errors import ExecutionInUseError, StoreError, checkpoint_error
from durable_testing.store.holding import HoldingArchive
from durable_testing.store.locks import ExecutionLocks
from durable_testing.store.outside import (
    OutsideRequest,
    answer_request,
    forget_request,
    leave_request,
    load_answer,
)
from durable_testing.store.rows import take_rows
from durable_testing.store.schema import connect, open_database, put_functions, store_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from durable_core.lowlevel import CheckpointRequest, CheckpointResponse, StatePage
    from durable_testing.model.config import FunctionConfig
    from durable_testing.model.effects import Effect
    from durable_testing.model.execution import Execution
    from durable_testing.store.rows import ExecutionRows

R = TypeVar("R")

POLL_SECONDS: Final = 0.2
"""How often a holder looks for requests of other processes."""
_ANSWER_SECONDS: Final = 0.05
"""How often who left a request looks for its answer."""


class SqliteService:
    """A `DurableService` that survives its process.

    All calls come from one asyncio loop. A call is applied at once, in order; its effects are
    handed out and its answer is given when the transaction that holds its changes, and those it
    may have seen, is on the disk. Calls that come in while one is written share the next one.

    When the disk refuses a transaction, every call from then on raises that first error: the
    machine is ahead of the disk, and only reading the file again makes them agree.

    Args:
        path: The file; made when there is none.
        functions: Functions to know, beside those the file knows.
        now_ms: The time, in milliseconds since the epoch.
        new_id: Gives ids that no other process gives.
        on_effect: Acts on an effect; called on the loop.
        config: The limits in force.

    Raises:
        StoreError: The file is not ours, or cannot be written.
    """

    __slots__ = (
        "_archive", "_now_ms", "_on_effect", "_path", "_poller", "_queue", "_resources",
        "_serving", "model",
    )  # fmt: skip

    def __init__(
        self,
        path: Path,
        functions: Iterable[FunctionConfig] = (),
        *,
        now_ms: Callable[[], int],
        new_id: Callable[[], str],
        on_effect: Callable[[Effect], object],
        config: ServiceConfig | None = None,
    ) -> None:
        config = config or ServiceConfig()
        self._path = path
        self._now_ms = now_ms
        self._on_effect = on_effect
        self._poller: asyncio.TimerHandle | None = None
        self._serving: set[str] = set()
        with contextlib.ExitStack() as opened, store_errors(path):
            connection = opened.enter_context(contextlib.closing(open_database(path)))
            put_functions(connection, functions)
            reading = opened.enter_context(contextlib.closing(connect(path)))
            locks = opened.enter_context(contextlib.closing(ExecutionLocks(path)))
            self._archive = HoldingArchive(reading, config, locks, now_ms)
            known = self._archive.stored_functions().values()
            self.model = ServiceModel(known, new_id=new_id, config=config, archive=self._archive)
            self._archive.serve(self.model.state)
            self._queue = CommitQueue(path, connection, self._rows_of, self._on_durable)
            opened.callback(self._queue.close)
            self._resources = opened.pop_all()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Make everything durable, and let go of the executions; what runs them must be over."""
        if self._poller is not None:
            self._poller.cancel()
        await self._queue.drain()
        if self._queue.failure is None:
            self._queue.fail(StoreError(f"the database {self._path} is closed"))
        self._resources.close()

    def apply(self, call: Callable[[ServiceModel, int], R]) -> asyncio.Future[R]:
        """Call the model now; answer when everything the call changed and saw is durable.

        Raises:
            ServiceError: The service refuses the call.
            ExecutionInUseError: Another live process holds the execution.
            StoreError: The disk refused something, now or before.
        """
        return self._run(call, unchanged)

    def checkpoint(self, request: CheckpointRequest) -> asyncio.Future[CheckpointResponse]:
        """Make all updates durable, or none; see `DurableService`."""
        return self._run(lambda model, now_ms: model.checkpoint(request, now_ms), checkpoint_error)

    def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str
    ) -> asyncio.Future[StatePage]:
        """Return the page behind `marker`; see `DurableService`."""
        return self._run(
            lambda model, now_ms: model.get_state(
                execution_arn, checkpoint_token, now_ms, marker=marker
            ),
            checkpoint_error,
        )

    async def recover(self) -> list[str]:
        """Go on with every unfinished execution that no other process holds; returns their ARNs."""
        taken: list[str] = []
        for arn in self._read(self._archive.unfinished):
            with contextlib.suppress(ExecutionInUseError):
                await self.apply(lambda model, now_ms, arn=arn: model.hold(arn, now_ms))
                taken.append(arn)
        return taken

    async def deliver(self, request: OutsideRequest) -> int | None:
        """Ask something of an execution, here or in the process that holds it.

        Returns the time of a stop or a deletion.

        Raises:
            ServiceError: The service refuses it.
        """
        with contextlib.suppress(ExecutionInUseError):
            return await self.apply(request.apply)
        arn: str | None = request.target
        if request.kind.is_for_callback:
            arn = self._read(lambda: self.model.find_callback(request.target))
        found = None if arn is None else self._read(lambda: self._archive.family_of(arn))
        if arn is None or found is None:  # deleted in between
            return await self.apply(request.apply)
        return await self._ask_holder(request, arn, found[0])

    async def _ask_holder(self, request: OutsideRequest, arn: str, family: int) -> int | None:
        """Leave the request in the file, until the holder or its successor here answers it."""
        request_id = self.model.state.new_id()
        await self._write(leave_request(request_id, family, request))
        try:
            while (answer := self._read(lambda: self._archive.answer_to(request_id))) is None:
                with contextlib.suppress(ExecutionInUseError):
                    await self.apply(lambda model, now_ms: model.hold(arn, now_ms))
                self._read(self._serve)
                await asyncio.sleep(_ANSWER_SECONDS)
        finally:
            self._write(forget_request(request_id))
        return load_answer(answer)

    def _write(self, statement: Statement) -> asyncio.Future[None]:
        """Make a row of its own durable; not everybody waits for it."""
        self._queue.batch.statements.append(statement)
        written = self._run(lambda _model, _now_ms: None, unchanged)
        written.add_done_callback(lambda done: done.cancelled() or done.exception())
        return written

    def _read(self, look: Callable[[], R]) -> R:
        """Look something up in the file.

        Raises:
            StoreError: It cannot be read, now or from now on.
        """
        if self._queue.failure is not None:
            raise self._queue.failure
        try:
            with store_errors(self._path):
                return look()
        except StoreError as failure:
            self._queue.fail(failure)
            raise

    def _serve(self) -> None:
        """Do what other processes ask of the executions held here."""
        for request_id, family, request in self._archive.requests():
            if self._archive.holds(family) and request_id not in self._serving:
                self._serving.add(request_id)
                self._serve_one(request_id, request)

    def _serve_one(self, request_id: str, request: OutsideRequest) -> None:
        try:
            value, refusal = self._call(request.apply)
        except StoreError:
            return
        # In the same transaction as what it changed: no request is served twice.
        served = self._write(answer_request(request_id, value, refusal))
        served.add_done_callback(lambda _: self._serving.discard(request_id))

    def _poll(self) -> None:
        self._poller = None
        if self._queue.failure is None and not self._archive.is_idle:
            with contextlib.suppress(StoreError):  # the next call will say so
                self._read(self._serve)
                self._await_requests()

    def _await_requests(self) -> None:
        if self._poller is None:
            loop = asyncio.get_running_loop()
            self._poller = loop.call_later(POLL_SECONDS, self._poll)

    def _run(
        self, call: Callable[[ServiceModel, int], R], of_error: Callable[[Exception], Exception]
    ) -> asyncio.Future[R]:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        if self._queue.failure is not None:
            future.set_exception(of_error(self._queue.failure))
            return future
        try:
            result, refusal = self._call(call)
        except StoreError as failure:
            future.set_exception(of_error(failure))
            return future
        error = None if refusal is None else of_error(refusal)
        self._queue.add(Answer(future, result, error, of_error))
        if not self._archive.is_idle:
            self._await_requests()
        return future

    def _call(
        self, call: Callable[[ServiceModel, int], R]
    ) -> tuple[R | None, ServiceError | ExecutionInUseError | None]:
        """Return the answer, or how it was refused; what changed is in the batch."""
        result, refusal = None, None
        try:
            result = call(self.model, self._now_ms())
        except (ServiceError, ExecutionInUseError) as error:
            refusal = error
        except Exception as error:
            # It may have happened in the middle of a change: what the machine holds is in doubt.
            failure = StoreError(
                f"the database {self._path} is closed after an error in a call: {error!r}"
            )
            self._queue.fail(failure)
            raise failure from error
        self._gather()
        return result, refusal

    def _gather(self) -> None:
        """Take over what the call changed."""
        state, batch, archive = self.model.state, self._queue.batch, self._archive
        for arn, execution in state.changed.items():
            archive.register(execution)
            batch.changed[arn] = execution
        state.changed.clear()
        for arn in state.deleted:
            batch.changed.pop(arn, None)
            batch.deleted.append(arn)
            archive.gone.add(arn)
        state.deleted.clear()
        batch.effects += self.model.take_effects()
        archive.end_reservations()
        for arn in archive.end_visits():
            self._let_go(arn)

    def _rows_of(self, execution: Execution) -> ExecutionRows:
        return take_rows(execution, self._archive.register(execution))

    def _on_durable(self, batch: Batch) -> None:
        for arn in batch.deleted:
            self._archive.gone.discard(arn)
            self._archive.let_go(arn)
        for arn in batch.changed:
            self._let_go(arn)
        for effect in batch.effects:
            self._on_effect(effect)

    def _let_go(self, execution_arn: str) -> None:
        """Leave an execution to the file, once it is over and all of it is there."""
        execution = self.model.state.executions.get(execution_arn)
        if (
            execution is not None
            and not execution.is_open
            and execution.invocation_id is None
            and execution_arn not in self._queue.batch.changed
        ):
            self.model.state.remove(execution)
            self._archive.let_go(execution_arn)
