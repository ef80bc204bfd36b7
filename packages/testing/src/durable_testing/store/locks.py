"""Who runs an execution: one byte of a side file each, locked as long as the process lives.

The operating system gives the locks back when a process ends, however it ends; the file's content
means nothing. Locks belong to a process, so all users of one file in it share one descriptor.
"""

from __future__ import annotations

import fcntl
import os
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_REGISTRY: dict[Path, _LockFile] = {}
_REGISTRY_LOCK: Final = Lock()


class _LockFile:
    """The side file as this process has it open."""

    __slots__ = ("descriptor", "held", "users")

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.held: set[int] = set()
        self.users = 0


def place_of(*parts: str) -> int:
    """Return the number that stands for a name: the byte to lock, and the key of its rows."""
    digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 2  # offsets end at 2**63


class ExecutionLocks:
    """The executions one store of this process holds."""

    __slots__ = ("_file", "_held", "_path")

    def __init__(self, database: Path) -> None:
        resolved = database.resolve()
        self._path = resolved.with_name(resolved.name + ".lock")
        self._held: set[int] = set()
        with _REGISTRY_LOCK:
            if self._path not in _REGISTRY:
                _REGISTRY[self._path] = _LockFile(self._path)
            self._file = _REGISTRY[self._path]
            self._file.users += 1

    def __contains__(self, place: int) -> bool:
        return place in self._held

    def acquire(self, place: int) -> bool:
        """Hold an execution; False when somebody else does, here or in another process."""
        if place in self._held:
            return True
        with _REGISTRY_LOCK:
            if place in self._file.held:
                return False
            try:
                fcntl.lockf(self._file.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                return False
            self._file.held.add(place)
        self._held.add(place)
        return True

    def release(self, place: int) -> None:
        """Let go of an execution; one that is not held is ignored."""
        if place not in self._held:
            return
        self._held.remove(place)
        with _REGISTRY_LOCK:
            fcntl.lockf(self._file.descriptor, fcntl.LOCK_UN, 1, place)
            self._file.held.remove(place)

    def close(self) -> None:
        """Let go of everything."""
        for place in list(self._held):
            self.release(place)
        with _REGISTRY_LOCK:
            self._file.users -= 1
            if self._file.users == 0 and _REGISTRY.get(self._path) is self._file:
                os.close(self._file.descriptor)
                del _REGISTRY[self._path]
