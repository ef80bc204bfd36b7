"""What a handler may know of the process it runs in, and of the world outside it."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE_VARIABLE: Final = "CONFORMANCE_TABLE"
EXIT_STATUS: Final = 1

exits: list[Callable[[int], None]] = [os._exit]
"""The last one ends the process; a host that runs handlers in its own process adds its own."""


def die() -> None:
    """End the Lambda process on the spot, as `process.exit()` does: nothing is cleaned up."""
    exits[-1](EXIT_STATUS)


def is_first_time(key: str) -> bool:
    """Whether `key` was never asked for before, in this process or another: a table of keys."""
    table = Path(os.getenv(TABLE_VARIABLE, gettempdir()))
    try:
        (table / f"{key}.seen").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
