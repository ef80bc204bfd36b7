"""Tells the pytest plugin of each result, where pytest runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from durable_testing.runner.result import ExecutionResult

_PLUGIN: Final = "durable_testing.pytest_plugin"


def announce(result: ExecutionResult) -> None:
    """Have the plugin show the execution, if it wants to."""
    plugin = sys.modules.get(_PLUGIN)
    if plugin is not None:
        plugin.results.append(result)
