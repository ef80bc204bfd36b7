"""A trace as OTLP JSON: what `POST /v1/traces` of a collector takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from durable_testing.tracing.history import INVOCATION, WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_testing.tracing.history import HistorySpan, HistoryTrace

_NS_PER_MS: Final = 1_000_000
_INTERNAL: Final = 1
_OK: Final = 1
_ERROR: Final = 2


def otlp_document(trace: HistoryTrace, service_name: str) -> dict[str, Any]:
    """Return the trace; what has not ended is left out, as an exporter leaves it."""
    spans = [_span(trace, span) for span in trace.spans if span.end_ms is not None]
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes({"service.name": service_name})},
                "scopeSpans": [{"scope": {"name": "durable-otel"}, "spans": spans}],
            }
        ]
    }


def _span(trace: HistoryTrace, span: HistorySpan) -> dict[str, Any]:
    is_top = span.kind in (WORKFLOW, INVOCATION)
    document: dict[str, Any] = {
        "traceId": trace.trace_id,
        "spanId": span.span_id,
        "parentSpanId": trace.root_id if is_top else span.parent_id,
        "name": span.name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(span.start_ms * _NS_PER_MS),
        "endTimeUnixNano": str((span.end_ms or span.start_ms) * _NS_PER_MS),
        "attributes": _attributes(span.attributes),
    }
    if span.has_failed:
        document["status"] = {"code": _ERROR, "message": span.error or ""}
    elif span.status in ("SUCCEEDED", "COMPLETED"):
        document["status"] = {"code": _OK}
    return document


def _attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"stringValue": str(value)}
