"""Spans of virtual time in words: the same text for the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import timedelta

_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def in_words(span: timedelta) -> str:
    """Return a span to the nearest second as `2 h 0 m 6 s`, `2 h`, `0 s`."""
    left = round(span.total_seconds())
    words: list[str] = []
    empty: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            words += [*empty, f"{count} {unit}"]
            empty = []
        elif words:
            empty.append(f"0 {unit}")
    return " ".join(words) or "0 s"
