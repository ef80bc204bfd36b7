"""Which handler answers which requirement, and the functions they are deployed as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_aws_lambda import DurableHandler, durable_execution

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any

    from durable_core import DurableContext
    from durable_core.lowlevel import PluginFactory

    Workflow = Callable[[Any, DurableContext], Awaitable[Any]]

FUNCTIONS: dict[str, DurableHandler] = {}
"""Every deployed function by its name: `<suite>-<handler>`."""

REQUIREMENTS: dict[str, str] = {}
"""The function that answers each requirement."""


def requirement(
    *ids: str, plugins: Sequence[PluginFactory] = ()
) -> Callable[[Workflow], DurableHandler]:
    """Deploy a handler as the answer to these requirements."""

    def deploy(workflow: Workflow) -> DurableHandler:
        handler = target(workflow, plugins=plugins)
        for requirement_id in ids:
            assert requirement_id not in REQUIREMENTS, f"{requirement_id} has two handlers"
            REQUIREMENTS[requirement_id] = function_name(workflow)
        return handler

    return deploy


def target(workflow: Workflow, *, plugins: Sequence[PluginFactory] = ()) -> DurableHandler:
    """Deploy a durable function that no requirement starts: others invoke it."""
    handler = durable_execution(plugins=plugins)(workflow)
    FUNCTIONS[function_name(workflow)] = handler
    return handler


def function_name(workflow: Workflow) -> str:
    """Return the name a handler is deployed under."""
    suite = workflow.__module__.rpartition(".")[2]
    return f"{suite}-{workflow.__name__}"
