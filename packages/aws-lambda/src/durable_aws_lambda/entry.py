"""`@durable_execution`: an async workflow becomes a Lambda handler."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from durable_core.lowlevel import DurableService, PluginFactory, SerDes, Workflow


class DurableHandler:
    """A workflow that Lambda can call: `handler(event, lambda_context) -> dict`."""

    def __init__(
        self,
        fn: Callable[[Any, Any], Awaitable[Any]],
        *,
        client: Any = None,
        plugins: Sequence[PluginFactory] = (),
        serdes: SerDes[Any] | None = None,
        max_workers: int | None = None,
    ) -> None:
        self._fn = fn
        self._client: DurableService | Any = client
        self._plugins = tuple(plugins)
        self._serdes = serdes
        self._max_workers = max_workers
        update_wrapper(self, fn)

    @property
    def workflow(self) -> Workflow:
        """The handler and its options, as every host runs it."""
        from durable_core.lowlevel import Workflow  # noqa: PLC0415

        return Workflow(self._fn, serdes=self._serdes, plugins=self._plugins)

    def __call__(self, event: Any, lambda_context: Any) -> dict[str, Any]:
        """Run one invocation and return its response envelope."""
        raise NotImplementedError


@overload
def durable_execution(
    fn: Callable[[Any, Any], Awaitable[Any]],
) -> DurableHandler: ...
@overload
def durable_execution(
    fn: None = None,
    *,
    client: Any = None,
    plugins: Sequence[PluginFactory] = (),
    serdes: SerDes[Any] | None = None,
    max_workers: int | None = None,
) -> Callable[[Callable[[Any, Any], Awaitable[Any]]], DurableHandler]: ...
def durable_execution(
    fn: Callable[[Any, Any], Awaitable[Any]] | None = None, **options: Any
) -> DurableHandler | Callable[[Callable[[Any, Any], Awaitable[Any]]], DurableHandler]:
    """Turn an async handler into a Lambda handler."""
    if fn is not None:
        return DurableHandler(fn, **options)
    return lambda decorated: DurableHandler(decorated, **options)
