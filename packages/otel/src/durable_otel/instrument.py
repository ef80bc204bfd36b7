"""What users call: the factory of plugins, and the carrier for callees that no operation calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from durable_core.lowlevel import Instrumentation
from durable_otel.carriers import baggage_header, traceparent
from durable_otel.flusher import Flusher
from durable_otel.ledger import Ledger
from durable_otel.plugin import TracingPlugin
from durable_otel.settings import Settings, View, settings_from_environment


class Tracing:
    """Makes the plugin of each invocation; remembers what helps from one to the next."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ledger = Ledger()
        self._flusher = Flusher()

    def __call__(self) -> Instrumentation:
        """Return the plugin of one invocation."""
        return TracingPlugin(self.settings, self._ledger, self._flusher)


def instrument(**options: Any) -> Tracing:
    return Tracing(Settings(**options))
