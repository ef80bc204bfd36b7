"""A handler and its options: what a host runs."""

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from durable_core._values.errors import ValidationError
from durable_core._values.serdes_context import SerDes

if TYPE_CHECKING:
    from durable_core._values.instrument import Instrumentation

_PARAMETERS = ("event", "context")
PluginFactory: TypeAlias = Callable[[], "Instrumentation"]
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
        check_parameters(handler)
        return Workflow(handler)
    raise ValidationError(
        "a workflow is `async def handler(event, context)`, plain or decorated with "
        f"@durable_execution; found {handler!r}"
    )


def check_parameters(fn: Callable[..., Any]) -> None:
    """Refuse a handler that does not take an event and a context.

    Raises:
        ValidationError: It does not.
    """
    code = getattr(fn, "__code__", None)
    if code is not None and code.co_argcount == len(_PARAMETERS) and not code.co_kwonlyargcount:
        return
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return  # some callables do not tell
    try:
        signature.bind(*_PARAMETERS)
    except TypeError:
        name = getattr(fn, "__name__", type(fn).__name__)
        place = "" if code is None else f" ({code.co_filename}:{code.co_firstlineno})"
        raise ValidationError(
            f"a workflow takes the event and a context, `async def {name}(event, context)`; found "
            f"{name}({', '.join(signature.parameters)}){place}"
        ) from None
