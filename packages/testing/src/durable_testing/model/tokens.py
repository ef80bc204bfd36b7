"""Opaque strings: checkpoint tokens, callback ids, page markers. Clients must not read them."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final

from durable_testing.model.errors import INVALID_TOKEN, ServiceError, invalid_parameter

if TYPE_CHECKING:
    from durable_testing.model.execution import Execution

OPAQUE_PATTERN: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
MAX_TOKEN_LENGTH: Final = 2048
MAX_CALLBACK_ID_LENGTH: Final = 1024
_CALLBACK: Final = "callback"


def _encode(*parts: object) -> str:
    return b64encode(" ".join(map(str, parts)).encode()).decode()


def _decode(text: str) -> list[str]:
    """Return the parts of an opaque string; none when it is not one of ours."""
    try:
        return b64decode(text, validate=True).decode().split(" ")
    except (binascii.Error, ValueError):
        return []


def rotate_token(execution: Execution) -> str:
    """Give the execution its next checkpoint token; the one before is void."""
    execution.token_number += 1
    token = _encode(execution.token_number, execution.invocation_id, execution.arn)
    execution.token = token
    return token


def wrong_token(token: str, execution_arn: str) -> ServiceError:
    """Say what is wrong with a token that is not the current one."""
    parts = _decode(token)
    if len(parts) == 3 and parts[2] != execution_arn:  # noqa: PLR2004  as rotate_token writes it
        return invalid_parameter("Checkpoint token is not valid for the durable execution ARN")
    return invalid_parameter(INVALID_TOKEN)


def new_callback_id(unique: str) -> str:
    """Return the id of a callback."""
    return _encode(_CALLBACK, unique)


def is_callback_id(text: str) -> bool:
    """Whether the text could be the id of a callback, known or not."""
    return 0 < len(text) <= MAX_CALLBACK_ID_LENGTH and bool(_decode(text))


def marker_of(kind: str, *numbers: int) -> str:
    """Return a page marker."""
    return _encode(kind, *numbers)


def marker_kind(marker: str) -> str:
    """Return what a marker goes on with; empty when it is not one of ours."""
    return next(iter(_decode(marker)), "")


def read_marker(marker: str, kind: str, count: int) -> list[int]:
    """Return the numbers in a marker of that kind.

    Raises:
        ServiceError: InvalidParameterValue, it is not one of ours.
    """
    parts = _decode(marker[:MAX_TOKEN_LENGTH])
    numbers = [int(part) for part in parts[1:] if part.isdecimal()]
    if not parts or parts[0] != kind or len(numbers) != count or len(parts) != count + 1:
        raise invalid_parameter("Invalid Marker")
    return numbers
