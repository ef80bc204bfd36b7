"""Hands spans and metrics to the exporters at the end of an invocation, bounded in time."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOG = logging.getLogger("durable_otel")


class Flusher:
    """Flushes providers in a thread of its own.

    The SDK's processors ignore the time limit that `force_flush` takes. While a flush hangs, later
    invocations start no other and do not wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: threading.Event | None = None

    def flush(self, providers: Sequence[Any], timeout_seconds: float) -> bool:
        """Flush; False if it takes longer than this, or an earlier one still does."""
        with self._lock:
            if self._running is not None and not self._running.is_set():
                return False
            self._running = done = threading.Event()
        deadline = time.monotonic() + timeout_seconds
        thread = threading.Thread(
            target=_flush, args=(providers, deadline, done), name="durable-otel-flush", daemon=True
        )
        thread.start()
        return done.wait(timeout_seconds)


def _flush(providers: Sequence[Any], deadline: float, done: threading.Event) -> None:
    try:
        for provider in providers:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            try:
                provider.force_flush(timeout_millis=left_ms)
            except Exception:  # noqa: BLE001  whatever an exporter raises, no invocation fails for it
                _LOG.warning("flushing %s failed", type(provider).__name__, exc_info=True)
    finally:
        done.set()
