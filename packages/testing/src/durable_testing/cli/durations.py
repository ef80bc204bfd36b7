"""Spans of time in words."""

from __future__ import annotations

from typing import Final

_SECOND_MS: Final = 1000
_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def in_words(span_ms: float) -> str:
    """Return a span as `120 ms`, `5.3 s`, `2 m 3 s`, `3 d 4 h`."""
    if span_ms < _SECOND_MS:
        return f"{max(span_ms, 0):.0f} ms"
    if span_ms < 60 * _SECOND_MS:
        return f"{span_ms / _SECOND_MS:.1f} s"
    left = int(span_ms // _SECOND_MS)
    words: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or words:
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def countdown(span_ms: float) -> str:
    """Return what is left until something, in whole seconds."""
    seconds = max(-(-int(span_ms) // _SECOND_MS), 0)
    return in_words(seconds * _SECOND_MS) if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004  a minute
