"""Errors to records and back: the same on the first run and after a replay."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, TypeVar

from durable_core._protocol.limits import MAX_ERROR_BYTES, json_size
from durable_core._protocol.records import ErrorObject
from durable_core._values.errors import (
    RESTORED_BY_TYPE,
    DurableError,
    DurableOperationError,
    error_type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.operation import ClaimedOperation

E = TypeVar("E", bound=DurableOperationError)

_ROOM_FOR_JSON = 1024
"""Left free of the limit for keys, quotes and the error's type."""
_MESSAGE_SHARE = 3
"""A message longer than a third of the limit is cut, so that some of the stack is kept."""
_SHOWN_MEMBERS = 5
"""Members of an exception group that its message shows."""
_BRIEF = 300
"""Characters of an exception in the message of another."""
_CUT = " … (cut)"


def error_object(error: BaseException, limit: int = MAX_ERROR_BYTES) -> ErrorObject:
    """Record an exception: an operation's error keeps what it was first recorded with."""
    if isinstance(error, DurableOperationError):
        message, kind, data = error.message, error.error_type, error.data
        stack = error.stack_trace
    else:
        message, kind, data, stack = message_of(error), None, None, None
    kind = kind or error_type_name(type(error))
    if stack is None:
        stack = stack_lines(error)
    room = max(0, limit - _ROOM_FOR_JSON) // 2  # within another text its escapes are escaped
    message = _cut(message, room // _MESSAGE_SHARE)
    data = _cut(data, room // _MESSAGE_SHARE)
    room -= json_size(message or "") + json_size(data or "")
    return ErrorObject(message, kind, data, _fitting(stack, room))


def message_of(error: BaseException) -> str:
    """What the exception says; a group says what its members say, which its own text does not."""
    text = _said(str, error)
    if not isinstance(error, BaseExceptionGroup):
        return text
    members: tuple[BaseException, ...] = error.exceptions  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    said = [f"{error_type_name(type(m))}: {message_of(m)}" for m in members[:_SHOWN_MEMBERS]]
    return f"{text}: {'; '.join(said)}"


def shown(error: BaseException) -> str:
    """The exception's `repr`, whatever its class makes of that."""
    return _said(repr, error)


def shown_briefly(error: BaseException) -> str:
    """The same, for a place in another message."""
    text = shown(error)
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"


def _said(say: Callable[[BaseException], str], error: BaseException) -> str:
    try:
        return _storable(say(error))
    except Exception as failure:  # noqa: BLE001 - user code, which must not cost us the error
        return f"<{type(error).__name__}: its text cannot be shown ({type(failure).__name__})>"


def _storable(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates, as file names have them, are spelled out."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def stack_lines(error: BaseException) -> tuple[str, ...] | None:
    """The exception's traceback, a line an entry, without this package's own frames."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/durable_core/_" not in frame.filename.replace("\\", "/")
    ]
    if not frames:
        return None
    text = _storable("".join(traceback.format_list(frames)))
    return tuple(text.rstrip("\n").split("\n"))


def _cut(text: str | None, room: int) -> str | None:
    if text is None:
        return None
    text = _storable(text)
    size = json_size(text)
    if size <= room:
        return text
    room = max(0, room - json_size(_CUT))
    while size > room:
        text = text[: len(text) * room // size]
        size = json_size(text)
    return text + _CUT


def _fitting(stack: tuple[str, ...] | None, room: int) -> tuple[str, ...] | None:
    """The end of the stack that fits: the innermost frames say most."""
    if stack is None:
        return None
    kept: list[str] = []
    for line in reversed(stack):
        room -= json_size(line) + 3
        if room < 0:
            break
        kept.append(line)
    return tuple(reversed(kept)) or None


def restored(
    kind: type[E], error: ErrorObject | None, operation: ClaimedOperation[Any]
) -> DurableError:
    """The error that awaiting a failed operation raises."""
    error = error or ErrorObject()
    if error.type in RESTORED_BY_TYPE:
        return RESTORED_BY_TYPE[error.type](error.message or "")
    return kind(
        error.message,
        error.type,
        error.data,
        error.stack_trace,
        operation_id=operation.operation_id,
        operation_name=operation.name,
    )
