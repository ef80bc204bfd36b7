"""A trace as a waterfall: text for a terminal, and one HTML file that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from durable_testing.tracing.history import ATTEMPT, INVOCATION, WORKFLOW

if TYPE_CHECKING:
    from durable_testing.tracing.history import HistorySpan, HistoryTrace

BAR_WIDTH: Final = 40
MAX_NAME: Final = 44
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"))
_WAITING: Final = ("WAIT", "CALLBACK", "CHAINED_INVOKE")
_SYMBOLS: Final = {"SUCCEEDED": "✓", "COMPLETED": "·", "STARTED": "▸", "RUNNING": "▸"}
_STYLE: Final = """
:root { color-scheme: light dark; font: 13px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 1200px; padding: 0 1rem }
h1 { font-size: 1.1rem; margin: 0 } p { margin: .2rem 0 1rem; opacity: .7 }
.row { display: grid; grid-template-columns: minmax(160px, 30%) 1fr 90px; gap: .75rem;
  height: 22px }
.row:hover { background: #8881 }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.lane { position: relative; border-left: 1px solid #8884; border-right: 1px solid #8884 }
.bar { position: absolute; top: 5px; height: 12px; min-width: 3px; border-radius: 2px }
.workflow { background: #5b6ee1 } .operation { background: #3d9970 }
.attempt { background: #2a6f97 }
.invocation { background: #8a8f98 } .failed { background: #d64545 }
.waiting { background: repeating-linear-gradient(45deg, #c99a2e 0 4px, #c99a2e66 4px 8px) }
.open { opacity: .55 } .time { text-align: right; font-variant-numeric: tabular-nums }
.head { margin-top: 1rem; font-weight: 600 }
"""


def span_in_words(span_ms: int) -> str:
    """Return a span as `12 ms`, `4.2 s`, `2 h 5 m`."""
    if span_ms < 1000:  # noqa: PLR2004  a second
        return f"{span_ms} ms"
    if span_ms < 60_000:  # noqa: PLR2004  a minute
        return f"{span_ms / 1000:.1f} s"
    words: list[str] = []
    left = span_ms
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def waterfall(trace: HistoryTrace) -> str:
    """Return the trace as text, a line a span."""
    width = max(min(len(_label(span)), MAX_NAME) for span in trace.spans)
    lines: list[str] = []
    for span in trace.spans:
        label = _label(span)
        if len(label) > width:
            label = f"{label[: width - 1]}…"
        bar = _bar(trace, span)
        took = span_in_words((span.end_ms or trace.end_ms) - span.start_ms)
        note = f"  {span.error}" if span.error else ""
        symbol = _SYMBOLS.get(span.status, "✗" if span.has_failed else "○")
        lines.append(f"{symbol} {label:<{width}} │{bar}│ {took}{note}")
    return "\n".join(lines)


def page(trace: HistoryTrace) -> str:
    """Return the trace as an HTML document."""
    name = trace.execution_arn.rpartition("/durable-execution/")[2].partition("/")[0]
    rows: list[str] = []
    was_invocation = False
    for span in trace.spans:
        if span.kind == INVOCATION and not was_invocation:
            was_invocation = True
            rows.append('<div class="head">Invocations</div>')
        rows.append(_row(trace, span))
    took = span_in_words(trace.end_ms - trace.start_ms)
    count = sum(span.kind == INVOCATION for span in trace.spans)
    plural = "" if count == 1 else "s"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(name)} {trace.status.lower()}</h1>"
        f"<p>{took}, {count} invocation{plural}, trace {trace.trace_id}</p>\n"
        + "\n".join(rows)
        + "\n</body></html>\n"
    )


def _row(trace: HistoryTrace, span: HistorySpan) -> str:
    whole = max(trace.end_ms - trace.start_ms, 1)
    end_ms = span.end_ms if span.end_ms is not None else trace.end_ms
    left = 100 * (span.start_ms - trace.start_ms) / whole
    width = 100 * (end_ms - span.start_ms) / whole
    classes = ["bar", span.kind]
    if span.has_failed:
        classes = ["bar", "failed"]
    elif _is_waiting(span):
        classes.append("waiting")
    if span.end_ms is None:
        classes.append("open")
    facts = [span.status, *(f"{key}: {value}" for key, value in span.attributes.items())]
    if span.error:
        facts.insert(1, span.error)
    title = escape("\n".join(facts))
    return (
        f'<div class="row" title="{title}">'
        f'<span class="name" style="padding-left:{span.depth * 14}px">{escape(span.name)}</span>'
        f'<span class="lane"><span class="{" ".join(classes)}" '
        f'style="left:{min(left, 99.7):.3f}%;width:{width:.3f}%"></span></span>'
        f'<span class="time">{span_in_words(end_ms - span.start_ms)}</span></div>'
    )


def _label(span: HistorySpan) -> str:
    return f"{'  ' * span.depth}{span.name}"


def _bar(trace: HistoryTrace, span: HistorySpan) -> str:
    whole = max(trace.end_ms - trace.start_ms, 1)
    end_ms = span.end_ms if span.end_ms is not None else trace.end_ms
    first = min(int(BAR_WIDTH * (span.start_ms - trace.start_ms) / whole), BAR_WIDTH - 1)
    last = max(round(BAR_WIDTH * (end_ms - trace.start_ms) / whole), first + 1)
    fill = "░" if _is_waiting(span) else "▒" if span.kind in (WORKFLOW, INVOCATION) else "█"
    if span.kind == ATTEMPT:
        fill = "▄"
    return f"{' ' * first}{fill * (last - first)}{' ' * (BAR_WIDTH - last)}"


def _is_waiting(span: HistorySpan) -> bool:
    return span.attributes.get("durable.operation.type") in _WAITING
