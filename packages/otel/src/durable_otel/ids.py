"""Trace and span ids derived from the execution: the same in every invocation, no state needed.

The recipes are those of AWS's OpenTelemetry plugin for Python, so an execution that changes SDK in
flight, or a fleet of both, shares its traces.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_TRACE_TAIL_BYTES: Final = 12
_SPAN_BYTES: Final = 8


def trace_id(execution_arn: str, started_at_ms: int) -> int:
    """The trace of an execution that no caller's trace holds.

    X-Ray wants the first 32 bits to be epoch seconds; the rest is the ARN's digest.
    """
    tail = _digest(execution_arn, _TRACE_TAIL_BYTES)
    return (started_at_ms // 1000 & 0xFFFFFFFF) << 96 | tail


def workflow_span_id(execution_arn: str) -> int:
    """The span of the whole execution."""
    return _span_id(f"workflow:{execution_arn}")


def root_span_id(execution_arn: str) -> int:
    """The parent of the Workflow where no caller is: never exported, the same for everybody."""
    return _span_id(f"execution-root:{execution_arn}")


def operation_span_id(execution_arn: str, operation_id: str) -> int:
    """The span of an operation; in the invocation view, of its first segment."""
    # Not by way of the functions below: each operation of each invocation comes here.
    digest = blake2b(f"{execution_arn}:{operation_id}".encode()).digest()
    return int.from_bytes(digest[:_SPAN_BYTES], "big") or 1


def _span_id(text: str) -> int:
    return _digest(text, _SPAN_BYTES) or 1


def _digest(text: str, size: int) -> int:
    # The head of the full digest; `digest_size=8` would be another hash.
    return int.from_bytes(blake2b(text.encode()).digest()[:size], "big")
