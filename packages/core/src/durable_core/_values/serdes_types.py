"""Which serdes the annotations of a function ask for; a class name is never read from a payload.

Pydantic is looked for when an annotation needs it for the first time, never before.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from importlib import import_module
from types import CodeType
from typing import Any, Final, TypeAlias

from durable_core._values.annotations import (
    Unresolved,
    evaluated,
    holds_class,
    is_more_than_json,
)
from durable_core._values.errors import ValidationError
from durable_core._values.serdes_context import (
    NO_CONTEXT,
    SerDes,
    SerDesContext,
    class_of,
    is_of_class,
    refusal,
    unreadable,
)

_Entry: TypeAlias = tuple[CodeType, Any, SerDes[Any] | None]
_RETURNS: Final[dict[int, _Entry]] = {}
"""By the id of the code, which all closures of one definition share, and which the entry keeps."""

_MOST_ENTRIES: Final = 4096
_NAMES: Final = re.compile(r"\w+")
_JSON_NAMES: Final = frozenset({"dict", "list", "str", "int", "float", "bool", "None", "Any"})


def serdes_for_return(fn: Callable[..., Any], default: SerDes[Any]) -> SerDes[Any]:
    """The serdes for what `fn` returns: `default`, unless the annotation holds a class.

    Takes functions, `async` or not, methods, partials, callable objects and classes; an annotation
    that cannot be resolved counts as none, but what is refused then is refused for it. A default of
    the user's own is kept as it is, or asked for `with_inner(serdes)` if it has that.
    """
    function: Any = fn
    try:
        hint = function.__annotations__.get("return")
        code = function.__code__
    except Exception:  # noqa: BLE001 - from Python 3.14 on, annotations are evaluated here
        return _chosen(_found_for_return(fn), default)
    if hint is None:
        return default
    entry = _RETURNS.get(id(code))
    if entry is not None and entry[0] is code and entry[1] is hint:
        return default if entry[2] is None else _chosen(entry[2], default)
    return _chosen(_found_for_return(fn), default)


def serdes_for_parameter(
    fn: Callable[..., Any],
    index: int,
    default: SerDes[Any],
    on_unresolved: Callable[[Unresolved], object] | None = None,
) -> SerDes[Any]:
    """The serdes for the positional argument `index` of `fn`, counted as a caller counts.

    What JSON alone does not make is validated into its annotation, if pydantic is there: plain JSON
    of any origin becomes classes, dates, sets; what does not fit raises `ValidationError`. An
    annotation that cannot be resolved counts as none; `on_unresolved` is told.
    """
    hint = _parameter_hint(fn, index)
    if on_unresolved is not None and isinstance(hint, Unresolved):
        on_unresolved(hint)
    if not is_more_than_json(hint):
        return default
    pydantic_serdes = _pydantic_serdes()
    if pydantic_serdes is not None:
        return _chosen(pydantic_serdes.adapted_input(hint), default)
    return _chosen(_WithoutPydantic(hint), default) if holds_class(hint) else default


def check_for_pydantic(fn: Callable[..., Any], default: SerDes[Any]) -> None:
    """Refuse a handler whose input or result only pydantic can bring back, where there is none.

    An annotation that cannot be resolved yet counts as none. Pydantic is looked for, not imported.

    Raises:
        ValidationError: It is not installed.
    """
    for what, hint in (("input", _parameter_hint(fn, 0)), ("result", _return_hint(fn))):
        if not holds_class(hint) or _chosen(_WithoutPydantic(hint), default) is default:
            continue
        from importlib.util import find_spec  # noqa: PLC0415  hardly ever needed

        if find_spec("pydantic") is None:
            name = getattr(fn, "__name__", class_of(fn))
            raise ValidationError(
                f"the {what} of {name!r} is annotated {hint!r}, which needs pydantic; install "
                "durable-core[pydantic]"
            )


class _WithoutPydantic:
    """Stands where a class is annotated and pydantic is missing: only None gets through."""

    __slots__ = ("_hint",)

    def __init__(self, hint: Any) -> None:
        self._hint = hint

    def serialize(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> str:
        if value is None:
            return "null"
        raise refusal(context, self._advice())

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        if data is None or data in ("", "null"):
            return None
        raise unreadable(context, self._advice())

    def _advice(self) -> str:
        return f"its annotation {self._hint!r} needs pydantic; install durable-core[pydantic]"


def _chosen(own: SerDes[Any] | None, default: SerDes[Any]) -> SerDes[Any]:
    if own is None:
        return default
    if is_of_class(type(default), "is_replaceable"):
        return own
    with_inner: Callable[[SerDes[Any]], SerDes[Any]] | None = getattr(default, "with_inner", None)
    return default if with_inner is None else with_inner(own)


def _found_for_return(fn: Any) -> SerDes[Any] | None:
    function = _function(fn)
    if isinstance(function, type):
        return _class_serdes(function)
    hint = _annotations(function).get("return")
    code = getattr(function, "__code__", None)
    if hint is None or code is None:
        return None
    original = _original(function)
    entry = _RETURNS.get(id(code))
    if original is function and entry is not None and entry[0] is code and entry[1] == hint:
        return entry[2]
    resolved, is_lasting = _resolved(hint, original)
    serdes = _class_serdes(_awaited(resolved))
    # A wrapper's code is shared by all that it wraps, so nothing is kept under it.
    if original is function and is_lasting:
        if len(_RETURNS) >= _MOST_ENTRIES:
            _RETURNS.clear()
        _RETURNS[id(code)] = (code, hint, serdes)
    return serdes


def _class_serdes(hint: Any) -> SerDes[Any] | None:
    if isinstance(hint, Unresolved):
        # Late, as it stands on the default serdes, which stands on this module.
        module: Any = import_module("durable_core._values.serdes_explained")
        return module.UnresolvedSerDes(hint)
    if not holds_class(hint):
        return None
    pydantic_serdes = _pydantic_serdes()
    return _WithoutPydantic(hint) if pydantic_serdes is None else pydantic_serdes.adapted(hint)


def _pydantic_serdes() -> Any:
    """The module of the extra; None where pydantic is not installed."""
    try:
        return import_module("durable_core.pydantic_serdes")
    except ImportError:
        return None


def _parameter_hint(fn: Any, index: int) -> Any:
    position = index
    while isinstance(fn, partial):
        position += len(fn.args)
        fn = fn.func
    function = _function(fn)
    if isinstance(function, type):
        return None
    position += hasattr(fn, "__self__") or function is not fn
    original = _original(function)
    code = getattr(original, "__code__", None)
    if code is None or position >= code.co_argcount:
        return None
    hint = _annotations(function).get(code.co_varnames[position])
    return _resolved(hint, original)[0]


def _function(fn: Any) -> Any:
    """The function or class behind partials, methods and callable objects."""
    while isinstance(fn, partial):
        fn = fn.func
    if isinstance(fn, type):
        return fn
    fn = getattr(fn, "__func__", fn)
    return fn if hasattr(fn, "__code__") else getattr(_class(fn), "__call__", fn)  # noqa: B004


def _class(value: object) -> type:
    return type(value)


def _original(function: Any) -> Any:
    """The function that `functools.wraps` says is behind this one: it knows the names."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _return_hint(fn: Any) -> Any:
    function = _function(fn)
    hint = None if isinstance(function, type) else _annotations(function).get("return")
    return None if hint is None else _awaited(_resolved(hint, _original(function))[0])


def _annotations(function: Any) -> dict[str, Any]:
    try:
        return getattr(function, "__annotations__", None) or {}
    except Exception:  # noqa: BLE001 - as in serdes_for_return
        return _lazy_annotations(function)


def _lazy_annotations(function: Any) -> dict[str, Any]:
    """Those that can be evaluated, where one of them cannot (from Python 3.14 on)."""
    try:
        annotationlib = import_module("annotationlib")
        return annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)
    except Exception:  # noqa: BLE001 - an annotation may hold any expression
        return {}


def _resolved(hint: Any, function: Any) -> tuple[Any, bool]:
    """The hint evaluated, and whether it is so for every closure of this definition."""
    globalns = getattr(function, "__globals__", {})
    if isinstance(hint, str) and _is_json(hint, globalns):
        return None, True
    names: dict[str, Any] = {}
    captured = getattr(getattr(function, "__code__", None), "co_freevars", ())
    for name, cell in zip(captured, getattr(function, "__closure__", None) or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    # Each closure may have captured another class of that name.
    is_lasting = not (isinstance(hint, str) and any(name in hint for name in captured))
    name = getattr(function, "__qualname__", repr(function))
    return evaluated(hint, globalns, names, name), is_lasting


def _is_json(hint: str, globalns: dict[str, Any]) -> bool:
    """Whether a hint names nothing but JSON's types: evaluating it would cost a cold start more."""
    names = _NAMES.findall(hint)
    if not _JSON_NAMES.issuperset(names):
        return False
    return all(globalns.get(name, Any) is Any for name in names)


def _awaited(hint: Any) -> Any:
    """What a plain function's coroutine gives, where it is annotated as one."""
    if typing.get_origin(hint) in (Awaitable, Coroutine):
        return typing.get_args(hint)[-1]
    return hint
