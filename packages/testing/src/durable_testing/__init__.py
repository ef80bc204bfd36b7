"""Tests workflows in virtual time, and runs them on a laptop. What is used is loaded when used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from durable_testing.engine import VirtualClock
    from durable_testing.replays import HistoryError, ReplayReport, replay
    from durable_testing.runner import (
        CallbackScript,
        CloudExecution,
        CloudTestRunner,
        Deviation,
        DurableTestRunner,
        ExecutionBlockedError,
        ExecutionFailedError,
        ExecutionResult,
        Exploration,
        Fault,
        HistoryChangedError,
        OpenedCallback,
        OperationNotFoundError,
        RecordedOperation,
        ReplayCheckError,
        RunHandle,
        Script,
        ScriptError,
    )

_HOMES: Final = {
    "CallbackScript": "durable_testing.runner",
    "CloudExecution": "durable_testing.runner",
    "CloudTestRunner": "durable_testing.runner",
    "Deviation": "durable_testing.runner",
    "DurableTestRunner": "durable_testing.runner",
    "Exploration": "durable_testing.runner",
    "ExecutionBlockedError": "durable_testing.runner",
    "ExecutionFailedError": "durable_testing.runner",
    "ExecutionResult": "durable_testing.runner",
    "Fault": "durable_testing.runner",
    "HistoryChangedError": "durable_testing.runner",
    "HistoryError": "durable_testing.replays",
    "OpenedCallback": "durable_testing.runner",
    "OperationNotFoundError": "durable_testing.runner",
    "RecordedOperation": "durable_testing.runner",
    "ReplayCheckError": "durable_testing.runner",
    "ReplayReport": "durable_testing.replays",
    "RunHandle": "durable_testing.runner",
    "Script": "durable_testing.runner",
    "ScriptError": "durable_testing.runner",
    "VirtualClock": "durable_testing.engine",
    "replay": "durable_testing.replays",
}

__all__ = (
    "CallbackScript",
    "CloudExecution",
    "CloudTestRunner",
    "Deviation",
    "DurableTestRunner",
    "ExecutionBlockedError",
    "ExecutionFailedError",
    "ExecutionResult",
    "Exploration",
    "Fault",
    "HistoryChangedError",
    "HistoryError",
    "OpenedCallback",
    "OperationNotFoundError",
    "RecordedOperation",
    "ReplayCheckError",
    "ReplayReport",
    "RunHandle",
    "Script",
    "ScriptError",
    "VirtualClock",
    "replay",
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
