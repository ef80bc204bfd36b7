"""The service as a machine: what AWS does with checkpoints, timers, callbacks and invocations.

Pure: no I/O, no clock, no randomness. Time (`now_ms`) and ids come in as arguments, effects and
changed rows come out as data.
"""

from durable_testing.model.config import FunctionConfig, ServiceConfig
from durable_testing.model.effects import (
    ChainedInvoke,
    Effect,
    ExecutionClosed,
    ExecutionDeleted,
    Invoke,
)
from durable_testing.model.errors import ERROR_FORMS, ErrorCode, ErrorForm, ServiceError
from durable_testing.model.history import EventType, HistoryEvent, event_to_wire
from durable_testing.model.ids import seeded_ids
from durable_testing.model.requests import (
    ExecutionDescription,
    ExecutionPage,
    ExecutionSummary,
    HistoryPage,
    HistoryQuery,
    Invocation,
    ListQuery,
    PauseDetails,
    Started,
    StartMode,
    StartRequest,
)
from durable_testing.model.service import ServiceModel

__all__ = (
    "ERROR_FORMS",
    "ChainedInvoke",
    "Effect",
    "ErrorCode",
    "ErrorForm",
    "EventType",
    "ExecutionClosed",
    "ExecutionDeleted",
    "ExecutionDescription",
    "ExecutionPage",
    "ExecutionSummary",
    "FunctionConfig",
    "HistoryEvent",
    "HistoryPage",
    "HistoryQuery",
    "Invocation",
    "Invoke",
    "ListQuery",
    "PauseDetails",
    "ServiceConfig",
    "ServiceError",
    "ServiceModel",
    "StartMode",
    "StartRequest",
    "Started",
    "event_to_wire",
    "seeded_ids",
)
