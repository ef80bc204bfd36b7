"""Names of the operations that a composite starts on its own."""

from __future__ import annotations

from durable_core._protocol.limits import MAX_NAME_LENGTH


def derived_name(name: str | None, ending: str) -> str | None:
    """`name` with an ending, cut where the service would refuse the whole; none without a name."""
    return None if name is None else name[: MAX_NAME_LENGTH - len(ending)] + ending
