"""Functions that a database knows and this server does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import ErrorObject, ExecutionStatus
from durable_testing.engine import LocalFunction, RemoteFunctionError
from durable_testing.model import ListQuery
from durable_testing.store.errors import StoreError

if TYPE_CHECKING:
    from durable_testing.engine import LocalEngine, RemoteCall
    from durable_testing.model import ServiceModel

_OPEN = (ExecutionStatus.RUNNING, ExecutionStatus.PAUSING, ExecutionStatus.PAUSED)


class _Unserved:
    """Fails the calls of a function that nobody runs."""

    async def call(self, call: RemoteCall) -> str:
        message = f"Nothing runs the function {call.function_name!r} on this server."
        raise RemoteFunctionError(ErrorObject(message, "ResourceNotFoundException"))


def stand_in_for_unserved(engine: LocalEngine) -> None:
    """Let calls of functions that are not served fail, one by one.

    Raises:
        StoreError: The database holds unfinished executions of one; they would all be lost.
    """
    for config in engine.model.functions():
        if config.name in engine.functions:
            continue
        if config.is_durable and _has_unfinished(engine.model, config.name):
            raise StoreError(
                f"the database holds unfinished executions of {config.name!r}: serve it too, or "
                "stop them"
            )
        engine.functions[config.name] = LocalFunction(config=config, remote=_Unserved())


def _has_unfinished(model: ServiceModel, name: str) -> bool:
    return any(
        model.list_executions(name, ListQuery(statuses=(status,), max_items=1)).executions
        for status in _OPEN
    )
