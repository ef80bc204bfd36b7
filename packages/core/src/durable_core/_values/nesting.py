"""How the items of a map and the branches of a parallel are recorded."""

from __future__ import annotations

from enum import Enum


class NestingType(Enum):
    """Whether each item has a context operation of its own."""

    NESTED = "NESTED"
    """One context operation an item: its own result, its own line in the history."""
    FLAT = "FLAT"
    """No operation for the item itself: its operations hang under the map or parallel. Cheaper; a
    replay before the end of all runs an item that ended again, over its operations."""
