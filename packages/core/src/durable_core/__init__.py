"""Write plain asyncio; it survives crashes, waits for a year, and replays exactly."""

from typing import TYPE_CHECKING

from durable_core._context.context import DurableContext
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
from durable_core._values.late import late_names
from durable_core._values.nesting import NestingType
from durable_core._values.serdes import (
    DefaultSerDes,
    JsonSerDes,
    PassThroughSerDes,
    SerDes,
    SerDesContext,
)

if TYPE_CHECKING:
    from durable_core._context.batch_api import Branch
    from durable_core._context.current import StepContext, current_step, suspending
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
    from durable_core._values.jitter import JitterStrategy
    from durable_core._values.retry import (
        RetryDecision,
        RetryPresets,
        RetryStrategy,
        create_linear_retry_strategy,
        create_retry_strategy,
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
    __getattr__ = late_names(
        __name__,
        {
            "BatchItem": "durable_core._values.batch",
            "BatchItemStatus": "durable_core._values.completion",
            "BatchResult": "durable_core._values.batch",
            "Branch": "durable_core._context.batch_api",
            "Callback": "durable_core._operations.callback",
            "CompletionConfig": "durable_core._values.completion",
            "CompletionDecision": "durable_core._values.completion",
            "CompletionReason": "durable_core._values.completion",
            "CompletionStatus": "durable_core._values.completion",
            "FileSystemSerDes": "durable_core._host.file_serdes",
            "JitterStrategy": "durable_core._values.jitter",
            "Promises": "durable_core._context.promises",
            "RetryDecision": "durable_core._values.retry",
            "RetryPresets": "durable_core._values.retry",
            "RetryStrategy": "durable_core._values.retry",
            "Settled": "durable_core._values.settled",
            "StepContext": "durable_core._context.current",
            "WaitDecision": "durable_core._values.wait_strategy",
            "WaitStrategy": "durable_core._values.wait_strategy",
            "create_linear_retry_strategy": "durable_core._values.retry",
            "create_retry_strategy": "durable_core._values.retry",
            "create_wait_strategy": "durable_core._values.wait_strategy",
            "current_step": "durable_core._context.current",
            "suspending": "durable_core._context.current",
        },
    )
