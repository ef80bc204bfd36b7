"""Trace context from callers and to callees: X-Ray's header, W3C's, and a baggage allow-list.

Written out here because the propagators of OpenTelemetry are looked up among all installed
packages, which costs more than an invocation.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from durable_core.lowlevel import InvocationDetails

XRAY_HEADER: Final = "X-Amzn-Trace-Id"
XRAY_VARIABLE: Final = "_X_AMZN_TRACE_ID"
INPUT_KEY: Final = "_otel"
"""The member of an execution's input, an object, that holds W3C headers."""
MAX_BAGGAGE_BYTES: Final = 1024
# Compiled when used: that takes longer than to import this module.
_ROOT: Final = r"1-([0-9a-f]{8})-([0-9a-f]{24})"
_PARENT: Final = r"[0-9a-f]{16}"
_TRACEPARENT: Final = r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
_W3C: Final = ("traceparent", "tracestate", "baggage")


class Caller(NamedTuple):
    """What a caller said of its trace; each part may be missing."""

    trace_id: int | None = None
    span_id: int | None = None
    is_sampled: bool | None = None
    trace_state: trace.TraceState | None = None


def carrier_of(
    invocation: InvocationDetails,
    custom: Callable[[InvocationDetails], Mapping[str, str]] | None,
) -> dict[str, str]:
    """Return the headers that say who called, the most explicit source first.

    They are: `custom`, the input's `_otel` member, the Lambda client context, X-Ray's variable.
    """
    if custom is not None and (found := _headers(custom(invocation))):
        return found
    if found := _input_headers(invocation.input_payload):
        return found
    client_context = getattr(invocation.host, "client_context", None)
    if found := _headers(getattr(client_context, "custom", None)):
        return found
    header = os.environ.get(XRAY_VARIABLE)
    return {XRAY_HEADER.lower(): header} if header else {}


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Read the trace context of `traceparent`, or else of X-Ray's header."""
    if not headers:
        return Caller()
    if found := re.fullmatch(_TRACEPARENT, headers.get("traceparent", "").strip().lower()):
        trace_id, span_id = int(found[1], 16), int(found[2], 16)
        if trace_id and span_id:
            state = headers.get("tracestate")
            return Caller(
                trace_id,
                span_id,
                bool(int(found[3], 16) & 1),
                trace.TraceState.from_header([state]) if state else None,
            )
    return _from_xray(headers.get(XRAY_HEADER.lower(), ""))


def xray_header(span: trace.SpanContext) -> str:
    """Return X-Ray's header for what `span` calls."""
    text = f"{span.trace_id:032x}"
    sampled = int(span.trace_flags.sampled)
    return f"Root=1-{text[:8]}-{text[8:]};Parent={span.span_id:016x};Sampled={sampled}"


def traceparent(span: trace.SpanContext) -> str:
    """Return W3C's header for what `span` calls."""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 1:02x}"


def baggage_of(headers: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Read what of the caller's baggage is allowed, up to 1 KB of it."""
    wanted = frozenset(keys)
    if not wanted or "baggage" not in headers:
        return {}
    # Late, as below: few executions carry baggage, and each cold start would pay for it.
    from urllib.parse import unquote  # noqa: PLC0415

    found: dict[str, str] = {}
    size = 0
    for member in headers["baggage"].split(","):
        key, equals, value = member.partition(";")[0].partition("=")
        key = key.strip()
        size += len(member)
        if equals and key in wanted and size <= MAX_BAGGAGE_BYTES:
            found[key] = unquote(value.strip())
    return found


def baggage_header(entries: Mapping[str, object]) -> str:
    """Write baggage as W3C does."""
    from urllib.parse import quote  # noqa: PLC0415

    return ",".join(f"{key}={quote(str(value))}" for key, value in entries.items())


def _from_xray(header: str) -> Caller:
    parts: dict[str, str] = {}
    for part in header.split(";"):
        key, _, value = part.strip().partition("=")
        parts[key] = value
    root = re.fullmatch(_ROOT, parts.get("Root", "").lower())
    parent = re.fullmatch(_PARENT, parts.get("Parent", "").lower())
    return Caller(
        int(root[1] + root[2], 16) if root else None,
        (int(parent[0], 16) or None) if parent else None,
        {"0": False, "1": True}.get(parts.get("Sampled", "")),
    )


def _input_headers(payload: str | None) -> dict[str, str]:
    # A look before the parse: inputs may be large, and few carry a trace.
    if payload is None or '"traceparent"' not in payload:
        return {}
    try:
        event: Any = json.loads(payload)
    except ValueError:
        return {}
    members = _members(event)
    return _headers(members.get(INPUT_KEY)) or _headers(members)


def _members(value: Any) -> dict[Any, Any]:
    """The value, if it is an object; else an empty one."""
    if not isinstance(value, dict):
        return {}
    found: Any = value  # pyright: ignore[reportUnknownVariableType]
    return found


def _headers(source: Any) -> dict[str, str]:
    members = _members(source)
    known = (*_W3C, XRAY_HEADER.lower())
    lowered = {str(key).lower(): value for key, value in members.items()}
    found = {key: value for key in known if isinstance(value := lowered.get(key), str)}
    is_enough = "traceparent" in found or XRAY_HEADER.lower() in found
    return found if is_enough else {}
