"""MODULE:HANDLER: from what is typed to a function the engine can run."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from durable_core import ValidationError
from durable_testing.cli.errors import UsageError
from durable_testing.engine import durable_function, is_durable, plain_function, with_qualifiers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from durable_testing.engine import LocalFunction

DEFAULT_ATTRIBUTE: Final = "handler"
_MAX_NAME: Final = 64
_ROLES: Final = re.compile(r"[^A-Za-z0-9_-]+")


def load_workflow(target: str) -> LocalFunction:
    """Return the workflow MODULE:HANDLER, under a name made from it."""
    handler = load(target)
    try:
        return durable_function(function_name(target), handler)
    except ValidationError as error:
        raise UsageError(f"{target} is not a workflow: {error}") from None


def load_callees(options: Iterable[str]) -> dict[str, LocalFunction]:
    """Return functions for chained invokes by name, each given as NAME[:ALIAS]=MODULE:HANDLER."""
    functions: dict[str, LocalFunction] = {}
    for option in options:
        name = option.partition("=")[0]
        if name in functions:
            raise UsageError(f"--function {name} is given more than once")
        functions[name] = load_function(option)
    try:
        with_qualifiers(functions)
    except ValidationError as error:
        raise UsageError(f"--function: {error}") from None
    return functions


def load_function(option: str) -> LocalFunction:
    """Return a function for chained invokes, given as NAME[:ALIAS]=MODULE:HANDLER."""
    name, equals, target = option.partition("=")
    if not equals or not name:
        raise UsageError(
            f"--function {option!r}: write NAME=MODULE:HANDLER or NAME:ALIAS=MODULE:HANDLER"
        )
    bare, _, alias = name.partition(":")
    handler = load(target)
    make = durable_function if is_durable(handler) else plain_function
    try:
        return make(bare, handler, alias=alias or None)
    except ValidationError as error:
        raise UsageError(f"--function {option!r}: {error}") from None


def function_name(target: str) -> str:
    """Return the name under which a handler's executions are kept, the same for the same target."""
    module, _, attribute = target.partition(":")
    parts = [module] if attribute == DEFAULT_ATTRIBUTE else [module, attribute]
    return _ROLES.sub("-", "-".join(parts)).strip("-")[-_MAX_NAME:]


def load(target: str) -> Any:
    """Import MODULE and return what HANDLER names in it; the current directory comes first."""
    module_name, colon, attribute = target.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        guess = Path(module_name).stem
        raise UsageError(f"name the module, not its file: {guess}:{attribute or DEFAULT_ATTRIBUTE}")
    if not colon or not module_name or not attribute:
        raise UsageError(f"{target!r} is not MODULE:HANDLER, e.g. orders:handler")
    module = _import(module_name)
    value: Any = module
    for name in attribute.split("."):
        value = getattr(value, name, None)
        if value is None:
            raise UsageError(f"{module_name} has no {attribute!r}{_candidates(module)}")
    return value


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(
                f"there is no module {error.name!r}, neither in {here} nor among the installed ones"
            ) from None
        raise UsageError(_said(name, error)) from error
    except (Exception, SystemExit) as error:
        raise UsageError(_said(name, error)) from error


def _said(name: str, error: BaseException) -> str:
    """Say in one line what went wrong while a module was imported, and where."""
    if isinstance(error, SyntaxError):
        return f"{name} cannot be imported: {error.filename}:{error.lineno}: {error.msg}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen")
    ]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{name} cannot be imported: {type(error).__name__}: {error}{place}"


def _candidates(module: ModuleType) -> str:
    """Name what could have been meant."""
    possible = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", module.__name__) == module.__name__
        and is_durable(value)
    }
    # Any async function of two parameters could be one; most that are not show it by their names.
    names = [name for name, value in possible.items() if _looks_like_workflow(value)] or possible
    return f"; its workflows: {', '.join(names)}" if names else "; it has no workflow"


def _looks_like_workflow(value: Any) -> bool:
    if not inspect.iscoroutinefunction(value):
        return True  # decorated
    parameters = [*inspect.signature(value).parameters.values()]
    if [each.name for each in parameters] == ["event", "context"]:
        return True
    return any("DurableContext" in str(each.annotation) for each in parameters)
