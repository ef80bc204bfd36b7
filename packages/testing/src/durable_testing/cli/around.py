"""What an operation's record does not say: its deadline, whom it called, where the file is."""

from __future__ import annotations

import shlex
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core.lowlevel import OperationType
from durable_testing.cli.options import DEFAULT_DB
from durable_testing.model import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from durable_core.lowlevel import Operation
    from durable_testing.model import HistoryEvent, ServiceModel

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Around(NamedTuple):
    """What surrounds an execution's operations; the keys are their ids."""

    database: Path = DEFAULT_DB
    due_ms: Mapping[str, int] = MappingProxyType({})
    """When an open one changes by itself."""
    called: Mapping[str, str] = _NOTHING
    """The name of the execution that a chained invoke started."""

    def command(self, *words: str) -> str:
        """Return a `durable` command on this file, to be pasted."""
        options = () if self.database == DEFAULT_DB else ("--db", str(self.database))
        return shlex.join(("durable", *words, *options))


def around(
    model: ServiceModel, execution_arn: str, operations: Iterable[Operation], database: Path
) -> Around:
    """Look at what surrounds an execution's operations."""
    is_calling = any(each.type is OperationType.CHAINED_INVOKE for each in operations)
    called = called_by(model.history(execution_arn)) if is_calling else _NOTHING
    return Around(database, model.due_times(execution_arn), called)


def called_by(events: Iterable[HistoryEvent]) -> Mapping[str, str]:
    """Return the names of the executions that chained invokes started."""
    started = (event for event in events if event.type is EventType.CHAINED_INVOKE_STARTED)
    return {
        event.operation_id or "": str(arn).split("/")[-2]
        for event in started
        if (arn := event.details.get("DurableExecutionArn"))
    }
