"""The service's limits, and ours where they are stricter. Sizes are UTF-8 bytes."""

from __future__ import annotations

from typing import Final

MAX_BATCH_UPDATES: Final = 250
"""Updates in one checkpoint call (service 1.12)."""
MAX_BATCH_BYTES: Final = 750 * 1024
"""Serialized updates in one checkpoint call (service 1.12)."""

MAX_OPERATIONS: Final = 3_000
"""Operations of one execution (service 5.1)."""
MAX_STORAGE_BYTES: Final = 100 * 1024 * 1024
"""Bytes written by one execution (service 5.1)."""

MAX_PAYLOAD_BYTES: Final = 262_144
"""Result of a step, condition or context: the value observed live (service 5.2)."""
MAX_ERROR_BYTES: Final = 262_144
"""An error object as compact JSON (service 5.2)."""
MAX_INVOKE_PAYLOAD_BYTES: Final = 1_048_576
"""Input and output of a chained invoke (service 5.2)."""
MAX_CALLBACK_RESULT_BYTES: Final = 1_048_576
"""Body of a callback success (service 5.2)."""
MAX_RESPONSE_BYTES: Final = 6 * 1024 * 1024
"""Result of a synchronous execution, and Lambda's response (service 2.3)."""
RESULT_THRESHOLD_BYTES: Final = MAX_RESPONSE_BYTES - 50
"""Above it the result goes through an EXECUTION checkpoint (service 2.3)."""
CHILD_RESULT_THRESHOLD_BYTES: Final = 262_144
"""Above it a context is recorded with ReplayChildren (service 3.3)."""

MAX_DELAY_SECONDS: Final = 31_622_400
"""Longest wait or retry delay: 366 days (service 1.1)."""
MAX_CALLBACK_TIMEOUT_SECONDS: Final = 99_999_999
"""Longest callback or heartbeat timeout (service 1.1)."""

MAX_NAME_LENGTH: Final = 256
"""Longest operation name; printable ASCII only (service 1.1)."""


def utf8_size(text: str) -> int:
    """Bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def json_size(text: str) -> int:
    """Bytes of `text` within the quotes of a JSON string: what has to be escaped takes more."""
    size = utf8_size(text) + text.count('"') + text.count("\\")
    if text.isprintable():
        return size
    return size + sum(more * text.count(control) for control, more in _ESCAPED.items())


_SHORT_ESCAPES: Final = "\b\t\n\f\r"
_ESCAPED: Final = {
    chr(code): 1 if chr(code) in _SHORT_ESCAPES else 5  # `\n`, `\u0000`
    for code in range(0x20)
}
