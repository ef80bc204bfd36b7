"""Callbacks answered by script: by name, after a while."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from durable_core import DefaultSerDes
from durable_core.lowlevel import ErrorObject, error_type_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

NOW = timedelta(0)


class Answer(NamedTuple):
    """What the outside does with a callback, and when."""

    kind: str
    after: timedelta
    result: str | None = None
    error: ErrorObject | None = None


class OpenedCallback:
    """A callback that the workflow has just opened, as a script sees it.

    Times count from the opening. An answer that comes too late is refused, as the service does.

    Attributes:
        name: Its name, or that of its `wait_for_callback`.
        callback_id: What the outside answers with.
        timeout: How long it waits for an answer; None: without end.
        heartbeat_timeout: How long it waits for a sign of life.
    """

    __slots__ = ("answers", "callback_id", "heartbeat_timeout", "name", "timeout")

    def __init__(
        self,
        name: str | None,
        callback_id: str,
        timeout: timedelta | None,
        heartbeat_timeout: timedelta | None,
    ) -> None:
        self.name = name
        self.callback_id = callback_id
        self.timeout = timeout
        self.heartbeat_timeout = heartbeat_timeout
        self.answers: list[Answer] = []

    def succeed(self, value: Any = None, *, after: timedelta = NOW) -> None:
        """Answer. A text goes as it is, any other value as JSON."""
        self.answers.append(Answer("succeed", after, callback_text(value)))

    def fail(self, error: BaseException | str, *, after: timedelta = NOW) -> None:
        """Answer with a failure."""
        self.answers.append(Answer("fail", after, error=outside_error(error)))

    def heartbeat(self, *, after: timedelta = NOW) -> None:
        """Give a sign of life."""
        self.answers.append(Answer("heartbeat", after))


AnswerFunction: TypeAlias = "Callable[[OpenedCallback], object]"


class CallbackScript:
    """How the callbacks of a name are answered: the first by the first answer, and so on.

    The last one answers all further callbacks of the name.
    """

    __slots__ = ("_heartbeats", "answers", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.answers: list[AnswerFunction] = []
        self._heartbeats: list[timedelta] = []

    def succeeds_with(self, value: Any = None, *, after: timedelta = NOW) -> Self:
        """Answer: a text goes as it is, any other value as JSON."""
        return self.calls(lambda callback: callback.succeed(value, after=after))

    def fails_with(self, error: BaseException | str, *, after: timedelta = NOW) -> Self:
        """Answer with a failure."""
        return self.calls(lambda callback: callback.fail(error, after=after))

    def times_out(self) -> Self:
        """Do not answer: the callback's own timeout ends it."""
        return self.calls(_stay_silent)

    def calls(self, fn: AnswerFunction) -> Self:
        """Have `fn(callback)` say what happens: `callback.succeed(…)`, `.fail`, `.heartbeat`."""
        heartbeats, self._heartbeats = self._heartbeats, []

        def answer(callback: OpenedCallback) -> None:
            for after in heartbeats:
                callback.heartbeat(after=after)
            fn(callback)

        self.answers.append(answer if heartbeats else fn)
        return self

    def heartbeats(self, *, every: timedelta, times: int) -> Self:
        """Give signs of life before what is said next."""
        self._heartbeats = [every * number for number in range(1, times + 1)]
        return self


def _stay_silent(callback: OpenedCallback) -> None:
    if callback.timeout is None and callback.heartbeat_timeout is None:
        raise ValueError(
            f"callback {callback.name!r} is to time out, but has neither a timeout nor a "
            "heartbeat_timeout"
        )


class CallbackPlay:
    """The script of a name as one run goes through it."""

    __slots__ = ("_answers", "_last", "calls", "name")

    def __init__(self, script: CallbackScript) -> None:
        self.name = script.name
        self.calls = 0
        self._answers = deque(script.answers)
        self._last: AnswerFunction | None = None

    def answer(self, callback: OpenedCallback) -> list[Answer]:
        """Return what happens to a callback that was opened."""
        self.calls += 1
        if self._answers:
            self._last = self._answers.popleft()
        if self._last is not None:
            self._last(callback)
        return callback.answers


def callback_text(value: Any) -> str | None:
    """Return what is sent for a value: a text as it is, nothing for None, JSON for the rest."""
    if value is None or isinstance(value, str):
        return value
    return DefaultSerDes().serialize(value)


def outside_error(error: BaseException | str) -> ErrorObject:
    """Return the error that the outside reports."""
    if isinstance(error, str):
        return ErrorObject(error, "Error")
    return ErrorObject(str(error), error_type_name(type(error)))
