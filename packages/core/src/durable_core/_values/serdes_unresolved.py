"""The serdes for what is returned under an annotation that cannot be resolved."""

from typing import Any

from durable_core._values.annotations import Unresolved
from durable_core._values.errors import SerDesError
from durable_core._values.serdes import DEFAULT_SERDES
from durable_core._values.serdes_context import ANNOTATE, NO_CONTEXT, SerDesContext


class UnresolvedSerDes:
    """The default serdes; what it refuses, it refuses because of the annotation."""

    __slots__ = ("_unresolved",)

    def __init__(self, unresolved: Unresolved) -> None:
        self._unresolved = unresolved

    def serialize(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> str:
        """As `DefaultSerDes.serialize`."""
        return self.encode(value, context)[0]

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        """As `DefaultSerDes.deserialize`."""
        return DEFAULT_SERDES.deserialize(data, context)

    def encode(self, value: Any, context: SerDesContext = NO_CONTEXT, /) -> tuple[str, Any]:
        """As `DefaultSerDes.encode`."""
        try:
            return DEFAULT_SERDES.encode(value, context)
        except SerDesError as error:
            why = f"{self._unresolved}: {self._unresolved.remedy}"
            raise SerDesError(str(error).replace(ANNOTATE, why)) from None
