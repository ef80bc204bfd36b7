"""OpenTelemetry spans and metrics per durable operation, right across replay."""

from durable_otel.instrument import Tracing, instrument
from durable_otel.settings import View

__all__ = ("Tracing", "View", "instrument")
