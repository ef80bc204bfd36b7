"""Callbacks answered by script: by name, after a while."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from durable_core import DefaultSerDes
from durable_core.lowlevel import ErrorObject, error_type_name
from durable_testing.runner.durations import Duration, positive_span, span_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

NOW: Final = timedelta(0)


class Answer(NamedTuple):
    """What the outside does with a callback, and when."""

    kind: str
    after: timedelta
    result: str | None = None
    error: ErrorObject | None = None


class OpenedCallback:
    """A callback that the workflow has just opened, as a script sees it.

    Times count from the opening, as a `timedelta` or a number of seconds. An answer that comes too
    late is refused, as the service does.

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

    def succeed(self, value: Any = None, *, after: Duration = NOW) -> None:
        """Answer. A text goes as it is, any other value as JSON."""
        self.answers.append(Answer("succeed", span_of(after, "after"), callback_text(value)))

    def fail(self, error: BaseException | str, *, after: Duration = NOW) -> None:
        """Answer with a failure."""
        self.answers.append(Answer("fail", span_of(after, "after"), error=outside_error(error)))

    def heartbeat(self, *, after: Duration = NOW) -> None:
        """Give a sign of life."""
        self.answers.append(Answer("heartbeat", span_of(after, "after")))


AnswerFunction: TypeAlias = "Callable[[OpenedCallback], object]"


class CallbackScript:
    """How the callbacks of a name are answered: the first by the first answer, and so on.

    The last one answers all further callbacks of the name. Answers are given in one chain, so that
    a second script of a name, which no callback might ever come to, is an error.
    """

    __slots__ = ("_heartbeats", "_is_closed", "answers", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.answers: list[AnswerFunction] = []
        self._heartbeats: list[timedelta] = []
        self._is_closed = False

    def close(self) -> None:
        """Take no further answers, if there are any."""
        self._is_closed = bool(self.answers)

    def succeeds_with(self, value: Any = None, *, after: Duration = NOW) -> Self:
        """Answer: a text goes as it is, any other value as JSON."""
        span = span_of(after, "after")
        return self.calls(lambda callback: callback.succeed(value, after=span))

    def fails_with(self, error: BaseException | str, *, after: Duration = NOW) -> Self:
        """Answer with a failure."""
        span = span_of(after, "after")
        return self.calls(lambda callback: callback.fail(error, after=span))

    def times_out(self) -> Self:
        """Do not answer: the callback's own timeout ends it."""
        return self.calls(_stay_silent)

    def calls(self, fn: AnswerFunction) -> Self:
        """Have `fn(callback)` say what happens: `callback.succeed(…)`, `.fail`, `.heartbeat`.

        Raises:
            ValueError: `fn` cannot be called, or the name was scripted before.
        """
        if not callable(fn):
            raise ValueError(  # noqa: TRY004  the same for every script
                f"callback {self.name!r}: give a function of the callback that was opened, such "
                f"as `lambda callback: callback.succeed(…)`; found {fn!r}"
            )
        if self._is_closed:
            raise ValueError(
                f"callback {self.name!r} is already answered, so this would be for a second "
                "callback of that name: give all answers at once, in a chain, as in "
                f"runner.callback({self.name!r}).succeeds_with(…).times_out()"
            )
        heartbeats, self._heartbeats = self._heartbeats, []

        def answer(callback: OpenedCallback) -> None:
            for after in heartbeats:
                callback.heartbeat(after=after)
            fn(callback)

        self.answers.append(answer if heartbeats else fn)
        return self

    def heartbeats(self, *, every: Duration, times: int) -> Self:
        """Give signs of life before what is said next."""
        span = positive_span(every, "every")
        self._heartbeats = [span * number for number in range(1, times + 1)]
        return self


def _stay_silent(callback: OpenedCallback) -> None:
    if callback.timeout is None and callback.heartbeat_timeout is None:
        raise ValueError(
            f"callback {callback.name!r} is to time out, but has neither a timeout nor a "
            "heartbeat_timeout"
        )


class CallbackPlay:
    """The script of a name as one run goes through it."""

    __slots__ = ("_answers", "_last", "_played", "calls", "name")

    def __init__(self, script: CallbackScript) -> None:
        self.name = script.name
        self.calls = 0
        self._answers = deque(script.answers)
        self._last: AnswerFunction | None = None
        self._played = 0

    def unused_answers(self) -> list[int]:
        """Number the answers that no callback came to, from 1."""
        total = self._played + len(self._answers)
        return [*range(self._played + 1, total + 1)]

    def answer(self, callback: OpenedCallback) -> list[Answer]:
        """Return what happens to a callback that was opened."""
        self.calls += 1
        if self._answers:
            self._last = self._answers.popleft()
            self._played += 1
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
