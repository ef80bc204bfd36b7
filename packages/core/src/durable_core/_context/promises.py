"""context.promise: combine running operations; what comes of them is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from durable_core._context.names import split_value
from durable_core._context.options import checked_order
from durable_core._engine.future import DurableFuture
from durable_core._engine.loop import WorkflowTask
from durable_core._operations.combinators import Combination, Combinator
from durable_core._operations.scopes import open_here

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from durable_core._engine.scope import ContextBody
    from durable_core._values.generics import T
    from durable_core._values.settled import Settled


class Promises:
    """Combinators over operations, tasks and plain coroutines.

    The outcome is a step's record: a replay takes it from there, whatever the inputs did later. A
    plain coroutine runs as part of that step: operations in it are a `ContextScopeError`.
    """

    __slots__ = ("_body",)

    def __init__(self, body: ContextBody) -> None:
        self._body = body

    @overload
    def all(
        self, name: str | None, awaitables: Iterable[Awaitable[T]], /
    ) -> DurableFuture[list[T]]: ...
    @overload
    def all(self, awaitables: Iterable[Awaitable[T]], /) -> DurableFuture[list[T]]: ...
    def all(self, *args: Any) -> DurableFuture[list[Any]]:
        """All values, in the order given; the first error is raised."""
        return self._combine("all", Combination.ALL, args)

    @overload
    def all_settled(
        self, name: str | None, awaitables: Iterable[Awaitable[T]], /
    ) -> DurableFuture[list[Settled[T]]]: ...
    @overload
    def all_settled(
        self, awaitables: Iterable[Awaitable[T]], /
    ) -> DurableFuture[list[Settled[T]]]: ...
    def all_settled(self, *args: Any) -> DurableFuture[list[Settled[Any]]]:
        """How each one ended, in the order given; raises nothing of theirs."""
        return self._combine("all_settled", Combination.ALL_SETTLED, args)

    @overload
    def any(
        self, name: str | None, awaitables: Iterable[Awaitable[T]], /, *, cancel_losers: bool = ...
    ) -> DurableFuture[T]: ...
    @overload
    def any(
        self, awaitables: Iterable[Awaitable[T]], /, *, cancel_losers: bool = ...
    ) -> DurableFuture[T]: ...
    def any(self, *args: Any, cancel_losers: bool = False) -> DurableFuture[Any]:
        """The first success; `PromiseError` with all errors when there is none.

        The others run on until the handler returns, unless `cancel_losers`.
        """
        return self._combine("any", Combination.ANY, args, cancel_losers=cancel_losers)

    @overload
    def race(
        self, name: str | None, awaitables: Iterable[Awaitable[T]], /, *, cancel_losers: bool = ...
    ) -> DurableFuture[T]: ...
    @overload
    def race(
        self, awaitables: Iterable[Awaitable[T]], /, *, cancel_losers: bool = ...
    ) -> DurableFuture[T]: ...
    def race(self, *args: Any, cancel_losers: bool = False) -> DurableFuture[Any]:
        """The first to end, with its value or its error; the others as with `any`."""
        return self._combine("race", Combination.RACE, args, cancel_losers=cancel_losers)

    def _combine(
        self, method: str, how: Combination, args: tuple[Any, ...], *, cancel_losers: bool = False
    ) -> DurableFuture[Any]:
        method = f"promise.{method}"
        name, awaitables = split_value(method, "awaitables", args)
        if not _is_ordered(awaitables):
            checked_order(method, "awaitables", awaitables)
        body = self._body
        return open_here(
            Combinator(body.engine, body, name, how, awaitables, cancel_losers=cancel_losers)
        )


def _is_ordered(awaitables: Any) -> bool:
    """Whether it is a set of handles and tasks: those iterate alike on every replay."""
    kinds = (DurableFuture, WorkflowTask)
    return isinstance(awaitables, set) and all(isinstance(entry, kinds) for entry in awaitables)  # pyright: ignore[reportUnknownVariableType]
