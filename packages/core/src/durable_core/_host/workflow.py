"""A handler and its options: what a host runs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from durable_core._values.errors import ValidationError
from durable_core._values.instrument import Instrumentation

if TYPE_CHECKING:
    from durable_core._values.serdes import SerDes

PluginFactory: TypeAlias = Callable[[], Instrumentation]
"""Makes the plugin of one invocation."""


class Workflow(NamedTuple):
    """A durable function.

    Attributes:
        fn: `async def handler(event, context)`.
        serdes: The default serdes of its operations, its input and its result.
        plugins: Called once an invocation, for its instrumentation.
    """

    fn: Callable[..., Awaitable[Any]]
    serdes: SerDes[Any] | None = None
    plugins: tuple[PluginFactory, ...] = ()

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.fn, "__name__", type(self.fn).__name__)


def workflow_of(handler: object) -> Workflow:
    """The workflow behind a handler: an async function, a `Workflow`, or what has `.workflow`.

    Raises:
        ValidationError: It is none of these.
    """
    if isinstance(handler, Workflow):
        return handler
    workflow = getattr(handler, "workflow", None)
    if isinstance(workflow, Workflow):
        return workflow
    if inspect.iscoroutinefunction(handler):
        return Workflow(handler)
    raise ValidationError(
        "a workflow is `async def handler(event, context)`, plain or decorated with "
        f"@durable_execution; found {handler!r}"
    )
