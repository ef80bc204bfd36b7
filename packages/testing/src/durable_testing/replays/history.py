"""Reads recorded histories: ours, and what `aws lambda get-durable-execution-history` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

from durable_testing.model import EventType
from durable_testing.replays.records import HistoryError, event_from_wire

if TYPE_CHECKING:
    from durable_testing.model import HistoryEvent

UNKNOWN_ARN: Final = (
    "arn:aws:lambda:us-east-1:123456789012:function:replayed:1/durable-execution/replayed/replayed"
)
"""Stands for the execution's ARN where the history does not say it."""
_ARN: Final = "DurableExecutionArn"


class HasHistory(Protocol):
    """A result of a run."""

    execution_arn: str

    def history(self) -> list[dict[str, Any]]:
        """Return the service's events."""
        ...


HistorySource: TypeAlias = str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]] | HasHistory
"""A file, its JSON, a list of events, or the result of a run."""


class History(NamedTuple):
    """A recorded history."""

    execution_arn: str
    events: tuple[HistoryEvent, ...]

    @property
    def has_succeeded(self) -> bool:
        """Whether the execution returned."""
        return bool(self.events) and self.events[-1].type is EventType.EXECUTION_SUCCEEDED


def read_history(source: HistorySource, execution_arn: str | None = None) -> History:
    """Read a history, in the order of its event ids.

    Raises:
        HistoryError: It is none, or only a part of one.
    """
    document = _loaded(Path(source)) if isinstance(source, str | Path) else source
    known_arn, wires = _parts(document)
    events = sorted((event_from_wire(wire) for wire in wires), key=lambda event: event.id)
    return History(execution_arn or known_arn or UNKNOWN_ARN, tuple(events))


def _parts(document: Any) -> tuple[str | None, list[Any]]:
    """Return the ARN, where it is known, and the events as they came."""
    if hasattr(document, "history"):
        return document.execution_arn, document.history()
    known_arn: str | None = None
    wires = document
    if isinstance(document, Mapping):
        members: Mapping[str, Any] = document  # pyright: ignore[reportUnknownVariableType]
        if members.get("NextMarker"):
            raise HistoryError("the history has further pages: NextMarker is set")
        known_arn, wires = members.get(_ARN), members.get("Events")
    if not isinstance(wires, list | tuple):
        raise HistoryError('a history is JSON with a list of "Events"')
    return known_arn, [*wires]  # pyright: ignore[reportUnknownVariableType]


def _loaded(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise HistoryError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise HistoryError(
            f"{file} is no JSON, so no history ({error}); `durable history NAME --json` prints one"
        ) from None
