"""Where a value that was read back differs from the one that was written, types included."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime, time, timezone
from typing import TYPE_CHECKING, Any

from durable_core._values.serdes_context import class_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def difference(written: object, read: object, path: str = "$") -> str | None:
    """The first difference, with the path to it; None if there is none.

    Fields that a dataclass leaves out of its comparison are left out here. A `datetime.timezone`
    may come back as another class of the same offset; a `ZoneInfo` may not.
    """
    if type(written) is not type(read):
        return f"{path} is a {class_of(written)} and comes back as a {class_of(read)}"
    parts = _parts(written, read, path)
    if parts is None:
        return _leaf_difference(written, read, path)
    return next((found for part in parts if (found := difference(*part))), None)


def _parts(written: Any, read: Any, path: str) -> Iterator[tuple[Any, Any, str]] | None:
    """What has to be the same for the whole to be the same; None for what has no parts."""
    if is_dataclass(written):
        names = [field.name for field in fields(written) if field.compare]
        return _attributes(written, read, path, names)
    model_fields: Any = getattr(written, "__pydantic_fields__", None)
    if model_fields is not None:
        names = [*model_fields, "__pydantic_extra__", "__pydantic_private__"]
        return _attributes(written, read, path, names)
    if isinstance(written, (list, tuple)):
        return _sequence(written, read, path)
    if isinstance(written, dict):
        return _entries(written, read, path)
    if isinstance(written, (set, frozenset)):
        return _members(written, read, path)
    return None


def _attributes(
    written: Any, read: Any, path: str, names: list[str]
) -> Iterator[tuple[Any, Any, str]]:
    return ((getattr(written, name), getattr(read, name), f"{path}.{name}") for name in names)


def _sequence(written: Any, read: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    yield len(written), len(read), f"len({path})"
    for index, (one, other) in enumerate(zip(written, read, strict=True)):
        yield one, other, f"{path}[{index}]"


def _entries(written: Any, read: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    yield len(written), len(read), f"len({path})"
    for (key, value), (read_key, read_value) in zip(written.items(), read.items(), strict=True):
        yield key, read_key, f"the key {_short(key)} of {path}"
        yield value, read_value, f"{path}[{_short(key)}]"


def _members(written: Any, read: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    twins = {member: member for member in read}
    yield len(written), len(read), f"len({path})"
    for member in written:
        yield member, twins.get(member), f"a member of {path}"


def _leaf_difference(written: Any, read: Any, path: str) -> str | None:
    if isinstance(written, (datetime, time)) and not _is_same_zone(written, read):
        zones = f"{written.tzinfo!r}, comes back as {read.tzinfo!r}"
        return f"the zone of {path}, fold {written.fold} in {zones}"
    is_same = written == read or (written != written and read != read)  # noqa: PLR0124 - NaN
    return None if is_same else f"{path}, {_short(written)}, comes back as {_short(read)}"


def _is_same_zone(written: datetime | time, read: datetime | time) -> bool:
    if type(written.tzinfo) is timezone:
        return written.utcoffset() == read.utcoffset()
    return written.tzinfo == read.tzinfo and written.fold == read.fold


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004
