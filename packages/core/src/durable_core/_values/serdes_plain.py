"""Plain JSON, at C speed: written only when it brings back the same values of the same types."""

from __future__ import annotations

import json
import marshal
import re
from json.encoder import encode_basestring
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MARK: Final = "$py"
"""The key of an envelope; what is in them is `serdes_tagged`'s business."""
MARK_AS_KEY: Final = '"$py":'
"""In a compact text this stands nowhere but before the value of a key: quotes in strings are
escaped."""
_QUOTED_MARK: Final = '"$py"'

MAX_DEPTH: Final = 200
"""Levels of `[` and `{` in a text: a reader deep in its own stack must still be able to read it."""

PLAIN_INT_BITS: Final = 2048
"""A longer int may be beyond a reader's `sys.set_int_max_str_digits`, which is 640 at the least."""

to_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode
"""The compact text of JSON-like values; what JSON cannot say raises, what it bends passes."""

_DECODER: Final = json.JSONDecoder()
_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_TO_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_STRING: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"'  # compiled when a text has brackets in strings


def from_json(data: str, decoder: json.JSONDecoder = _DECODER) -> Any:
    """The value of a JSON text; raises `ValueError` or `RecursionError`."""
    # The scanner alone is twice as fast on small texts; decode knows of blanks and of rubbish.
    scanning: Any = decoder
    try:
        value, end = scanning.scan_once(data, 0)
    except (StopIteration, ValueError):
        end = -1
    else:
        if end == len(data):
            return value
    return decoder.decode(data)


def may_hold_envelopes(data: str) -> bool:
    """Whether the mark stands in a JSON text, as a key or, by chance, as a string."""
    return _QUOTED_MARK in data


def plain_json(value: object) -> tuple[str, Any] | None:
    """The text, and the value read back from it; None if that would not be the same value."""
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        text = scalar(value)
        return None if text is None else (text, value)
    try:
        text = to_json(value)
        decoded = from_json(text)
        if _is_same(decoded, value) and is_storable(text):
            return text, decoded
    except (TypeError, ValueError, RecursionError):
        pass
    return None


def _is_same(decoded: Any, value: Any) -> bool:
    """Whether two values are alike to the last type, at C speed and asking no code of theirs.

    Marshal refuses every class but the exact builtins (a subclass that is a buffer, such as
    numpy.float64, it writes as bytes), and keeps bool, int, float, list, tuple and the types of
    keys apart. Version 2 is the last that does not care which objects are shared.
    """
    return marshal.dumps(decoded, 2) == marshal.dumps(value, 2)


def is_storable(text: str) -> bool:
    """Whether UTF-8 can carry a JSON text, and every reader can take its depth."""
    if len(text) <= MAX_DEPTH and text.isascii():
        return True
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return False
    # Brackets inside strings nearly always pair up; when they do not, the strings go first.
    return _is_shallow(data) or _is_shallow(re.sub(_STRING, "", text).encode())


def _is_shallow(data: bytes) -> bool:
    brackets = data.translate(_TO_SQUARE, _ALL_BUT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def _finite(value: float) -> str | None:
    return repr(value) if isfinite(value) else None


def _short(value: int) -> str | None:
    return str(value) if value.bit_length() <= PLAIN_INT_BITS else None


def _utf8(value: str) -> str | None:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return None
    return encode_basestring(value)


def _constant(value: bool | None) -> str:  # noqa: FBT001
    return "null" if value is None else "true" if value else "false"


_SCALARS: Final[dict[type, Callable[[Any], str | None]]] = {
    str: _utf8,
    int: _short,
    float: _finite,
    bool: _constant,
    type(None): _constant,
}
