"""INPUT as it is given on the command line: JSON text, `@file.json`, or `-` for standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from durable_testing.cli.errors import UsageError


def read_text(argument: str) -> str:
    """Return what an argument stands for: itself, a file's content, or standard input."""
    if argument == "-":
        return sys.stdin.read()
    if not argument.startswith("@"):
        return argument
    path = Path(argument[1:])
    try:
        return path.read_text()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None


def read_json(argument: str) -> str:
    """Return INPUT as compact JSON text."""
    text = read_text(argument)
    try:
        value: Any = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise UsageError(f"INPUT is not JSON: {error.msg} at {place}{_hint(text)}") from None
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def is_same_json(one: str | None, other: str | None) -> bool:
    """Whether two JSON texts mean the same; no text is null."""
    return json.loads(one or "null") == json.loads(other or "null")


def _refuse_constant(constant: str) -> Any:
    raise UsageError(f"INPUT is not JSON: it has no {constant}")


def _hint(text: str) -> str:
    words = text.strip()
    if words and (words.isidentifier() or words.replace("-", "").isalnum()):
        return f"; a string is written with quotes: '\"{words}\"'"
    return ""
