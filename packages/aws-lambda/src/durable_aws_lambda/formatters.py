"""Log lines: JSON objects when the function's log format is JSON, text otherwise."""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_BORN_WITH = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "aws_request_id",
    "tenant_id",
}
"""What every record has, and what the runtime's filter adds: no field of the caller's."""
_FIELDS = ("requestId", "executionArn", "operationId", "operationName", "attempt", "tenantId")
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def formatter_for(environ: Mapping[str, str]) -> logging.Formatter:
    """Return the formatter for the function's log format."""
    is_json = environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    return JsonFormatter() if is_json else TextFormatter()


class JsonFormatter(logging.Formatter):
    """One JSON object a line: the documented fields, then the caller's."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "timestamp": _timestamp(record),
            "level": record.levelname,
            "message": record.getMessage(),
        }
        fields = _fields(record)
        for name in _FIELDS:
            if fields.get(name) is not None:
                line[name] = fields.pop(name)
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            line["errorType"] = kind.__name__
            line["errorMessage"] = str(error)
            line["stackTrace"] = traceback.format_tb(trace)
        for name, value in fields.items():
            line.setdefault(name, value)
        return _encode(line)


class TextFormatter(logging.Formatter):
    """Level, time, request id and message, as Lambda's text format has them, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it."""
        fields = _fields(record)
        request_id = fields.pop("requestId", None) or ""
        said = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
        head = f"[{record.levelname}]\t{_timestamp(record)}\t{request_id}\t{record.getMessage()}"
        line = f"{head}\t{said}" if said else head
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _BORN_WITH}


def _timestamp(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"
