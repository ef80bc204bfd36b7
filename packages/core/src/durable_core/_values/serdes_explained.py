"""The default serdes where an annotation asked for another: refusals are explained by that."""

from typing import Any

from durable_core._values.annotations import Unresolved
from durable_core._values.errors import SerDesError
from durable_core._values.serdes import DEFAULT_SERDES
from durable_core._values.serdes_context import ANNOTATE, NO_CONTEXT, SerDesContext


class ExplainedSerDes:
    """The default serdes, with more to say of what it refuses to write."""

    __slots__ = ()

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
            raise SerDesError(self._explained(str(error))) from None

    def _explained(self, said: str) -> str:
        """What the default said, with the reason that lies in the annotation."""
        raise NotImplementedError


class UnresolvedSerDes(ExplainedSerDes):
    """For what is returned under an annotation that cannot be resolved."""

    __slots__ = ("_unresolved",)

    def __init__(self, unresolved: Unresolved) -> None:
        self._unresolved = unresolved

    def _explained(self, said: str) -> str:
        return said.replace(ANNOTATE, f"{self._unresolved}: {self._unresolved.remedy}")
