"""Calls that a function cannot take, told from errors in the function."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from durable_core._engine.failures import stack_lines
from durable_core._values.errors import ValidationError
from durable_core._values.serdes_context import class_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.operation import ClaimedOperation


def told_as_misuse(
    error: BaseException,
    operation: ClaimedOperation[Any],
    fn: Callable[..., Any],
    args: tuple[Any, ...],
) -> BaseException:
    """The error of a call that `fn` cannot take, in place of Python's own; else `error`.

    No further attempt could mend it. Looked at only when a `TypeError` comes from no line of the
    user's: a signature is far too slow to read at each call.
    """
    if type(error) is not TypeError or stack_lines(error) is not None:
        return error
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return error  # some callables do not tell
    try:
        signature.bind(*args)
    except TypeError as refused:
        name = getattr(fn, "__qualname__", repr(fn))
        label = f"{operation.subtype} {operation.name or operation.operation_id[:8]!r}"
        misuse = ValidationError(
            f"{label} calls {name}({', '.join(map(class_of, args))}), which "
            f"{name}({', '.join(map(str, signature.parameters.values()))}) does not take: {refused}"
            f" ({operation.site})"
        )
        misuse.__cause__ = error
        return misuse
    return error
