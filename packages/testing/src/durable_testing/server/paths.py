"""Which operation a raw path asks for: labels come encoded, or raw with their slashes (1.0)."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote

DURABLE_DATE: Final = "2025-12-01"
INVOKE_DATE: Final = "2015-03-31"
_RAW_ARN_SEGMENTS: Final = 4
"""`arn:…:function:NAME:VERSION`, `durable-execution`, the name and the id."""


class Place(NamedTuple):
    """A path taken apart."""

    collection: str
    """What the label names: `durable-executions`, `durable-execution-callbacks`, `functions`."""
    label: str
    """Decoded."""
    action: str
    """The segment behind the label; empty when there is none."""


def place_of(raw_path: str) -> Place | None:
    """Take a path apart before it is decoded; None when it is not one of the service's."""
    head, _, rest = raw_path.lstrip("/").partition("/")
    collection, _, rest = rest.partition("/")
    segments = rest.split("/")
    if not segments[0]:
        return None
    match head, collection:
        case str(date), "durable-executions" if date == DURABLE_DATE:
            return _execution_place(collection, segments)
        case str(date), "durable-execution-callbacks" if date == DURABLE_DATE:
            return _labelled(collection, segments)
        case str(date), "functions" if date in (DURABLE_DATE, INVOKE_DATE):
            return _labelled(f"{date}/functions", segments)
        case _:
            return None


def _execution_place(collection: str, segments: list[str]) -> Place | None:
    """Split a path whose label has slashes of its own when it is not encoded.

    An execution may be called `stop`, so the number of segments decides, not their text.
    """
    if len(segments) in (1, _RAW_ARN_SEGMENTS):
        return Place(collection, unquote("/".join(segments)), "")
    return _labelled(collection, segments)


def _labelled(collection: str, segments: list[str]) -> Place | None:
    *label, action = segments
    if not label:
        return None
    return Place(collection, unquote("/".join(label)), action)
