"""What is in an annotation: plain JSON types, types the default codec knows, or classes."""

from __future__ import annotations

import typing
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON_TYPES: Final = frozenset({str, int, float, bool, type(None), list, dict, object})
_CODEC_TYPES: Final = _JSON_TYPES | {
    *(tuple, set, frozenset, bytes),
    *(datetime, date, time, timedelta),
}
_CODEC_NAMES: Final = frozenset({("decimal", "Decimal"), ("uuid", "UUID")})
_ABSTRACT_MODULES: Final = frozenset({"abc", "collections.abc", "numbers", "types", "typing"})


def holds_class(hint: Any) -> bool:
    """Whether values of this type are made by a class that the default codec does not know.

    A TypedDict is its fields: its values are plain dicts.
    """
    return any(_is_class(leaf) for leaf in _leaves(hint, is_opening=True, seen=set()))


def is_more_than_json(hint: Any) -> bool:
    """Whether JSON alone does not make values of this type: a class, a date, a TypedDict."""
    return any(
        isinstance(leaf, type)
        and leaf not in _JSON_TYPES
        and leaf.__module__ not in _ABSTRACT_MODULES
        for leaf in _leaves(hint, is_opening=False, seen=set())
    )


class Unresolved:
    """An annotation that is there and cannot be evaluated."""

    __slots__ = ("_error", "_function", "_hint")

    def __init__(self, hint: Any, function: str, error: Exception) -> None:
        self._hint: str = getattr(hint, "__forward_arg__", None) or str(hint)
        self._function = function
        self._error = error

    def __str__(self) -> str:
        error = self._error
        return (
            f"the annotation {self._hint!r} of {self._function}() cannot be resolved "
            f"({type(error).__name__}: {error})"
        )

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if isinstance(self._error, NameError | AttributeError):
            return "import it at run time, not under TYPE_CHECKING"
        return "write one that typing.get_type_hints() takes"


def evaluated(hint: Any, globalns: dict[str, Any], localns: dict[str, Any], function: str) -> Any:
    """The hint with the names in it looked up; `Unresolved` if that fails."""

    def holder() -> None: ...

    holder.__annotations__ = {"hint": hint}
    try:
        return typing.get_type_hints(holder, globalns, localns, include_extras=True)["hint"]
    except Exception as error:  # noqa: BLE001 - a string annotation may hold any expression
        return Unresolved(hint, function, error)


def _is_class(leaf: Any) -> bool:
    if not isinstance(leaf, type) or leaf in _CODEC_TYPES:
        return False
    if leaf.__module__ == "builtins" or leaf.__module__ in _ABSTRACT_MODULES:
        return False
    return (leaf.__module__, leaf.__qualname__) not in _CODEC_NAMES


def _leaves(hint: Any, *, is_opening: bool, seen: set[int]) -> Iterator[Any]:
    """The types in a hint; `is_opening` looks into TypedDicts, `seen` ends recursive ones."""
    # NewType and `type X = …` stand for another hint.
    alias_of = getattr(hint, "__supertype__", None) or getattr(hint, "__value__", None)
    if alias_of is not None:
        for part in (alias_of, *typing.get_args(hint)) if id(hint) not in seen else ():
            yield from _leaves(part, is_opening=is_opening, seen=seen | {id(hint)})
        return
    origin = typing.get_origin(hint)
    if origin is Literal:
        yield from map(type, typing.get_args(hint))
        return
    if is_opening and hasattr(origin or hint, "__required_keys__"):
        if id(hint) not in seen:
            for part in _fields(origin or hint):
                yield from _leaves(part, is_opening=True, seen=seen | {id(hint)})
        return
    yield origin or hint
    for part in typing.get_args(hint):
        yield from _leaves(part, is_opening=is_opening, seen=seen)


def _fields(typed_dict: Any) -> list[Any]:
    try:
        return list(typing.get_type_hints(typed_dict, include_extras=True).values())
    except Exception:  # noqa: BLE001 - see evaluated()
        return []
