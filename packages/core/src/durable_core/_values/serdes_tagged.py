"""What JSON cannot carry, in envelopes: `{"$py": "datetime", "v": "2026-11-25T00:37:13+00:00"}`.

The walk knows exact types only, so whatever it takes comes back as it was; the rest it refuses,
with the path that leads there. A dict with other keys than strings, or with the key `$py`, is in an
envelope itself, so an envelope is never mistaken for data, nor data for an envelope.
"""

from __future__ import annotations

import json
import sys
from binascii import a2b_base64, b2a_base64
from datetime import date, datetime, time, timedelta, timezone
from importlib import import_module
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from durable_core._values.serdes_context import ANNOTATE, class_of, refusal
from durable_core._values.serdes_plain import (
    MARK,
    MAX_DEPTH,
    PLAIN_INT_BITS,
    from_json,
    is_storable,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    from durable_core._values.serdes_context import SerDesContext

_TEXT: Final = frozenset({str})
TOO_DEEP: Final = f"is nested more than {MAX_DEPTH} levels deep, or holds itself"


class Unfaithful(Exception):  # noqa: N818
    """A value that would not come back; `path` grows while it travels up to the root."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str] = []

    def inside(self, part: str) -> Unfaithful:
        """The same, seen from one level up."""
        self.path.append(part)
        return self

    def where(self) -> str:
        """The path from the root, such as `$.rows[3].when`; a long one without its middle."""
        parts = self.path[::-1]
        if len(parts) > 12:  # noqa: PLR2004
            parts = [*parts[:6], " … ", *parts[-3:]]
        return "$" + "".join(parts)


def tagged_json(value: Any, context: SerDesContext) -> str:
    """The JSON text of a value of any supported type.

    Raises:
        SerDesError: Something in it would not come back as it is.
    """
    try:
        text = to_json(_writer(value)(value, 0))
    except Unfaithful as unfaithful:
        raise refusal(context, f"{unfaithful.where()} {unfaithful.why}") from None
    except RecursionError:
        raise refusal(context, f"it {TOO_DEEP}") from None
    if not is_storable(text):
        raise refusal(context, f"$ {TOO_DEEP}")
    return text


def from_tagged_json(data: str) -> Any:
    """The value of a JSON text with envelopes; raises `ValueError`, `RecursionError`."""
    return from_json(data, _ENVELOPE_DECODER)


def _writer(value: object) -> Callable[[Any, int], Any]:
    """What makes of a value, on this many levels, the tree that JSON carries."""
    return _WRITERS.get(type(value)) or _on_demand(value)


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise Unfaithful(TOO_DEEP)
    return depth + 1


def _items(values: Iterable[Any], depth: int) -> list[Any]:
    depth = _deeper(depth)
    trees: list[Any] = []
    try:
        for item in values:
            trees.append(_writer(item)(item, depth))  # noqa: PERF401
    except Unfaithful as unfaithful:
        raise unfaithful.inside(f"[{len(trees)}]") from None
    return trees


def _dict(value: dict[Any, Any], depth: int) -> Any:
    if MARK in value or not _TEXT.issuperset(map(type, value)):
        return _envelope("dict", _pairs(value, depth))
    depth = _deeper(depth)
    key = None
    trees: dict[str, Any] = {}
    try:
        for key, item in value.items():
            trees[_str(key, depth)] = _writer(item)(item, depth)
    except Unfaithful as unfaithful:
        raise unfaithful.inside(_step(key)) from None
    return trees


def _pairs(value: dict[Any, Any], depth: int) -> list[Any]:
    depth = _deeper(depth)
    key, is_key_written = None, False
    pairs: list[Any] = []
    try:
        for key, item in value.items():
            is_key_written = False
            key_tree = _writer(key)(key, depth)
            is_key_written = True
            pairs.append([key_tree, _writer(item)(item, depth)])
    except Unfaithful as unfaithful:
        raise unfaithful.inside(_step(key) if is_key_written else "{key}") from None
    return pairs


def _step(key: object) -> str:
    if type(key) is str and key.isidentifier() and len(key) < 60:  # noqa: PLR2004
        return f".{key}"
    text = ascii(key) if isinstance(key, (str, int, float)) else f"<{class_of(key)}>"
    return f"[{text}]" if len(text) < 60 else f"[{text[:57]}…]"  # noqa: PLR2004


def _set(value: set[Any] | frozenset[Any], depth: int) -> Any:
    depth = _deeper(depth)
    try:
        trees = [_writer(item)(item, depth) for item in value]
    except Unfaithful as unfaithful:
        raise unfaithful.inside("{…}") from None
    # Sorted, because the order of a set of strings differs from process to process.
    return _envelope(type(value).__name__, sorted(trees, key=to_json))


def _str(value: str, _: int) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unfaithful("is text with a lone surrogate, which UTF-8 lacks") from None
    return value


def _int(value: int, _: int) -> Any:
    return value if value.bit_length() <= PLAIN_INT_BITS else _envelope("int", hex(value))


def _float(value: float, _: int) -> Any:
    return value if isfinite(value) else _envelope("float", repr(value))


def _envelope(tag: str, value: Any) -> dict[str, Any]:
    return {MARK: tag, "v": value}


def _datetime(value: datetime, _: int) -> Any:
    return _envelope("datetime", value.isoformat()) | _zone_fields(value, value.tzinfo)


def _time(value: time, _: int) -> Any:
    return _envelope("time", value.isoformat()) | _zone_fields(value, value.tzinfo)


def _zone_fields(value: datetime | time, zone: tzinfo | None) -> dict[str, Any]:
    """What the ISO text does not say: the fold, the zone's key, or a fixed offset's own name."""
    fields: dict[str, Any] = {"fold": 1} if value.fold else {}
    if zone is None:
        return fields
    if type(zone) is timezone:
        name = zone.tzname(None)
        if name != timezone(zone.utcoffset(None)).tzname(None):
            fields["name"] = _str(name, 0)
        return fields
    return fields | {"zone": _zone_key(value, zone)}


def _zone_key(value: datetime | time, zone: tzinfo) -> str:
    zoneinfo = sys.modules.get("zoneinfo")
    if zoneinfo is None or type(zone) is not zoneinfo.ZoneInfo:
        raise Unfaithful(
            f"has a tzinfo of type {class_of(zone)}; use datetime.timezone or zoneinfo.ZoneInfo"
        )
    key: str | None = getattr(zone, "key", None)
    try:
        loaded = zoneinfo.ZoneInfo(key or "")
    except (LookupError, OSError, ValueError):
        loaded = None
    # from_file() takes any key, so the key may lead to another zone.
    if loaded is None or value.replace(tzinfo=loaded).utcoffset() != value.utcoffset():
        raise Unfaithful(f"has a tzinfo that ZoneInfo({key!r}) would not bring back")
    return str(key)


_WRITERS: Final[dict[type, Callable[[Any, int], Any]]] = {
    type(None): lambda value, _: value,
    bool: lambda value, _: value,
    str: _str,
    int: _int,
    float: _float,
    list: _items,
    dict: _dict,
    tuple: lambda value, depth: _envelope("tuple", _items(value, depth)),
    set: _set,
    frozenset: _set,
    bytes: lambda value, _: _envelope("bytes", b2a_base64(value, newline=False).decode()),
    datetime: _datetime,
    date: lambda value, _: _envelope("date", value.isoformat()),
    time: _time,
    timedelta: lambda value, _: _envelope(
        "timedelta", [value.days, value.seconds, value.microseconds]
    ),
}

_WRITERS_ON_DEMAND: Final[dict[tuple[str, str], Callable[[Any, int], Any]]] = {
    ("decimal", "Decimal"): lambda value, _: _envelope("decimal", str(value)),
    ("uuid", "UUID"): lambda value, _: _envelope("uuid", str(value)),
}
"""Classes whose modules take milliseconds to import: where there is a value, they are there."""


def _on_demand(value: object) -> Callable[[Any, int], Any]:
    kind = type(value)
    write = _WRITERS_ON_DEMAND.get((kind.__module__, kind.__qualname__))
    if (
        write is None
        or getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is not kind
    ):
        explain = getattr(kind, "explain_refusal", None)
        if explain is not None:
            raise Unfaithful(explain(value))
        raise Unfaithful(f"is of type {class_of(value)}, {_fate(value)}")
    _WRITERS[kind] = write
    return write


def _fate(value: Any) -> str:
    """What would become of a value that has no form in text, and what to do."""
    if hasattr(value, "__anext__"):
        return "which has no value until it is read: return [item async for item in …]"
    if hasattr(value, "__next__"):
        return "which has no value until it is read: return list(…) of it"
    if hasattr(value, "__await__"):
        return "which has no value until it is awaited: return what awaiting it gives"
    is_code = hasattr(value, "__qualname__")
    if is_code or not _is_data(value):
        if not is_code and hasattr(value, "__iter__"):
            return "which is a view of something else: return list(…) of it"
        return (
            "which lives in this process only: return data that it can be made from again, or make "
            "and use it within one step"
        )
    return f"which would come back as something else; {ANNOTATE}"


def _is_data(value: Any) -> bool:
    """Whether it could be copied at all: locks, files, sockets and modules cannot."""
    try:
        value.__reduce_ex__(2)
    except Exception:  # noqa: BLE001 - of the class's own making
        return False
    return True


def _read_datetime(value: Any, fields: dict[str, Any]) -> datetime:
    return _in_zone(datetime.fromisoformat(value), fields)


def _read_time(value: Any, fields: dict[str, Any]) -> time:
    return _in_zone(time.fromisoformat(value), fields)


def _in_zone(value: Any, fields: dict[str, Any]) -> Any:
    if "zone" in fields:
        value = value.replace(tzinfo=import_module("zoneinfo").ZoneInfo(fields["zone"]))
    elif "name" in fields:
        value = value.replace(tzinfo=timezone(value.utcoffset(), fields["name"]))
    return value.replace(fold=fields.get("fold", 0))


_READERS: Final[dict[str, Callable[[Any, dict[str, Any]], Any]]] = {
    "int": lambda value, _: int(value, 16),
    "float": lambda value, _: float(value),
    "dict": lambda value, _: dict(value),
    "tuple": lambda value, _: tuple(value),
    "set": lambda value, _: set(value),
    "frozenset": lambda value, _: frozenset(value),
    "bytes": lambda value, _: a2b_base64(value, strict_mode=True),
    "datetime": _read_datetime,
    "date": lambda value, _: date.fromisoformat(value),
    "time": _read_time,
    "timedelta": lambda value, _: timedelta(*value),
    "decimal": lambda value, _: import_module("decimal").Decimal(value),
    "uuid": lambda value, _: import_module("uuid").UUID(value),
}


def _open_envelope(fields: dict[str, Any]) -> Any:
    if MARK not in fields:
        return fields
    try:
        return _READERS[fields[MARK]](fields["v"], fields)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ValueError(
            f"it holds an envelope that this version does not know: {ascii(fields)[:200]}"
        ) from error


_ENVELOPE_DECODER: Final = json.JSONDecoder(object_hook=_open_envelope)
