"""DurableContext: what workflow code holds; every method is one delegation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from durable_core._context.names import split_function, split_value
from durable_core._context.options import checked_strategy
from durable_core._context.outside import OutsideMethods
from durable_core._context.steps import StepMethods
from durable_core._operations.scopes import open_here
from durable_core._values.nesting import NestingType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import Unpack

    from durable_core._context.batch_api import Branch
    from durable_core._engine.future import DurableFuture
    from durable_core._values.batch import BatchResult
    from durable_core._values.completion import CompletionConfig
    from durable_core._values.generics import T, Ts, U
    from durable_core._values.retry import RetryStrategy
    from durable_core._values.serdes import SerDes


class DurableContext(StepMethods, OutsideMethods):
    """Starts operations: the handler's context, a child's, an item's, a branch's.

    Every operation starts when it is called and returns a `DurableFuture`. Its name comes first and
    may be left out. A context is used in the body it was given to, and in tasks started there.
    """

    __slots__ = ()

    @overload
    def run_in_child_context(
        self,
        name: str | None,
        fn: Callable[[DurableContext, Unpack[Ts]], Awaitable[T]],
        /,
        *args: *Ts,
        serdes: SerDes[T] | None = ...,
        summary: Callable[[T], str] | None = ...,
        virtual: bool = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def run_in_child_context(
        self,
        fn: Callable[[DurableContext, Unpack[Ts]], Awaitable[T]],
        /,
        *args: *Ts,
        serdes: SerDes[T] | None = ...,
        summary: Callable[[T], str] | None = ...,
        virtual: bool = ...,
    ) -> DurableFuture[T]: ...
    def run_in_child_context(
        self,
        *args: Unpack[Ts],  # noqa: UP044  type checkers take no other spelling here
        serdes: SerDes[Any] | None = None,
        summary: Callable[[Any], str] | None = None,
        virtual: bool = False,
    ) -> DurableFuture[Any]:
        """Run `fn(child, *args)` with operation ids of its own: `([name], fn, *args)`.

        A result over 256 KB is not recorded: `summary(result)` is, and a replay runs the body again
        over its operations' records. `virtual` groups without an operation of its own.

        Raises:
            ChildContextError: When awaited: the body raised.
        """
        # Late, here and below: a cold start does not wait for what its workflow never uses.
        from durable_core._operations.child import Child  # noqa: PLC0415

        name, fn, rest = split_function("run_in_child_context", args)
        body = self._body
        child: Child[Any] = Child(
            body.engine,
            body,
            name,
            fn,
            rest,
            serdes=serdes,
            summary=summary,
            is_virtual=virtual,
        )
        return open_here(child)

    @overload
    def map(
        self,
        name: str | None,
        items: Iterable[U],
        fn: Callable[[DurableContext, U, int], Awaitable[T]],
        /,
        *,
        max_concurrency: int | None = ...,
        completion: CompletionConfig | None = ...,
        item_namer: Callable[[U, int], str] | None = ...,
        nesting: NestingType = ...,
        serdes: SerDes[BatchResult[T]] | None = ...,
        item_serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[BatchResult[T]]: ...
    @overload
    def map(
        self,
        items: Iterable[U],
        fn: Callable[[DurableContext, U, int], Awaitable[T]],
        /,
        *,
        max_concurrency: int | None = ...,
        completion: CompletionConfig | None = ...,
        item_namer: Callable[[U, int], str] | None = ...,
        nesting: NestingType = ...,
        serdes: SerDes[BatchResult[T]] | None = ...,
        item_serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[BatchResult[T]]: ...
    def map(
        self,
        *args: Any,
        max_concurrency: int | None = None,
        completion: CompletionConfig | None = None,
        item_namer: Callable[[Any, int], str] | None = None,
        nesting: NestingType = NestingType.NESTED,
        serdes: SerDes[Any] | None = None,
        item_serdes: SerDes[Any] | None = None,
    ) -> DurableFuture[BatchResult[Any]]:
        """Run `fn(child, item, index)` for each item: `([name], items, fn)`.

        Args:
            args: An optional name (default: the function's), the items, the function.
            max_concurrency: Items that run at once; a suspended item keeps its place. None: all.
            completion: When to end early; by default the first failure does.
            item_namer: Names an item's context; by default `map-item-{index}`.
            nesting: Whether each item has a context operation of its own.
            serdes: Of the whole `BatchResult`.
            item_serdes: Of each item's result.
        """
        from durable_core._context import batch_api  # noqa: PLC0415

        name, items, fn = batch_api.split_map(args)
        return batch_api.open_batch(
            self._body,
            name,
            batch_api.item_bodies(items, fn, item_namer),
            batch_api.MAP,
            max_concurrency=max_concurrency,
            completion=completion,
            nesting=nesting,
            serdes=serdes,
            item_serdes=item_serdes,
        )

    @overload
    def parallel(
        self,
        name: str | None,
        branches: Sequence[Callable[[DurableContext], Awaitable[T]] | Branch[T]],
        /,
        *,
        max_concurrency: int | None = ...,
        completion: CompletionConfig | None = ...,
        nesting: NestingType = ...,
        serdes: SerDes[BatchResult[T]] | None = ...,
        item_serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[BatchResult[T]]: ...
    @overload
    def parallel(
        self,
        branches: Sequence[Callable[[DurableContext], Awaitable[T]] | Branch[T]],
        /,
        *,
        max_concurrency: int | None = ...,
        completion: CompletionConfig | None = ...,
        nesting: NestingType = ...,
        serdes: SerDes[BatchResult[T]] | None = ...,
        item_serdes: SerDes[T] | None = ...,
    ) -> DurableFuture[BatchResult[T]]: ...
    def parallel(
        self,
        *args: Any,
        max_concurrency: int | None = None,
        completion: CompletionConfig | None = None,
        nesting: NestingType = NestingType.NESTED,
        serdes: SerDes[Any] | None = None,
        item_serdes: SerDes[Any] | None = None,
    ) -> DurableFuture[BatchResult[Any]]:
        """Run branches, each `fn(child)` or `Branch(name, fn)`: `([name], branches)`.

        Options as with `map`.
        """
        from durable_core._context import batch_api  # noqa: PLC0415

        name, branches = split_value("parallel", "branches", args)
        return batch_api.open_batch(
            self._body,
            name,
            batch_api.branch_bodies(branches),
            batch_api.PARALLEL,
            max_concurrency=max_concurrency,
            completion=completion,
            nesting=nesting,
            serdes=serdes,
            item_serdes=item_serdes,
        )

    @overload
    def with_retry(
        self,
        name: str | None,
        fn: Callable[[DurableContext, Unpack[Ts]], Awaitable[T]],
        /,
        *args: *Ts,
        retry_strategy: RetryStrategy | None = ...,
        serdes: SerDes[T] | None = ...,
        wrap: bool = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def with_retry(
        self,
        fn: Callable[[DurableContext, Unpack[Ts]], Awaitable[T]],
        /,
        *args: *Ts,
        retry_strategy: RetryStrategy | None = ...,
        serdes: SerDes[T] | None = ...,
        wrap: bool = ...,
    ) -> DurableFuture[T]: ...
    def with_retry(
        self,
        *args: Unpack[Ts],  # noqa: UP044  as above
        retry_strategy: RetryStrategy | None = None,
        serdes: SerDes[Any] | None = None,
        wrap: bool = True,
    ) -> DurableFuture[Any]:
        """Retry a group of operations: `fn(child, *args)`, one child context an attempt.

        The default strategy makes 3 attempts. `wrap=False` leaves out the context around all
        attempts: the last attempt's error is raised unchanged.
        """
        from durable_core._operations.with_retry import RetriedGroup  # noqa: PLC0415
        from durable_core._values.retry import create_retry_strategy  # noqa: PLC0415

        name, fn, rest = split_function("with_retry", args)
        checked_strategy(retry_strategy)
        body = self._body
        group: RetriedGroup[Any] = RetriedGroup(
            body.engine,
            body,
            name,
            fn,
            rest,
            retry_strategy=retry_strategy or create_retry_strategy(),
            serdes=serdes,
            wrap=wrap,
        )
        return open_here(group)
