"""The recorded form of a batch's result.

Whole: every item with its result as its own serdes wrote it. Short, for results over 256 KB: the
decision alone; the items' own records, which the service then keeps, hold the rest.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_core._protocol.wire import error_from_wire, error_to_wire
from durable_core._values.batch import BatchItem, BatchResult
from durable_core._values.completion import BatchItemStatus, CompletionReason
from durable_core._values.errors import SerDesError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from durable_core._protocol.records import ErrorObject

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_STATUS_LETTERS = {
    BatchItemStatus.SUCCEEDED: "S",
    BatchItemStatus.FAILED: "F",
    BatchItemStatus.STARTED: "-",
}
_LETTER_STATUSES = {letter: status for status, letter in _STATUS_LETTERS.items()}


class ItemOutcome(NamedTuple):
    """One started item as it is recorded."""

    place: int
    name: str | None
    status: BatchItemStatus
    text: str | None = None
    error: ErrorObject | None = None


class Decision(NamedTuple):
    """Why a batch ended, and where each started item stood."""

    reason: CompletionReason
    statuses: dict[int, BatchItemStatus]


def whole(reason: CompletionReason, outcomes: Sequence[ItemOutcome]) -> str:
    """The recorded form with all results."""
    return _dump({"completionReason": reason.value, "items": [_item(o) for o in outcomes]})


def _item(outcome: ItemOutcome) -> dict[str, Any]:
    wire: dict[str, Any] = {"index": outcome.place, "status": outcome.status.value}
    if outcome.name is not None:
        wire["name"] = outcome.name
    if outcome.text is not None:
        wire["result"] = outcome.text
    if outcome.error is not None:
        wire["error"] = error_to_wire(outcome.error)
    return wire


def short(reason: CompletionReason, outcomes: Sequence[ItemOutcome]) -> str:
    """The recorded form without results."""
    statuses = "".join(_STATUS_LETTERS[outcome.status] for outcome in outcomes)
    indexes = [outcome.place for outcome in outcomes]
    wire: dict[str, Any] = {"completionReason": reason.value, "statuses": statuses}
    if indexes != list(range(len(indexes))):
        wire["indexes"] = indexes
    return _dump(wire)


def read_short(text: str | None) -> Decision:
    """Read `short`.

    Raises:
        SerDesError: It is none.
    """
    wire = _loaded(text)
    try:
        statuses: str = wire["statuses"]
        indexes: list[int] = wire.get("indexes") or list(range(len(statuses)))
        pairs = zip(indexes, statuses, strict=True)
        return Decision(
            CompletionReason(wire["completionReason"]),
            {index: _LETTER_STATUSES[letter] for index, letter in pairs},
        )
    except (KeyError, ValueError, TypeError) as error:
        raise _unreadable(text) from error


def read_whole(
    text: str | None,
    decode: Callable[[int, str | None], Any],
    error_of: Callable[[int, str | None, ErrorObject | None], Any],
) -> BatchResult[Any]:
    """Read `whole`; `decode` and `error_of` bring an item's result or error back.

    Raises:
        SerDesError: It is none, or an item's result cannot be read.
    """
    wire = _loaded(text)
    try:
        items = [_read_item(item, decode, error_of) for item in wire["items"]]
        return BatchResult(items, CompletionReason(wire["completionReason"]))
    except (KeyError, ValueError, TypeError) as error:
        raise _unreadable(text) from error


def _read_item(
    wire: dict[str, Any],
    decode: Callable[[int, str | None], Any],
    error_of: Callable[[int, str | None, ErrorObject | None], Any],
) -> BatchItem[Any]:
    status = BatchItemStatus(wire["status"])
    index: int = wire["index"]
    name: str | None = wire.get("name")
    result, error = None, None
    if status is BatchItemStatus.SUCCEEDED:
        result = decode(index, wire.get("result"))
    elif status is BatchItemStatus.FAILED:
        error = error_of(index, name, error_from_wire(wire.get("error")))
    return BatchItem(index, name, status, result, error)


def _loaded(text: str | None) -> dict[str, Any]:
    try:
        wire: Any = json.loads(text or "")
    except ValueError as error:
        raise _unreadable(text) from error
    if not isinstance(wire, dict):
        raise _unreadable(text)
    return wire  # pyright: ignore[reportUnknownVariableType]


def _unreadable(text: str | None) -> SerDesError:
    shown = text if text is None or len(text) <= 80 else text[:80] + "…"  # noqa: PLR2004
    return SerDesError(
        f"the recorded result of a map or parallel is not one that this version wrote: {shown!r}"
    )
