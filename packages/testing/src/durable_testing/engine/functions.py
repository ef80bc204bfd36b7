"""The functions an engine runs: durable workflows, plain functions, and code elsewhere."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from durable_core import ValidationError
from durable_core.lowlevel import FUNCTION_NAME_PATTERN, Workflow, workflow_of
from durable_testing.model import FunctionConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_testing.engine.remote import RemoteCode

MAX_EXECUTION_SECONDS: Final = 366 * 86_400
"""The longest execution the service allows (service 5.1)."""
LAMBDA_PARAMETERS: Final = 2
"""A function of a payload alone has one, `handler(event, context)` has two."""


class UnknownFunctionError(LookupError):
    """An execution needs a function that the engine was not given.

    An invocation that ends with it is not over for the service: it goes on with the next engine.

    Attributes:
        function_name: The function.
    """

    def __init__(self, message: str, function_name: str) -> None:
        super().__init__(message)
        self.function_name = function_name


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFunction:
    """A function as the engine runs it.

    Attributes:
        config: What the service model knows of it.
        workflow: The durable handler; None for a plain function.
        plain: The plain function, `fn(payload)` or `fn(payload, None)`, sync or async.
        remote: Reaches the process that runs the code, durable or plain, in place of both.
        timeout_seconds: How long one invocation or call may take; None: as long as it wants.
        versions: What runs in place of it for certain versions.
    """

    config: FunctionConfig
    workflow: Workflow | None = None
    plain: Callable[..., Any] | None = None
    remote: RemoteCode | None = None
    timeout_seconds: float | None = None
    versions: Mapping[str, LocalFunction] = field(default_factory=dict[str, "LocalFunction"])

    def at(self, version: str) -> LocalFunction:
        """What runs for a version."""
        return self.versions.get(version, self)

    @property
    def name(self) -> str:
        """Its bare name."""
        return self.config.name


def durable_function(
    name: str,
    handler: Any,
    *,
    execution_timeout_seconds: int = MAX_EXECUTION_SECONDS,
    timeout_seconds: float | None = None,
    alias: str | None = None,
) -> LocalFunction:
    """Return a durable function.

    Raises:
        ValidationError: `handler` is no workflow, or the name cannot be a function's.
    """
    config = FunctionConfig(
        name=_checked(name),
        execution_timeout_seconds=execution_timeout_seconds,
        aliases={alias: "1"} if alias else {},
    )
    return LocalFunction(
        config=config, workflow=workflow_of(handler), timeout_seconds=timeout_seconds
    )


def plain_function(
    name: str,
    fn: Callable[..., Any],
    *,
    timeout_seconds: float | None = None,
    alias: str | None = None,
) -> LocalFunction:
    """Return a function that is called once for each chained invoke of it.

    Raises:
        ValidationError: `fn` is not callable, or the name cannot be a function's.
    """
    if not callable(fn):
        raise ValidationError(f"function {name!r} must be callable, not {type(fn).__name__}")
    config = FunctionConfig(name=_checked(name), aliases={alias: "1"} if alias else {})
    return LocalFunction(config=config, plain=fn, timeout_seconds=timeout_seconds)


def is_durable(handler: Any) -> bool:
    """Whether a handler is meant as a workflow: decorated, or `async def f(event, context)`."""
    if isinstance(handler, Workflow) or hasattr(handler, "workflow"):
        return True
    return inspect.iscoroutinefunction(handler) and parameter_count(handler) == LAMBDA_PARAMETERS


def parameter_count(fn: Callable[..., Any]) -> int:
    """How many positional arguments a function must be given; 1 when that is not known."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in positional and each.default is each.empty for each in parameters)


def _checked(name: str) -> str:
    if not FUNCTION_NAME_PATTERN.fullmatch(name):
        raise ValidationError(f"{name!r} cannot be a function's name: use letters, digits, - and _")
    return name
