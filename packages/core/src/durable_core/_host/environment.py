"""What a host gives one invocation: time, randomness, threads, a log."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from durable_core._host.plugins import PluginFactory, switched_on
from durable_core._host.service import HostClock, Timer

if TYPE_CHECKING:
    from durable_core._values.instrument import OperationDetails

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})
MAX_THREADS = 32
"""Threads for plain step functions where the host gives no executor of its own."""


Substitute: TypeAlias = Callable[
    ["OperationDetails | None", Callable[..., Any]], Callable[..., Any]
]
"""Given an operation (None: unrecorded code) and its function, returns what is run instead."""


class SystemClock:
    """The real time, on the running loop."""

    __slots__ = ()

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def call_at(self, when_ms: int, callback: Callable[[], object], /) -> Timer:
        """Call back when `when_ms` has come."""
        delay = max(0, when_ms - self.now_ms()) / 1000
        return asyncio.get_running_loop().call_later(delay, callback)


def new_token() -> str:
    """A client token that nobody else makes."""
    return os.urandom(16).hex()


def unit_random() -> float:
    """A number in [0, 1) that no process restored from the same snapshot draws as well."""
    return int.from_bytes(os.urandom(7)) / 2**56


class Environment(NamedTuple):
    """The world of one invocation.

    Attributes:
        clock: Time and timers.
        random: Numbers in [0, 1) for retry jitter.
        new_token: Makes client tokens, and ids of operations that the host starts.
        threads: Where plain step functions run; None: threads of the invocation's own.
        max_threads: How many of its own.
        logger: What `context.logger` writes to; None: `logging.getLogger("durable")`.
        host: What the host gives its functions: the Lambda context there.
        invocation_id: The host's name for the invocation.
        tenant_id: The tenant, where there is one.
        deadline_ms: When to stop admitting attempts and suspend, to be invoked again.
        log_fields: Added to each line of the log.
        substitute: Called before each attempt; what it raises ends the invocation.
        running: Called with each attempt that has not ended at once.
        monotonic: Seconds that really pass, whatever `clock` says: how long workflow code takes.
        is_news: Called with each error of the workflow that nobody awaited, as an event loop tells
            its exception handler: whether it is to be logged. None: each is.
        switched_on: Returns what makes the plugins that the workflow does not bring itself; by
            default those that `DURABLE_PLUGINS` names.
    """

    clock: HostClock = SystemClock()
    random: Callable[[], float] = unit_random
    new_token: Callable[[], str] = new_token
    threads: Executor | None = None
    max_threads: int = MAX_THREADS
    logger: Any = None
    host: Any = None
    invocation_id: str | None = None
    tenant_id: str | None = None
    deadline_ms: int | None = None
    log_fields: Mapping[str, Any] = _NO_FIELDS
    substitute: Substitute | None = None
    running: Callable[[asyncio.Future[Any]], object] | None = None
    monotonic: Callable[[], float] = time.monotonic
    is_news: Callable[[Mapping[str, Any]], bool] | None = None
    switched_on: Callable[[], Sequence[PluginFactory]] = switched_on
