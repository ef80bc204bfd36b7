"""Errors that nobody awaited: what a replay raises again is told once."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class _LostError(NamedTuple):
    """What an error and the same in a replay have in common."""

    text: str
    filename: str
    line: int


class LostErrors:
    """The errors of one execution that nobody awaited, as far as they have been told."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: set[_LostError] = set()

    def note(self, context: Mapping[str, Any]) -> bool:
        """Take note of what an event loop told its exception handler; whether it is new."""
        error = _lost(context)
        is_new = error not in self._known
        self._known.add(error)
        return is_new


def _lost(context: Mapping[str, Any]) -> _LostError:
    error: BaseException | None = context.get("exception")
    if error is None:
        return _LostError(str(context.get("message")), "", 0)
    text = "".join(traceback.format_exception_only(error))
    raised = error.__traceback__
    if raised is None:
        return _LostError(text, "", 0)
    # The outermost line is the task's own; below it a replay may take another way.
    return _LostError(text, raised.tb_frame.f_code.co_filename, raised.tb_lineno)
