"""What `promise.all_settled` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from durable_core._values.generics import T

if TYPE_CHECKING:
    from durable_core._values.errors import DurableError


@dataclass(frozen=True)  # no slots: 3.11 cannot call a subscripted one that has them
class Settled(Generic[T]):
    """How one awaitable ended: with a value, or with an error."""

    value: T | None = None
    error: DurableError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it has a value."""
        return self.error is None

    @property
    def status(self) -> str:
        """SUCCEEDED or FAILED."""
        return "SUCCEEDED" if self.error is None else "FAILED"
