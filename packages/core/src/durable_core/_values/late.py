"""Names of a module that are imported when somebody asks for them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def late_names(module: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of `module` for names that live in other modules, `homes`.

    What many workflows never use does not make each cold start longer.
    """

    def find(name: str) -> object:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        setattr(sys.modules[module], name, value)
        return value

    return find
