"""A handler and its options: what a host runs."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from types import BuiltinFunctionType
from typing import Any, Final, NamedTuple

from durable_core._context.options import checked_serdes
from durable_core._host.plugins import PluginFactory, checked_plugins, switched_on
from durable_core._values.errors import ValidationError
from durable_core._values.serdes import DEFAULT_SERDES, check_for_pydantic
from durable_core._values.serdes_context import SerDes

_PARAMETERS: Final = ("event", "context")
_SHAPE: Final = (
    "a workflow is `async def handler(event, context)`, plain or decorated with @durable_execution"
)


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
        ValidationError: It is none of these, or it cannot be run as it is.
    """
    workflow = handler if isinstance(handler, Workflow) else getattr(handler, "workflow", None)
    if isinstance(workflow, Workflow):
        check_handler(workflow.fn)
        checked_plugins(workflow.plugins)
        return workflow
    fn: Any = handler
    check_handler(fn)
    return Workflow(fn)


def checked_workflow(
    fn: Callable[..., Awaitable[Any]],
    *,
    serdes: SerDes[Any] | None = None,
    plugins: Iterable[PluginFactory] = (),
) -> Workflow:
    """A workflow of what a user wrote: what could not run is refused before the first execution.

    Raises:
        ValidationError: The function or an option is not what it must be, or the input or the
            result is annotated with a class and pydantic is not installed; or `DURABLE_PLUGINS`
            names a plugin that cannot be had.
    """
    check_handler(fn)
    checked_serdes("serdes", serdes)
    check_for_pydantic(fn, serdes or DEFAULT_SERDES)
    given = checked_plugins(plugins)
    switched_on()  # found here, once, what would fail each invocation of each execution
    return Workflow(fn, serdes, given)


def check_handler(fn: Any) -> None:
    """Refuse a handler that is not `async def`, or does not take an event and a context.

    Raises:
        ValidationError: It is none.
    """
    code = getattr(fn, "__code__", None)
    if code is None or not code.co_flags & inspect.CO_COROUTINE:
        _check_async(fn)
    if code is None or code.co_argcount != len(_PARAMETERS) or code.co_kwonlyargcount:
        _check_parameters(fn)
    else:
        _check_order(fn, code.co_varnames[0])


def _check_async(fn: Any) -> None:
    """What `functools.wraps` an async function passes, and code that is not Python's."""
    if not callable(fn):
        raise ValidationError(f"{_SHAPE}; found {fn!r}")
    while isinstance(fn, partial):
        fn = fn.func
    inner: Any = inspect.unwrap(fn)
    called = getattr(_class(inner), "__call__", None)  # noqa: B004 - the function is looked at
    if isinstance(inner, type | BuiltinFunctionType):
        is_async = False
    elif hasattr(inner, "__code__") or hasattr(called, "__code__"):
        is_async = inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(called)
    else:
        is_async = True  # compiled: only its call will tell
    if not is_async:
        raise ValidationError(f"{_SHAPE}; found {_kind(inner)}, not async def{_place(inner)}")


def _check_parameters(fn: Callable[..., Any]) -> None:
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return  # some callables do not tell
    try:
        signature.bind(*_PARAMETERS)
    except TypeError:
        name = _name(fn)
        bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
        found = signature.replace(parameters=bare, return_annotation=signature.empty)
        raise ValidationError(
            f"a workflow takes the event and a context, `async def {name}(event, context)`; found "
            f"{name}{found}{_place(fn)}"
        ) from None


def _check_order(fn: Callable[..., Any], first: str) -> None:
    try:
        hint = fn.__annotations__.get(first)
    except Exception:  # noqa: BLE001 - from Python 3.14 on, annotations are evaluated here
        return
    if hint is None:
        return
    named = hint if isinstance(hint, str) else getattr(hint, "__name__", "")
    if named.rpartition(".")[2] == "DurableContext":
        raise ValidationError(
            f"a workflow takes the event and a context: the order is (event, context); found a "
            f"DurableContext as the first parameter, {first!r}, of {_name(fn)}{_place(fn)}"
        )


def _class(value: object) -> type:
    return type(value)


def _kind(fn: Any) -> str:
    code = getattr(fn, "__code__", None)
    if code is None:
        return repr(fn)
    name = "a lambda" if code.co_name == "<lambda>" else f"{code.co_name}()"
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        return f"{name}, which is a generator (it has a yield)"
    return name


def _name(fn: Any) -> str:
    return getattr(fn, "__name__", type(fn).__name__)


def _place(fn: Any) -> str:
    code = getattr(fn, "__code__", None)
    return "" if code is None else f" ({code.co_filename}:{code.co_firstlineno})"
