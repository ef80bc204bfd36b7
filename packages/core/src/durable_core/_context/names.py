"""The name that may come first in every call, and the function behind it."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from durable_core._protocol.limits import MAX_NAME_LENGTH
from durable_core._values.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable


def checked_name(name: object) -> str | None:
    """`name`, if the service takes it.

    Raises:
        ValidationError: It is no text, empty, too long, or not printable ASCII.
    """
    if name is None:
        return None
    if (
        isinstance(name, str)
        and 0 < len(name) <= MAX_NAME_LENGTH
        and name.isascii()
        and name.isprintable()
    ):
        return name
    raise ValidationError(
        f"an operation's name must be 1 to {MAX_NAME_LENGTH} printable ASCII characters; "
        f"found {name!r}"
    )


def name_of(fn: object) -> str | None:
    """The name a function lends its operation; a lambda and what has no name lend none."""
    name = getattr(fn, "__name__", None)
    if name is None and isinstance(fn, partial):
        return name_of(fn.func)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if not isinstance(name, str) or name in ("", "<lambda>"):
        return None
    is_taken = name.isascii() and name.isprintable() and len(name) <= MAX_NAME_LENGTH
    return name if is_taken else None


def split_function(
    method: str, args: tuple[Any, ...]
) -> tuple[str | None, Callable[..., Any], tuple[Any, ...]]:
    """`([name], fn, *args)` taken apart."""
    if args and (args[0] is None or isinstance(args[0], str)):
        name = checked_name(args[0])
        rest = args[1:]
    else:
        name = name_of(args[0]) if args else None
        rest = args
    if not rest or not callable(rest[0]):
        found = _shown(rest[0]) if rest else "nothing"
        raise ValidationError(
            f"{method}() takes an optional name and a function: {method}('name', fn, *args); "
            f"found {found} where the function should be. A call such as fn(x) runs at once: "
            "pass the function and its arguments"
        )
    return name, rest[0], rest[1:]


def _shown(found: Any) -> str:
    if inspect.iscoroutine(found):
        found.close()  # else Python would also say that nobody awaited it
        return f"the coroutine that {found.__qualname__}() made"
    return repr(found)


def split_value(method: str, what: str, args: tuple[Any, ...]) -> tuple[str | None, Any]:
    """`([name], value)` taken apart, for values that are no text."""
    match args:
        case (None | str() as name, value):
            return checked_name(name), value
        case (value,):
            return None, value
        case _:
            raise ValidationError(f"{method}() takes an optional name and {what}; found {args!r}")
