"""Runs workflows in tests: virtual time, a scripted outside, and results to look at."""

from durable_testing.runner.callbacks import CallbackScript, OpenedCallback
from durable_testing.runner.cloud import CloudExecution, CloudTestRunner
from durable_testing.runner.errors import (
    ExecutionFailedError,
    HistoryChangedError,
    OperationNotFoundError,
    ScriptError,
)
from durable_testing.runner.explore import Deviation, Exploration
from durable_testing.runner.faults import Fault
from durable_testing.runner.handle import RunHandle
from durable_testing.runner.operations import RecordedOperation
from durable_testing.runner.result import ExecutionResult
from durable_testing.runner.runner import DurableTestRunner
from durable_testing.runner.script import Script
from durable_testing.runner.verdicts import ExecutionBlockedError, ReplayCheckError

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
    "OpenedCallback",
    "OperationNotFoundError",
    "RecordedOperation",
    "ReplayCheckError",
    "RunHandle",
    "Script",
    "ScriptError",
)
