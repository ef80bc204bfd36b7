"""Doubles: what runs in place of a step's or a function's code, call by call."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self


class Behaviour(NamedTuple):
    """What happens in some calls."""

    call: Callable[..., Any]
    times: int | None
    """In how many calls in a row; None: in all further ones."""


class Script:
    """What happens in each call, in turn. After the last one the real code is called, if any.

    Each method adds to what was said before and returns the script.
    """

    __slots__ = ("behaviours", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.behaviours: list[Behaviour] = []

    def returns(self, value: Any, *, times: int | None = None) -> Self:
        """Return a value: `times` in a row, or always."""

        async def call(*_: Any) -> Any:
            return value

        return self._add(call, times)

    def returns_in_turn(self, values: Iterable[Any]) -> Self:
        """Return one value after the other, one a call."""
        for value in values:
            self.returns(value, times=1)
        return self

    def fails_with(
        self, error: BaseException | type[BaseException], *, times: int | None = None
    ) -> Self:
        """Raise an error: `times` in a row, or always.

        Raises:
            ValueError: `error` is no exception.
        """
        given: Any = error
        kind: type[Any] = given if isinstance(given, type) else type(given)
        if not issubclass(kind, BaseException):
            raise ValueError(  # noqa: TRY004  the same for every script
                f"{self.name!r} can only fail with an exception, such as ValueError('boom'); found "
                f"{error!r}"
            )

        async def call(*_: Any) -> Any:
            raise error if isinstance(error, type) else error.with_traceback(None)

        return self._add(call, times)

    def calls(self, fn: Callable[..., Any], *, times: int | None = None) -> Self:
        """Call `fn`, plain or async, with the arguments of the real code.

        Raises:
            ValueError: `fn` cannot be called.
        """
        if not callable(fn):
            raise ValueError(  # noqa: TRY004  the same for every script
                f"{self.name!r} is to call something that can be called; found {fn!r}"
            )

        async def call(*args: Any) -> Any:
            value: Any = fn(*args)
            return await value if inspect.isawaitable(value) else value

        return self._add(call, times)

    def _add(self, call: Callable[..., Any], times: int | None) -> Self:
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        if self.behaviours and self.behaviours[-1].times is None:
            raise ValueError(
                f"{self.name!r} already does something in all further calls: give what stands "
                "before a number of `times`"
            )
        self.behaviours.append(Behaviour(call, times))
        return self


class Play:
    """A script as one run goes through it."""

    __slots__ = ("_behaviours", "_left", "calls", "name")

    def __init__(self, script: Script) -> None:
        self.name = script.name
        self.calls = 0
        self._behaviours = iter(tuple(script.behaviours))
        self._left: Behaviour | None = None

    def next_call(self) -> Callable[..., Any] | None:
        """Return what is called now; None when the script has ended."""
        self.calls += 1
        if self._left is None:
            self._left = next(self._behaviours, None)
        behaviour = self._left
        if behaviour is None:
            return None
        if behaviour.times is not None:
            left = behaviour.times - 1
            self._left = behaviour._replace(times=left) if left else None
        return behaviour.call
