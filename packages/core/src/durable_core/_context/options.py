"""Options, checked at the call: a wrong one must not wait for the first failure to show."""

from __future__ import annotations

import inspect
from collections.abc import Reversible
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeVar

from durable_core._operations.step import StepSemantics
from durable_core._values.errors import ValidationError
from durable_core._values.serdes_context import class_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum

M = TypeVar("M", bound="Enum")

_MAKERS = ("durable_core._values.retry", "durable_core._values.wait_strategy")
"""Modules whose functions make strategies."""
_STEP_OPTIONS = ("retry_strategy", "semantics", "serdes")


def checked_step_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of `step()`.

    Raises:
        ValidationError: One is unknown, or of the wrong kind.
    """
    for option in options:
        if option not in _STEP_OPTIONS:
            raise ValidationError(
                f"step() takes the options {', '.join(_STEP_OPTIONS)}; found {option}=. Arguments "
                "of the function follow it positionally: for others use functools.partial(fn, …)"
            )
    if "semantics" in options:
        options["semantics"] = checked_member("semantics", options["semantics"], StepSemantics)
    checked_strategy(options.get("retry_strategy"))
    checked_serdes("serdes", options.get("serdes"))
    return options


def checked_member(option: str, value: object, kind: type[M]) -> M:
    """A member of an enum, or the member that has this value."""
    try:
        return kind(value)
    except ValueError:
        raise ValidationError(
            f"{option} must be one of {', '.join(f'{kind.__name__}.{m.name}' for m in kind)}; "
            f"found {value!r}"
        ) from None


def checked_strategy(strategy: object) -> None:
    """Refuse a retry strategy that cannot be asked."""
    if strategy is None:
        return
    if not callable(strategy) or isinstance(strategy, type):
        raise ValidationError(
            "retry_strategy must be a function of (error, attempt), such as "
            f"create_retry_strategy(...) or RetryPresets.fixed(); found {strategy!r}"
        )
    _refuse_maker("retry_strategy", strategy)


def checked_wait_strategy(strategy: object) -> None:
    """Refuse a wait strategy that cannot be asked."""
    if not callable(strategy) or isinstance(strategy, type):
        raise ValidationError(
            "wait_strategy must be a function of (state, attempt), such as "
            f"create_wait_strategy(...); found {strategy!r}"
        )
    _refuse_maker("wait_strategy", strategy)


def _refuse_maker(option: str, strategy: object) -> None:
    """Refuse a preset that was not called: asked for a decision it would make a strategy."""
    name = getattr(strategy, "__qualname__", "<locals>")
    if getattr(strategy, "__module__", None) in _MAKERS and "<locals>" not in name:
        raise ValidationError(
            f"{option} is {name} itself, which makes a strategy: call it, {name}(…)"
        )


def checked_serdes(option: str, serdes: object) -> None:
    """Refuse a serdes that cannot write and read."""
    if serdes is None:
        return
    has_both = all(callable(getattr(serdes, what, None)) for what in ("serialize", "deserialize"))
    if isinstance(serdes, type) or not has_both:
        raise ValidationError(
            f"{option} must be an object with serialize() and deserialize(), such as JsonSerDes(); "
            f"found {serdes!r}"
        )


def checked_order(method: str, what: str, given: object) -> None:
    """Refuse a set: what is taken in its order would have another place in another process.

    Dict views and ordered sets can be reversed, which a set cannot.
    """
    if isinstance(given, AbstractSet) and not isinstance(given, Reversible):
        raise ValidationError(
            f"{method}() takes its {what} in order, and a {class_of(given)} has another order "  # pyright: ignore[reportUnknownArgumentType]
            f"in each process: a replay would give one the result of another. Use sorted(…) or a "
            "list"
        )


def checked_shape(method: str, fn: Callable[..., Any], *parameters: str) -> None:
    """Refuse a body that cannot be called with these positional arguments."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return  # some callables do not tell
    try:
        signature.bind(*parameters)
    except TypeError as error:
        name = getattr(fn, "__qualname__", repr(fn))
        raise ValidationError(
            f"{method}() calls {name}({', '.join(parameters)}), which "
            f"{name}({', '.join(signature.parameters)}) does not take: {error}"
        ) from None
