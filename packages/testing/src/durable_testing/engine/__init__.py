"""The embedded engine: runs executions in this process, over a clock and a store.

`LocalEngine` takes what the service model asks for and does it: it drives invocations, calls plain
functions, and lets timers fire. The test runner and the `durable` command stand on it.
"""

from durable_testing.engine.clock import VirtualClock, VirtualTimer
from durable_testing.engine.functions import (
    LocalFunction,
    UnknownFunctionError,
    durable_function,
    is_durable,
    plain_function,
)
from durable_testing.engine.hooks import EngineHooks, InvocationEnd
from durable_testing.engine.local import EngineError, LocalEngine
from durable_testing.engine.qualifiers import (
    UNQUALIFIED_ADVICE,
    serving,
    spelled,
    with_qualifiers,
)
from durable_testing.engine.remote import RemoteCall, RemoteCode, RemoteFunctionError
from durable_testing.engine.service import EngineService, OpenService, answer_of, in_memory

__all__ = (
    "UNQUALIFIED_ADVICE",
    "EngineError",
    "EngineHooks",
    "EngineService",
    "InvocationEnd",
    "LocalEngine",
    "LocalFunction",
    "OpenService",
    "RemoteCall",
    "RemoteCode",
    "RemoteFunctionError",
    "UnknownFunctionError",
    "VirtualClock",
    "VirtualTimer",
    "answer_of",
    "durable_function",
    "in_memory",
    "is_durable",
    "plain_function",
    "serving",
    "spelled",
    "with_qualifiers",
)
