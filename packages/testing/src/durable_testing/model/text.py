"""Text that can be stored: JSON can escape half a character, UTF-8 cannot hold one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import ErrorObject

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_text(value: object) -> bool:
    """Whether it is a string of whole characters."""
    if not isinstance(value, str):
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_error(error: ErrorObject) -> bool:
    """Whether an error's fields are text, as far as they are there."""
    return all(map(is_text, _fields(error)))


def readable(error: ErrorObject) -> ErrorObject:
    """Return an error that can be stored: what is no text in it is shown as what it is."""
    if is_error(error):
        return error
    stack = error.stack_trace
    message, kind, data = (None if field is None else _shown(field) for field in error[:3])
    return ErrorObject(message, kind, data, None if stack is None else tuple(map(_shown, stack)))


def _fields(error: ErrorObject) -> Iterator[object]:
    yield from (field for field in error[:3] if field is not None)
    yield from error.stack_trace or ()


def _shown(value: object) -> str:
    return str(value).encode(errors="backslashreplace").decode()
