"""OpenTelemetry spans and metrics per durable operation, right across replay."""

from durable_otel.instrument import (
    Tracing,
    execution_view,
    from_environment,
    instrument,
    invocation_view,
    otel_carrier,
)
from durable_otel.settings import View

__all__ = (
    "Tracing",
    "View",
    "execution_view",
    "from_environment",
    "instrument",
    "invocation_view",
    "otel_carrier",
)
