"""Write plain asyncio; it survives crashes, waits for a year, and replays exactly."""

from importlib import import_module
from typing import TYPE_CHECKING

from durable_core._context.context import DurableContext
from durable_core._context.current import StepContext, current_step, suspending
from durable_core._context.execution import ExecutionInfo
from durable_core._context.logs import DurableLogger
from durable_core._engine.future import DurableFuture
from durable_core._operations.step import StepSemantics
from durable_core._values.errors import (
    BatchError,
    CallbackError,
    CallbackFailedError,
    CallbackSubmitterError,
    CallbackTimeoutError,
    CheckpointError,
    ChildContextError,
    ContextScopeError,
    DurableError,
    DurableOperationError,
    InvokeError,
    NonDeterministicExecutionError,
    PromiseError,
    SerDesError,
    StepError,
    StepInterruptedError,
    ValidationError,
    WaitForConditionError,
    WorkflowDeadlockError,
    WorkflowIOError,
)
from durable_core._values.jitter import JitterStrategy
from durable_core._values.nesting import NestingType
from durable_core._values.retry import (
    RetryDecision,
    RetryPresets,
    RetryStrategy,
    create_linear_retry_strategy,
    create_retry_strategy,
)
from durable_core._values.serdes import (
    DefaultSerDes,
    JsonSerDes,
    PassThroughSerDes,
    SerDes,
    SerDesContext,
)

if TYPE_CHECKING:
    from durable_core._context.batch_api import Branch
    from durable_core._context.promises import Promises
    from durable_core._host.file_serdes import FileSystemSerDes
    from durable_core._operations.callback import Callback
    from durable_core._values.batch import BatchItem, BatchResult
    from durable_core._values.completion import (
        BatchItemStatus,
        CompletionConfig,
        CompletionDecision,
        CompletionReason,
        CompletionStatus,
    )
    from durable_core._values.settled import Settled
    from durable_core._values.wait_strategy import (
        WaitDecision,
        WaitStrategy,
        create_wait_strategy,
    )

__all__ = (
    "BatchError",
    "BatchItem",
    "BatchItemStatus",
    "BatchResult",
    "Branch",
    "Callback",
    "CallbackError",
    "CallbackFailedError",
    "CallbackSubmitterError",
    "CallbackTimeoutError",
    "CheckpointError",
    "ChildContextError",
    "CompletionConfig",
    "CompletionDecision",
    "CompletionReason",
    "CompletionStatus",
    "ContextScopeError",
    "DefaultSerDes",
    "DurableContext",
    "DurableError",
    "DurableFuture",
    "DurableLogger",
    "DurableOperationError",
    "ExecutionInfo",
    "FileSystemSerDes",
    "InvokeError",
    "JitterStrategy",
    "JsonSerDes",
    "NestingType",
    "NonDeterministicExecutionError",
    "PassThroughSerDes",
    "PromiseError",
    "Promises",
    "RetryDecision",
    "RetryPresets",
    "RetryStrategy",
    "SerDes",
    "SerDesContext",
    "SerDesError",
    "Settled",
    "StepContext",
    "StepError",
    "StepInterruptedError",
    "StepSemantics",
    "ValidationError",
    "WaitDecision",
    "WaitForConditionError",
    "WaitStrategy",
    "WorkflowDeadlockError",
    "WorkflowIOError",
    "create_linear_retry_strategy",
    "create_retry_strategy",
    "create_wait_strategy",
    "current_step",
    "suspending",
)

if not TYPE_CHECKING:
    _LATE = {
        "BatchItem": "_values.batch",
        "BatchItemStatus": "_values.completion",
        "BatchResult": "_values.batch",
        "Branch": "_context.batch_api",
        "Callback": "_operations.callback",
        "CompletionConfig": "_values.completion",
        "CompletionDecision": "_values.completion",
        "CompletionReason": "_values.completion",
        "CompletionStatus": "_values.completion",
        "FileSystemSerDes": "_host.file_serdes",
        "Promises": "_context.promises",
        "Settled": "_values.settled",
        "WaitDecision": "_values.wait_strategy",
        "WaitStrategy": "_values.wait_strategy",
        "create_wait_strategy": "_values.wait_strategy",
    }
    """What many workflows never use is imported when it is asked for: 10 ms of a cold start."""

    def __getattr__(name: str) -> object:
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
        globals()[name] = value
        return value
