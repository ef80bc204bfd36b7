"""Plugins that the environment switches on, without a change of code."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from durable_core._values.errors import ValidationError

if TYPE_CHECKING:
    from durable_core._host.workflow import PluginFactory

VARIABLE: Final = "DURABLE_PLUGINS"
ENTRY_POINTS: Final = "durable.plugins"


def switched_on() -> tuple[PluginFactory, ...]:
    """Return the plugins that `DURABLE_PLUGINS` names, separated by commas.

    Each name is an entry point of the group `durable.plugins`: a callable that is called once a
    process and returns what makes the plugin of an invocation.

    Raises:
        ValidationError: No installed package offers a plugin of that name.
    """
    names = os.environ.get(VARIABLE)
    return _loaded(names) if names else ()


@lru_cache
def _loaded(names: str) -> tuple[PluginFactory, ...]:
    # Loaded only here: it costs more to import than an invocation takes.
    from importlib.metadata import entry_points  # noqa: PLC0415

    offered = entry_points(group=ENTRY_POINTS)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if missing := [name for name in wanted if name not in offered.names]:
        raise ValidationError(
            f"{VARIABLE} names {', '.join(missing)}; the installed packages offer "
            f"{', '.join(sorted(offered.names)) or 'no plugin'}"
        )
    return tuple(offered[name].load()() for name in wanted)
