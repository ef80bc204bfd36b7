"""Plugins: those a workflow is given, and those the environment switches on."""

from __future__ import annotations

import inspect
import logging
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from durable_core._values.errors import ValidationError
from durable_core._values.hooks import HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from importlib.metadata import EntryPoint

    from durable_core._values.instrument import Instrumentation

PluginFactory: TypeAlias = "Callable[[], Instrumentation]"
"""Makes the plugin of one invocation."""

_LOG = logging.getLogger("durable_core")
VARIABLE: Final = "DURABLE_PLUGINS"
ENTRY_POINTS: Final = "durable.plugins"


def switched_on() -> tuple[PluginFactory, ...]:
    """Return the plugins that `DURABLE_PLUGINS` names, separated by commas.

    Each name is an entry point of the group `durable.plugins`: a callable that is called once a
    process and returns what makes the plugin of an invocation.

    Raises:
        ValidationError: No installed package offers a plugin of that name, or it cannot be loaded.
    """
    names = os.environ.get(VARIABLE)
    return _loaded(names) if names else ()


@lru_cache
def _loaded(names: str) -> tuple[PluginFactory, ...]:
    # Loaded only here: it costs more to import than an invocation takes.
    from importlib.metadata import entry_points  # noqa: PLC0415

    offered = entry_points(group=ENTRY_POINTS)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = f"the installed packages offer {', '.join(sorted(offered.names)) or 'no plugin'}"
    if missing := [name for name in wanted if name not in offered.names]:
        raise ValidationError(
            f"{VARIABLE} names {', '.join(missing)}; {known}. Correct the variable, or install the "
            "package that offers what it names"
        )
    return tuple(_load(offered[name], known) for name in wanted)


def _load(offer: EntryPoint, known: str) -> PluginFactory:
    try:
        return offer.load()()
    except Exception as error:
        raise ValidationError(
            f"{VARIABLE} names {offer.name}, and loading {offer.value} raised "
            f"{type(error).__name__}: {error}. Mend what it says, or take the name out; {known}"
        ) from error


def checked_plugins(plugins: Iterable[PluginFactory]) -> tuple[PluginFactory, ...]:
    """The plugins of a workflow, each of them something that makes a plugin when it is called.

    Raises:
        ValidationError: It is no list of them.
    """
    if not plugins:
        return ()
    given: Any = plugins
    try:
        listed = tuple(given)
    except TypeError:
        raise ValidationError(
            "plugins must be a list of what makes plugins, plugins=[instrument()]; found "
            f"{given!r}, which is no list"
        ) from None
    for make in listed:
        if wrong := _wrong(make):
            raise ValidationError(
                "plugins must be a list of what makes a plugin for each invocation, "
                f"plugins=[instrument()] or plugins=[MyPlugin]; found {wrong}"
            )
    return listed


def made_plugins(factories: Iterable[PluginFactory]) -> tuple[Instrumentation, ...]:
    """The plugins of one invocation; what makes none is reported and ignored, as a failing hook is.

    Workflow code goes on without: an error here would fail each invocation of the execution.
    """
    made = (_made(make) for make in factories)
    return tuple(plugin for plugin in made if plugin is not None)


def _made(make: PluginFactory) -> Instrumentation | None:
    expected = f"the plugin factory {_name(make)} must make an Instrumentation"
    try:
        plugin = make()
        found = None if _is_plugin(plugin) else repr(plugin)
    except Exception as error:  # noqa: BLE001
        _LOG.warning("%s; it raised and is ignored", expected, exc_info=error)
        return None
    if found is None:
        return plugin
    _LOG.warning("%s; it made %s and is ignored", expected, found)
    return None


def _wrong(make: Any) -> str | None:
    """What is wrong with what should make a plugin, if anything is."""
    name = _name(make)
    if isinstance(make, type):
        if not _has_hooks(make):
            return f"the class {name}, which is no Instrumentation"
    elif not callable(make):
        if not _has_hooks(make):
            return repr(make)
        return f"an object of {name}, which serves one invocation: give the class, or a lambda"
    elif _makes_a_factory(make):
        return f"{name}, which is a function that makes the plugin: plugins=[{name}()]"
    if refused := _needs_arguments(make):
        return f"{name}, which cannot be called without arguments: {refused}"
    return None


def _needs_arguments(make: Any) -> str | None:
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):
        return None  # some callables do not tell
    try:
        signature.bind()
    except TypeError as error:
        return str(error)
    return None


def _makes_a_factory(make: Any) -> bool:
    """Whether a function says that it returns something to call, and no plugin."""
    try:
        hint = make.__annotations__.get("return")
        made = make.__globals__.get(hint) if isinstance(hint, str) else hint
    except Exception:  # noqa: BLE001 - callables have none; Python 3.14 evaluates them here
        return False
    if not isinstance(made, type) or _has_hooks(made):
        return False
    return any("__call__" in vars(part) for part in made.__mro__)


def _is_plugin(made: object) -> bool:
    return _has_hooks(made) and not isinstance(made, type)


def _has_hooks(plugin: object) -> bool:
    return any(hasattr(plugin, hook) for hook in HOOKS)


def _name(make: Any) -> str:
    return getattr(make, "__name__", type(make).__name__)
