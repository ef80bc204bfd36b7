"""A run that the test takes forward itself: step by step, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import OperationStatus, to_datetime
from durable_testing.runner.announcing import announce
from durable_testing.runner.callbacks import NOW, Answer, callback_text, outside_error
from durable_testing.runner.durations import Duration, span_of
from durable_testing.runner.errors import OperationNotFoundError, ScriptError
from durable_testing.runner.outside import call_for, plain_name
from durable_testing.runner.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from datetime import datetime
    from typing import Self

    from durable_testing.model import ServiceModel
    from durable_testing.runner.operations import RecordedOperation
    from durable_testing.runner.plan import Plan
    from durable_testing.runner.result import ExecutionResult


class RunHandle:
    """A run under the test's control: no time passes but by `advance`, `run_until`, `result`.

    The execution starts with the first method that is awaited, or with `await handle`. Use it as an
    `async with` where the test may end before the execution does.
    """

    def __init__(self, plan: Plan, event: Any, name: str | None) -> None:
        self._plan = plan
        self._event = event
        self._name = name
        self._session: Session | None = None

    def __await__(self) -> Generator[Any, None, Self]:
        return self._started().__await__()

    async def __aenter__(self) -> Self:
        return await self._started()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _started(self) -> Self:
        await self._begun()
        return self

    async def _begun(self) -> Session:
        if self._session is None:
            self._session = session = Session(self._plan, is_clock_running=False)
            await session.start(self._event, self._name)
        return self._session

    # Looking

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return to_datetime(self._known().clock.now_ms())

    def snapshot(self) -> ExecutionResult:
        """Return the execution as it stands."""
        return self._known().result()

    def operation(self, name: str, *, index: int = 0) -> RecordedOperation:
        """Return an operation as it stands; see `ExecutionResult.operation`."""
        return self.snapshot().operation(name, index=index)

    def _known(self) -> Session:
        if self._session is None:
            raise RuntimeError("the execution has not been started: await the handle first")
        return self._session

    # Time

    async def run_until_suspended(self) -> ExecutionResult:
        """Run until only time or the outside can bring it on; returns how it stands then."""
        session = await self._begun()
        await self._settle(session)
        return session.result()

    async def advance(self, span: Duration) -> ExecutionResult:
        """Let virtual time pass, with everything that happens in it; returns how it stands then.

        Raises:
            ValueError: Time does not go back.
        """
        seconds = span_of(span, "the time to advance by").total_seconds()
        session = await self._begun()
        await self._settle(session)
        await session.clock.advance_to(session.clock.now_ms() + round(seconds * 1000))
        await self._settle(session)
        return session.result()

    async def run_until(
        self, name: str, status: OperationStatus | str | None = None
    ) -> RecordedOperation:
        """Run until an operation of that name has a status, or, without one, has ended.

        `STARTED` means that it has been started, whatever became of it since.

        Raises:
            ExecutionBlockedError: Nothing more happens by itself before.
            OperationNotFoundError: The execution ended before.
        """
        session = await self._begun()
        while True:
            await self._settle(session)
            result = session.result()
            for operation in result.find(lambda each: each.name == name):
                if _has_reached(operation, status):
                    return operation
            if session.is_closed:
                wanted = "ended" if status is None else f"was {status}"
                raise OperationNotFoundError(
                    f"the execution ended before an operation {name!r} {wanted}\n\n{result.tree()}"
                )
            due_ms = session.clock.next_timer_ms()
            if session.is_stuck or due_ms is None:
                raise session.blocked()
            await session.clock.advance_to(due_ms)

    async def result(self) -> ExecutionResult:
        """Run to the end, check the replays, and return what became of it.

        Raises:
            ExecutionBlockedError: It waits for somebody who never answers.
            ReplayCheckError: It does not replay its own history.
        """
        session = await self._begun()
        session.clock.run()
        await session.finish()
        result = session.result()
        announce(result)
        await session.check_replays(result)
        await session.close()
        return result

    async def close(self) -> None:
        """Discard the run."""
        if self._session is not None:
            await self._session.close()

    async def _settle(self, session: Session) -> None:
        """Wait until nothing happens any more at the present time."""
        clock = session.clock
        while True:
            await clock.idle()
            await session.check_engine()
            due_ms = clock.next_timer_ms()
            if due_ms is None or due_ms > clock.now_ms():
                return
            await clock.advance_to(clock.now_ms())

    # The outside

    async def send_callback_success(self, callback: str, value: Any = None) -> None:
        """Answer a callback, given by its id or its name: a text as it is, the rest as JSON.

        Raises:
            ServiceError: The service refuses, e.g. it is already answered.
            ScriptError: No callback of that name is open.
        """
        await self._answer(callback, Answer("succeed", NOW, callback_text(value)))

    async def send_callback_failure(self, callback: str, error: BaseException | str) -> None:
        """Answer a callback, given by its id or its name, with a failure."""
        await self._answer(callback, Answer("fail", NOW, error=outside_error(error)))

    async def send_callback_heartbeat(self, callback: str) -> None:
        """Give a sign of life for a callback, given by its id or its name."""
        await self._answer(callback, Answer("heartbeat", NOW))

    async def _answer(self, callback: str, answer: Answer) -> None:
        session = await self._begun()
        await self._settle(session)
        callback_id = _callback_id(session.engine.model, callback)
        await session.engine.apply(call_for(callback_id, answer))

    async def stop(self, error: BaseException | str | None = None) -> None:
        """Stop the execution, as an operator does."""
        said = None if error is None else outside_error(error)
        await self._apply(lambda model, arn, now_ms: model.stop(arn, said, now_ms))

    async def pause(self, reason: str | None = None) -> None:
        """Pause it: no invocation until it is resumed, while timers and callbacks go on."""
        await self._apply(lambda model, arn, now_ms: model.pause(arn, now_ms, reason=reason))

    async def resume(self, reason: str | None = None) -> None:
        """Resume it."""
        await self._apply(lambda model, arn, now_ms: model.resume(arn, now_ms, reason=reason))

    async def _apply(self, call: Callable[[ServiceModel, str, int], object]) -> None:
        session = await self._begun()
        arn = session.execution_arn
        await self._settle(session)
        await session.engine.apply(lambda model, now_ms: call(model, arn, now_ms))
        await self._settle(session)


def _has_reached(operation: RecordedOperation, status: OperationStatus | str | None) -> bool:
    if status is None:
        return operation.record.is_terminal
    return status in (OperationStatus.STARTED, operation.status)


def _callback_id(model: ServiceModel, callback: str) -> str:
    """Return the id of an open callback of that name; a text that is no name is an id."""
    found = [open_ for arn in model.arns() for open_ in model.open_callbacks(arn)]
    for each in found:
        if plain_name(each.name) == callback or each.name == callback:
            return each.callback_id or ""
    if model.find_callback(callback) is None:
        known = ", ".join(repr(plain_name(each.name)) for each in found) or "none"
        raise ScriptError(f"no callback {callback!r} is open; open: {known}")
    return callback
