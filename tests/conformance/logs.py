"""The lines that functions write, and what a log query for one execution finds among them."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """A record as a JSON object: its message, its level and whatever fields it was given."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS
        }
        return json.dumps(
            {"message": record.getMessage(), "level": record.levelname, **fields}, default=str
        )


class Line(NamedTuple):
    """A line and when it was written."""

    timestamp_ms: int
    text: str


class LogStream(io.TextIOBase):
    """Standard output that keeps its lines."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._rest = ""
        self.lines: list[Line] = []

    def write(self, text: str) -> int:
        *complete, self._rest = (self._rest + text).split("\n")
        self.lines.extend(Line(self._now_ms(), line) for line in complete)
        return len(text)


def log_events(lines: list[Line], execution_arn: str) -> list[dict[str, Any]]:
    """Return an execution's log events, as CloudWatch would: JSON lines that name its ARN.

    Like there, `ingestionTime` tells apart what was written in the same millisecond.
    """
    return [
        {"timestamp": line.timestamp_ms, "ingestionTime": number, "message": line.text}
        for number, line in enumerate(lines)
        if _names(execution_arn, line.text)
    ]


def _names(execution_arn: str, text: str) -> bool:
    try:
        fields = json.loads(text)
    except ValueError:
        return False
    return isinstance(fields, dict) and execution_arn in (
        fields.get("durableExecutionArn"),
        fields.get("executionArn"),
    )
