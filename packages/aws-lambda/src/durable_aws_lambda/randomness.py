"""The kernel's randomness: processes restored from one snapshot do not repeat each other's."""

from __future__ import annotations

import os


def random_unit() -> float:
    """A number in [0, 1)."""
    return int.from_bytes(os.urandom(7)) / 2**56


def new_token() -> str:
    """A token no other call has."""
    return os.urandom(16).hex()
