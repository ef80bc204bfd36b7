"""What a handler may know of the process it runs in, and of the world outside it."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

TABLE_VARIABLE: Final = "CONFORMANCE_TABLE"
EXIT_STATUS: Final = 1


async def exit_process() -> None:
    """End this process on the spot: nothing is cleaned up."""
    os._exit(EXIT_STATUS)


async def give_time() -> None:
    """Wait for long enough that a step is recorded as started."""
    await asyncio.sleep(0.5)


exits: list[Callable[[], Awaitable[None]]] = [exit_process]
"""The last is how a process ends here. A host of many "processes" in one adds its own."""
recordings: list[Callable[[], Awaitable[None]]] = [give_time]
"""The last is how it is waited for here that the step which waits is recorded as started."""


async def die() -> None:
    """End the Lambda process, as `process.exit()` does."""
    await exits[-1]()


async def recorded() -> None:
    """Wait until the step that this is called in is recorded as started."""
    await recordings[-1]()


@contextmanager
def table() -> Iterator[None]:
    """Keep an empty table for this process and those that it starts."""
    with TemporaryDirectory() as folder:
        os.environ[TABLE_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[TABLE_VARIABLE]


def is_first_time(key: str) -> bool:
    """Whether `key` was never asked for before, in this process or another: asks a table."""
    try:
        Path(os.environ[TABLE_VARIABLE], key).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
