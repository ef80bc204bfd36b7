"""Reading requests into their shapes; what does not fit is said in the service's words (1.0)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from durable_testing.model.shapes import Violation, shape_error
from durable_testing.server.schemas import Shape, whole_pattern
from durable_testing.server.wire import serialization_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic_core import ErrorDetails

    from durable_testing.model import ServiceError
    from durable_testing.server.wire import ApiError

S = TypeVar("S", bound=Shape)

_NULL: Final = "Member must not be null"
_CONSTRAINTS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "missing": lambda _: _NULL,
    "string_too_short": lambda at: (
        f"Member must have length greater than or equal to {at['min_length']}"
    ),
    "string_too_long": lambda at: (
        f"Member must have length less than or equal to {at['max_length']}"
    ),
    "greater_than_equal": lambda at: f"Member must have value greater than or equal to {at['ge']}",
    "less_than_equal": lambda at: f"Member must have value less than or equal to {at['le']}",
    "string_pattern_mismatch": lambda at: (
        f"Member must satisfy regular expression pattern: {whole_pattern(at['pattern'])}"
    ),
    "enum": lambda at: f"Member must satisfy enum value set: {_names(at['expected'])}",
    "literal_error": lambda at: f"Member must satisfy enum value set: {_names(at['expected'])}",
}
"""What each of pydantic's error types is called; any other means that it cannot be read at all."""
_SENSITIVE: Final = frozenset({"Payload", "Reason"})
_SHOWN_LENGTH: Final = 1024


def read_body(shape: type[S], body: bytes) -> S:
    """Read a JSON body; an empty one is an empty object.

    Raises:
        ServiceError: ValidationException.
        ApiError: SerializationException.
    """
    try:
        return shape.model_validate_json(body or b"{}", strict=True)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)) from None


def read_parameters(shape: type[S], values: Mapping[str, Any]) -> S:
    """Read parameters of the path, the query and the headers.

    Raises:
        ServiceError: ValidationException.
        ApiError: SerializationException.
    """
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)) from None


def _refusal(errors: Iterable[ErrorDetails]) -> ServiceError | ApiError:
    violations: list[Violation] = []
    for error in errors:
        context = error.get("ctx", {})
        if error["type"] in _CONSTRAINTS:
            constraint = _CONSTRAINTS[error["type"]](context)
        elif error["loc"] and error["input"] is None:
            constraint = _NULL
        else:
            return serialization_error(_unreadable(error))
        violations.append(Violation(_path(error["loc"]), constraint, _shown(error)))
    return shape_error(*violations)


def _names(expected: str) -> str:
    """Turn pydantic's `'A', 'B' or 'C'` into `[A, B, C]`."""
    names = re.findall(r"'([^']*)'", expected)
    return f"[{', '.join(names)}]"


def _path(location: tuple[int | str, ...]) -> str:
    """Return `updates.1.member.waitOptions.waitSeconds`: lower camel case, list indexes from 1."""
    parts = (
        f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:]
        for part in location
    )
    return ".".join(parts)


def _shown(error: ErrorDetails) -> str | None:
    """Return the offending value, unless it is a secret or there is none."""
    if error["type"] == "missing" or error["input"] is None or error["loc"][-1] in _SENSITIVE:
        return None
    return str(error["input"])[:_SHOWN_LENGTH]


def _unreadable(error: ErrorDetails) -> str:
    if not error["loc"]:
        return "Could not parse request body into json"
    return f"Value at '{_path(error['loc'])}' can not be converted: {error['msg']}"
