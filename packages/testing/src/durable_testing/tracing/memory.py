"""A tracer provider whose spans stay in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider


class Traces:
    """Spans that were exported, in the order they ended.

    Attributes:
        provider: Hand it to what makes spans: `instrument(tracer_provider=traces.provider)`.

    Raises:
        ModuleNotFoundError: OpenTelemetry's SDK is not installed: `durable-testing[otel]`.
    """

    provider: TracerProvider

    def __init__(self, resource: Mapping[str, Any] | None = None) -> None:
        # Loaded when used: the test kit works without OpenTelemetry.
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: PLC0415
            InMemorySpanExporter,
        )

        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource(dict(resource or {})))
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """All spans so far."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of that name, the earliest first."""
        found = [span for span in self.spans if span.name == name]
        return sorted(found, key=lambda span: span.start_time or 0)

    def clear(self) -> None:
        """Forget the spans so far."""
        self._exporter.clear()
