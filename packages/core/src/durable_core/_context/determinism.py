"""Time and randomness that are the same on every replay, and cost no operation."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from durable_core._protocol.wire import to_datetime

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random  # noqa: TC004 - `__all__` exports it to type checkers only
    from uuid import UUID  # noqa: TC004

    from durable_core._engine.scope import ContextBody

__all__ = ("UUID", "Random", "now", "seeded_random", "uuid4", "uuid7")


def now(body: ContextBody) -> datetime:
    """Journal time, UTC."""
    return to_datetime(body.clock.read())


def seeded_random(body: ContextBody) -> Random:
    """A generator seeded from the execution and the context."""
    # Here and below: most workflows draw nothing, and `uuid` alone takes 3 ms of a cold start.
    from random import Random  # noqa: PLC0415

    seed = f"{body.engine.execution_arn}/{body.operation_id or ''}"
    return Random(int.from_bytes(blake2b(seed.encode(), digest_size=16).digest(), "big"))  # noqa: S311  not for secrets: it must repeat


def uuid4(generator: Random) -> UUID:
    """A random UUID from the context's generator."""
    from uuid import UUID  # noqa: PLC0415

    return UUID(int=generator.getrandbits(128), version=4)


def uuid7(generator: Random, body: ContextBody) -> UUID:
    """A UUID that sorts by journal time (RFC 9562, version 7)."""
    from uuid import UUID  # noqa: PLC0415

    bits = (body.clock.read() & (2**48 - 1)) << 80
    bits |= 7 << 76 | generator.getrandbits(12) << 64
    bits |= 0b10 << 62 | generator.getrandbits(62)
    return UUID(int=bits)
