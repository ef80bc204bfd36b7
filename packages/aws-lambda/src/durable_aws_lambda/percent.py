"""Percent-encoding, without the 3 ms that importing `urllib.parse` takes on a cold start."""

from __future__ import annotations

from string import ascii_letters, digits
from typing import Final

UNRESERVED: Final = frozenset((ascii_letters + digits + "-_.~").encode())
_PATH: Final = UNRESERVED | {ord("/")}


def quote_label(text: str) -> str:
    """Encode one label of a path, or a query's value: `/`, `:`, `+` and `=` too (service 1.0)."""
    return _quote(text, UNRESERVED)


def quote_path(path: str) -> str:
    """Encode a path that may be encoded already, as the signature wants it."""
    return _quote(path, _PATH)


def _quote(text: str, safe: frozenset[int]) -> str:
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in text.encode())
