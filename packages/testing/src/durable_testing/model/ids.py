"""Ids that look random and are not: the same seed gives the same ids."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def seeded_ids(seed: int = 0) -> Callable[[], str]:
    """Return a generator of UUID-shaped ids for `ServiceModel`, the same for the same seed."""
    numbers = count()

    def new_id() -> str:
        text = hashlib.blake2b(f"{seed}-{next(numbers)}".encode(), digest_size=16).hexdigest()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    return new_id
