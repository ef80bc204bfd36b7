"""The world around a client, besides the service: time, randomness, patience."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Protocol


class Surroundings(Protocol):
    """What a client needs from the world."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Let time pass."""
        ...


class RealSurroundings:
    """The process's clock and the kernel's randomness: a restored snapshot repeats nothing."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def random(self) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(os.urandom(7)) / 2**56

    async def sleep(self, seconds: float, /) -> None:
        """Let time pass on the running loop."""
        await asyncio.sleep(seconds)
