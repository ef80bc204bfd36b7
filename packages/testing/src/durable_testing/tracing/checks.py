"""What must hold of a trace, and a trace as text."""

from __future__ import annotations

from collections import Counter
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    from durable_testing.tracing.memory import Traces

_STATUS_KEYS: Final = (
    "durable.operation.status",
    "durable.invocation.status",
    "durable.execution.status",
    "durable.attempt.outcome",
)
_TOPS: Final = ("Workflow", "Invocation")


class TraceError(AssertionError):
    """The trace is not what it should be; the message shows it."""


def assert_trace(
    traces: Traces | Iterable[ReadableSpan],
    expected: str | None = None,
    *,
    tops: Sequence[str] = _TOPS,
) -> None:
    """Check that a trace is sound, and that it is the one expected, as `trace_tree` writes it.

    Sound: one trace id; each span id once; each span inside its parent, no span ends before it
    starts, and only spans named in `tops` may have a parent that is not in the trace.

    Raises:
        TraceError: It is not.
    """
    spans = _spans_of(traces)
    faults = [*_id_faults(spans), *_parent_faults(spans, tops)]
    tree = trace_tree(spans)
    if faults:
        raise TraceError("\n".join([*faults, "the trace:", tree]))
    if expected is not None and tree != dedent(expected).strip("\n"):
        raise TraceError(f"expected:\n{dedent(expected).strip()}\nfound:\n{tree}")


def trace_tree(traces: Traces | Iterable[ReadableSpan]) -> str:
    """Return a trace as text: a line a span, children below their parent, in start order."""
    spans = sorted(_spans_of(traces), key=lambda span: (span.start_time or 0, span.end_time or 0))
    known = {_id_of(span) for span in spans}
    below: dict[int | None, list[ReadableSpan]] = {}
    for span in spans:
        parent = span.parent.span_id if span.parent is not None else None
        below.setdefault(parent if parent in known else None, []).append(span)
    lines: list[str] = []
    _write(lines, below, None, 0)
    return "\n".join(lines)


def _write(
    lines: list[str], below: dict[int | None, list[ReadableSpan]], parent: int | None, depth: int
) -> None:
    for span in below.get(parent, []):
        attributes: Any = span.attributes or {}
        status = next((attributes[key] for key in _STATUS_KEYS if key in attributes), "")
        words = [span.name, str(status), span.status.status_code.name]
        lines.append("  " * depth + " ".join(word for word in words if word))
        _write(lines, below, _id_of(span), depth + 1)


def _spans_of(traces: Traces | Iterable[ReadableSpan]) -> list[ReadableSpan]:
    found: Any = getattr(traces, "spans", traces)
    return list(found)


def _context(span: ReadableSpan) -> SpanContext:
    context = span.context
    if context is None:
        raise TraceError(f"{span.name!r} has no context")
    return context


def _id_of(span: ReadableSpan) -> int:
    return _context(span).span_id


def _id_faults(spans: Sequence[ReadableSpan]) -> list[str]:
    faults: list[str] = []
    traces = {_context(span).trace_id for span in spans}
    if len(traces) > 1:
        faults.append(f"{len(traces)} traces: {', '.join(f'{each:032x}' for each in traces)}")
    counts = Counter(_id_of(span) for span in spans)
    names = {_id_of(span): span.name for span in spans}
    faults += [
        f"span id {span_id:016x} ({names[span_id]!r}) is there {count} times"
        for span_id, count in counts.items()
        if count > 1
    ]
    return faults


def _parent_faults(spans: Sequence[ReadableSpan], tops: Sequence[str]) -> list[str]:
    known = {_id_of(span): span for span in spans}
    faults: list[str] = []
    for span in spans:
        start, end = span.start_time or 0, span.end_time or 0
        if end < start:
            faults.append(f"{span.name!r} ends {start - end} ns before it starts")
        parent = known.get(span.parent.span_id) if span.parent is not None else None
        if parent is None:
            if span.name not in tops:
                faults.append(f"{span.name!r} is an orphan")
            continue
        early = (parent.start_time or 0) - start
        late = end - (parent.end_time or 0)
        if early > 0:
            faults.append(f"{span.name!r} starts {early} ns before its parent {parent.name!r}")
        if late > 0:
            faults.append(f"{span.name!r} ends {late} ns after its parent {parent.name!r}")
    return faults
