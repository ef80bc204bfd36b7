"""Shape checks: lengths, ranges and patterns, looked at before any meaning (service 1.0, 1.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core import lowlevel
from durable_testing.model.errors import ErrorCode, ServiceError
from durable_testing.model.text import is_error, is_text
from durable_testing.model.tokens import MAX_TOKEN_LENGTH, OPAQUE_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_core.lowlevel import CheckpointRequest, ErrorObject, OperationUpdate

MAX_LENGTH: Final = 6_291_456
"""Longest payload of any kind (service 1.1)."""
MAX_ITEMS: Final = 1000
DEFAULT_ITEMS: Final = 100
_CLIENT_TOKEN: Final = re.compile(r"[\x21-\x7E]{1,64}")

_LONGEST: Final = 64
"""What an id may have; a name may have more."""
_SUBTYPES: Final = frozenset(member.value for member in lowlevel.OperationSubType)
_FIRST_OPTION: Final = lowlevel.OperationUpdate._fields.index("next_attempt_delay_seconds")
_NO_OPTIONS: Final = (None,) * (len(lowlevel.OperationUpdate._fields) - _FIRST_OPTION)


class Violation(NamedTuple):
    """A member that does not satisfy a constraint; a sensitive one has no value."""

    path: str
    constraint: str
    value: object | None = None

    def __str__(self) -> str:
        subject = "Value" if self.value is None else f"Value '{self.value}'"
        return f"{subject} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def shape_error(*violations: Violation) -> ServiceError:
    """Return the `ValidationException` that names all violations."""
    count = len(violations)
    noun = "error" if count == 1 else "errors"
    listed = "; ".join(map(str, violations))
    return ServiceError(ErrorCode.VALIDATION, f"{count} validation {noun} detected: {listed}")


def pattern_violation(path: str, value: str, pattern: re.Pattern[str]) -> Violation:
    """Say that a value does not match."""
    return Violation(
        path, f"Member must satisfy regular expression pattern: {pattern.pattern}", value
    )


def too_long(path: str, limit: int) -> Violation:
    """Say that a sensitive value is too long."""
    return Violation(path, f"Member must have length less than or equal to {limit}")


def no_text(path: str) -> Violation:
    """Say that a sensitive value cannot be stored."""
    return Violation(path, "Member must be valid UTF-8")


def check_error_text(path: str, error: ErrorObject | None) -> None:
    """Refuse an error that cannot be stored."""
    if error is not None and not is_error(error):
        raise shape_error(no_text(path))


def check_text(path: str, text: str | None, limit: int | None = None) -> None:
    """Refuse a text that cannot be stored, or has more characters than `limit`."""
    if text is not None and not is_text(text):
        raise shape_error(no_text(path))
    if text is not None and limit is not None and len(text) > limit:
        raise shape_error(too_long(path, limit))


def out_of_range(path: str, value: int, low: int, high: int) -> Violation:
    """Say that a number is too small or too large."""
    if value < low:
        return Violation(path, f"Member must have value greater than or equal to {low}", value)
    return Violation(path, f"Member must have value less than or equal to {high}", value)


def check_checkpoint(request: CheckpointRequest, current_token: str | None) -> None:
    """Refuse a request that does not have the shape of one; `current_token` has it."""
    token = request.checkpoint_token
    if token != current_token and (
        not OPAQUE_PATTERN.fullmatch(token) or len(token) > MAX_TOKEN_LENGTH
    ):
        raise shape_error(pattern_violation("checkpointToken", token, OPAQUE_PATTERN))
    client_token = request.client_token
    if client_token and not _CLIENT_TOKEN.fullmatch(client_token):
        raise shape_error(pattern_violation("clientToken", client_token, _CLIENT_TOKEN))
    updates = request.updates
    if all(map(_is_plain, updates)):
        return
    violations = [
        violation
        for number, update in enumerate(updates, 1)
        for violation in _violations(update, number)
    ]
    if violations:
        raise shape_error(*violations)


def page_size(max_items: int | None) -> int:
    """Return how many items a page holds; 0 and None mean the default."""
    if max_items is not None and not 0 <= max_items <= MAX_ITEMS:
        raise shape_error(out_of_range("maxItems", max_items, 0, MAX_ITEMS))
    return max_items or DEFAULT_ITEMS


def _is_plain(update: OperationUpdate) -> bool:
    """Whether an update is plainly well formed, as most are; others get a closer look."""
    operation_id, _, _, parent_id, name, subtype, payload, error = update[:8]
    return (
        error is None
        and update[_FIRST_OPTION:] == _NO_OPTIONS
        and _is_plain_id(operation_id)
        and (parent_id is None or _is_plain_id(parent_id))
        and (subtype is None or subtype in _SUBTYPES)
        and (name is None or (0 < len(name) <= _LONGEST and name.isascii() and name.isprintable()))
        and (payload is None or (len(payload) < MAX_LENGTH and payload.isascii()))
    )


def _is_plain_id(text: str) -> bool:
    return text.isalnum() and text.isascii() and len(text) <= _LONGEST


def _violations(update: OperationUpdate, number: int) -> Iterator[Violation]:
    path = f"updates.{number}.member"
    for member, value, pattern in (
        ("id", update.id, lowlevel.OPERATION_ID_PATTERN),
        ("parentId", update.parent_id, lowlevel.OPERATION_ID_PATTERN),
        ("name", update.name, lowlevel.OPERATION_NAME_PATTERN),
        ("subType", update.subtype, lowlevel.SUBTYPE_PATTERN),
        (
            "chainedInvokeOptions.functionName",
            update.function_name,
            lowlevel.FUNCTION_NAME_PATTERN,
        ),
    ):
        if value is not None and not pattern.fullmatch(value):
            yield pattern_violation(f"{path}.{member}", value, pattern)
    yield from _text_violations(update, path)
    longest = lowlevel.MAX_DELAY_SECONDS
    longest_callback = lowlevel.MAX_CALLBACK_TIMEOUT_SECONDS
    for member, seconds, low, high in (
        ("stepOptions.nextAttemptDelaySeconds", update.next_attempt_delay_seconds, 1, longest),
        ("waitOptions.waitSeconds", update.wait_seconds, 1, longest),
        ("callbackOptions.timeoutSeconds", update.timeout_seconds, 0, longest_callback),
        (
            "callbackOptions.heartbeatTimeoutSeconds",
            update.heartbeat_timeout_seconds,
            0,
            longest_callback,
        ),
    ):
        if seconds is not None and not low <= seconds <= high:
            yield out_of_range(f"{path}.{member}", seconds, low, high)


def _text_violations(update: OperationUpdate, path: str) -> Iterator[Violation]:
    payload, trace_header = update.payload, update.trace_header
    if payload is not None:
        if len(payload) > MAX_LENGTH:
            yield too_long(f"{path}.payload", MAX_LENGTH)
        if not is_text(payload):
            yield no_text(f"{path}.payload")
    if update.error is not None and not is_error(update.error):
        yield no_text(f"{path}.error")
    if trace_header is not None and not is_text(trace_header):
        yield no_text(f"{path}.chainedInvokeOptions.xAmznTraceId")
