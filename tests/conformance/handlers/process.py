"""What a handler may know of the process it runs in, and of the world outside it."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TABLE_VARIABLE: Final = "CONFORMANCE_TABLE"
EXIT_STATUS: Final = 1


async def exit_process() -> None:
    """End this process on the spot: nothing is cleaned up."""
    os._exit(EXIT_STATUS)


exits: list[Callable[[], Awaitable[None]]] = [exit_process]
"""The last is how a process ends here. A host of many "processes" in one adds its own."""


async def die() -> None:
    """End the Lambda process, as `process.exit()` does."""
    await exits[-1]()


def is_first_time(key: str) -> bool:
    """Whether `key` was never asked for before, in this process or another: a table of keys."""
    table = Path(os.getenv(TABLE_VARIABLE, gettempdir()))
    try:
        (table / f"{key}.seen").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
