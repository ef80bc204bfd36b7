"""Operation ids: structure, not scheduling (architecture, "Operation ids")."""

from __future__ import annotations

from hashlib import blake2b


def operation_id(path: str) -> str:
    """The id of the operation at `path`: the scheme of AWS's Python SDK (service 3.0)."""
    return blake2b(path.encode()).hexdigest()[:64]


def child_path(prefix: str, number: int) -> str:
    """The path of the `number`-th operation under `prefix`; an empty prefix is the root."""
    return f"{prefix}-{number}" if prefix else str(number)


def task_prefix(prefix: str, number: int) -> str:
    """The prefix of operations begun in the `number`-th sub-task under `prefix`."""
    return f"{prefix}-t{number}" if prefix else f"t{number}"
