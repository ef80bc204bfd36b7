"""Reads what AWS's Python SDK records: plain JSON, or `{"t": tag, "v": …}` beyond the simplest.

A payload is in that form as a whole or not at all, and so are the parts of one; plain JSON of the
same form cannot be told apart. That is why only those who ask for it get this serdes.
"""

from __future__ import annotations

from binascii import a2b_base64
from datetime import date, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from durable_core._values.serdes_context import NO_CONTEXT, SerDesContext, refusal, unreadable
from durable_core._values.serdes_plain import from_json

if TYPE_CHECKING:
    from collections.abc import Callable


class AwsEnvelopeSerDes:
    """For `result_serdes=` and the like, where an AWS SDK for Python wrote the payload; read only.

    Its BatchResult comes as a dict of `all` and `completionReason`.
    """

    __slots__ = ()

    def serialize(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> str:  # noqa: ARG002
        """Not offered: `SerDesError`."""
        raise refusal(context, "AwsEnvelopeSerDes only reads; use JsonSerDes for writing")

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        """The value of a text with or without envelopes; no text, or an empty one, is None."""
        if not data:
            return None
        try:
            value = from_json(data)
            return _opened(value) if _is_envelope(value) else value
        except _UNREADABLE as error:
            raise unreadable(context, f"{type(error).__name__}: {error}") from error


_UNREADABLE: Final = (
    *(LookupError, TypeError, ValueError, AttributeError),
    *(ArithmeticError, RecursionError),
)


def _is_envelope(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"t", "v"} and value["t"] in _READERS


def _opened(envelope: Any) -> Any:
    return _READERS[envelope["t"]](envelope["v"])


def _as_it_is(value: Any) -> Any:
    return value


def _items(values: Any) -> list[Any]:
    return [_opened(item) for item in values]


def _entries(values: Any) -> dict[str, Any]:
    return {key: _opened(item) for key, item in values.items()}


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "n": _as_it_is,
    "s": _as_it_is,
    "i": _as_it_is,
    "f": _as_it_is,
    "b": _as_it_is,
    "B": a2b_base64,
    "u": lambda value: import_module("uuid").UUID(value),
    "d": lambda value: import_module("decimal").Decimal(value),
    "dt": datetime.fromisoformat,
    "D": date.fromisoformat,
    "t": lambda value: tuple(_items(value)),
    "l": _items,
    "m": _entries,
    "br": _entries,
}
