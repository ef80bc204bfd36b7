"""The serdes users meet: the default one, plain JSON, text as it is; and those of annotations.

| text | when |
| --- | --- |
| plain compact JSON | what JSON carries: None, bool, int, float, str, list, dict with str keys |
| JSON with envelopes | tuple, set, bytes, datetime, Decimal …: see `serdes_tagged` |
| `SerDesError` | everything else: nothing is ever changed silently |
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from durable_core._values.serdes_context import (
    NO_CONTEXT,
    SerDes,
    SerDesContext,
    class_of,
    decode_with,
    encode_with,
    refusal,
    unreadable,
)
from durable_core._values.serdes_plain import (
    MARK_AS_KEY,
    from_json,
    may_hold_envelopes,
    plain_json,
)
from durable_core._values.serdes_types import (
    check_for_pydantic,
    serdes_for_parameter,
    serdes_for_return,
)

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "DEFAULT_SERDES",
    "NO_CONTEXT",
    "DefaultSerDes",
    "JsonSerDes",
    "PassThroughSerDes",
    "SerDes",
    "SerDesContext",
    "check_for_pydantic",
    "decode_with",
    "encode_with",
    "serdes_for_parameter",
    "serdes_for_return",
]


class DefaultSerDes:
    """JSON that brings back the same value of the same type, or refuses at write time.

    What JSON carries is stored as plain JSON, readable by anyone; tuple, set, frozenset, bytes,
    datetime, date, time, timedelta, Decimal, UUID, NaN, infinities and dicts with other keys than
    strings are stored in envelopes, wherever they stand. Shared references come back as copies.
    """

    __slots__ = ()

    is_replaceable = True
    """A class in an annotation takes its place: see `serdes_for_return`."""

    def serialize(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> str:
        """The text of `value`; `SerDesError` if it would come back as something else."""
        return self.encode(value, context)[0]

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        """The value of a text; no text, or an empty one, is None."""
        if not data:
            return None
        try:
            if may_hold_envelopes(data):
                return _tagged().from_tagged_json(data)
            return from_json(data)
        except (ValueError, RecursionError) as error:
            raise unreadable(context, str(error)) from error

    def encode(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> tuple[str, Any]:
        """The text, and the value as it will be read back: a copy, where it can be changed."""
        plain = plain_json(value)
        if plain is not None and MARK_AS_KEY not in plain[0]:
            return plain
        text = _tagged().tagged_json(value, context)
        return text, self.deserialize(text, context)


DEFAULT_SERDES: Final = DefaultSerDes()


class JsonSerDes:
    """Plain JSON and nothing else: what a function in another language reads and writes.

    It refuses what JSON would bend (tuples into lists, keys into strings, NaN …) and reads any
    JSON as it is: no envelopes either way.
    """

    __slots__ = ()

    def serialize(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> str:
        """The text of `value`; `SerDesError` if JSON would bring back something else."""
        return self.encode(value, context)[0]

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        """The value of a text; no text, or an empty one, is None."""
        if not data:
            return None
        try:
            return from_json(data)
        except (ValueError, RecursionError) as error:
            raise unreadable(context, str(error)) from error

    def encode(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> tuple[str, Any]:
        """The text, and the value as it will be read back."""
        plain = plain_json(value)
        if plain is not None:
            return plain
        remedy = (
            "pass payload_serdes= that the called function can read"
            if context.entity == "payload"
            else "leave out serdes= to keep its types"
        )
        raise refusal(
            context,
            f"plain JSON would not bring back this {class_of(value)} as it is; {remedy}, or turn "
            "it into lists and dicts first (dataclasses.asdict(…), model.model_dump())",
        )


class PassThroughSerDes:
    """Text as it is: for payloads whose form is somebody else's business."""

    __slots__ = ()

    def serialize(self, value: str | None, context: SerDesContext = NO_CONTEXT, /) -> str | None:
        """The text itself; `SerDesError` for anything else."""
        if value is None or type(value) is str:
            return value
        raise refusal(context, f"PassThroughSerDes takes str or None, not a {class_of(value)}")

    def deserialize(
        self,
        data: str | None,
        context: SerDesContext = NO_CONTEXT,  # noqa: ARG002
        /,
    ) -> str | None:
        """The text itself."""
        return data


@cache
def _tagged() -> ModuleType:
    # Late: plain JSON carries most of what is recorded.
    from durable_core._values import serdes_tagged  # noqa: PLC0415

    return serdes_tagged
