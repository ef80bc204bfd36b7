"""Metrics, each recorded at the transition that this invocation performed: replays record none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import utf8_size
from durable_otel.plugin import TracingPlugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from durable_core.lowlevel import (
        AttemptOutcome,
        CheckpointDetails,
        InvocationDetails,
        InvocationOutcome,
        OperationDetails,
    )
    from durable_otel.flusher import Flusher
    from durable_otel.ledger import Ledger
    from durable_otel.settings import Settings
    from durable_otel.tracer import Tracers

METER: str = "durable-otel"


class Instruments:
    """The instruments of one meter provider."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        meter = provider.get_meter(METER)
        seconds, count = meter.create_histogram, meter.create_counter
        self.operation_duration = seconds("durable.operation.duration", "s")
        self.operation_attempts = meter.create_histogram("durable.operation.attempts", "{attempt}")
        self.attempt_duration = seconds("durable.step.attempt.duration", "s")
        self.execution_duration = seconds("durable.execution.duration", "s")
        self.execution_count = count("durable.execution.count", "{execution}")
        self.invocation_duration = seconds("durable.invocation.duration", "s")
        self.replayed = count("durable.invocation.replayed_operations", "{operation}")
        self.checkpoint_duration = seconds("durable.checkpoint.duration", "s")
        self.checkpoint_size = meter.create_histogram("durable.checkpoint.size", "By")
        self.checkpoint_updates = meter.create_histogram("durable.checkpoint.updates", "{update}")
        self.suspended = count("durable.suspend.count", "{suspension}")
        self.resume_lag = seconds("durable.resume.lag", "s")
        self.payload_size = meter.create_histogram("durable.payload.size", "By")


class MeteredPlugin(TracingPlugin):
    """Traces an invocation, and records metrics of it whether or not its trace is sampled."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        flusher: Flusher,
        tracers: Tracers,
        instruments: Instruments,
    ) -> None:
        super().__init__(settings, ledger, flusher, tracers)
        self._instruments = instruments
        self._start_ms = 0
        self._now_ms: Callable[[], int] = int
        self._is_first = False
        self._updated: frozenset[str] = frozenset()

    def invocation_start(self, invocation: InvocationDetails, /) -> None:
        """Note when it began."""
        self._now_ms = invocation.now_ms
        self._start_ms = invocation.now_ms()
        self._is_first = invocation.is_first_invocation
        self._updated = invocation.updated_operation_ids
        super().invocation_start(invocation)

    def invocation_end(self, invocation: InvocationDetails, outcome: InvocationOutcome, /) -> None:
        """Record the invocation, and the execution if it has ended."""
        to = self._instruments
        now_ms = self._now_ms()
        status = {"status": outcome.status}
        to.invocation_duration.record(
            (now_ms - self._start_ms) / 1000, {**status, "first": self._is_first}
        )
        if outcome.replayed_operations:
            to.replayed.add(outcome.replayed_operations)
        for waiting in outcome.suspended_on:
            to.suspended.add(1, {"type": str(waiting.type)})
        if outcome.status in ("SUCCEEDED", "FAILED"):
            to.execution_count.add(1, status)
            took_ms = now_ms - invocation.started_at_ms
            to.execution_duration.record(max(0, took_ms) / 1000, status)
        super().invocation_end(invocation, outcome)

    def operation_end(self, operation: OperationDetails, /) -> None:
        """Record the operation."""
        super().operation_end(operation)
        to = self._instruments
        kind = {"type": str(operation.type), "subtype": str(operation.subtype or "")}
        kind["status"] = str(operation.status)
        if operation.started_at_ms is not None and operation.ended_at_ms is not None:
            took_ms = operation.ended_at_ms - operation.started_at_ms
            to.operation_duration.record(took_ms / 1000, kind)
        if operation.type == "STEP" and operation.attempt is not None:
            to.operation_attempts.record(operation.attempt, kind)
        if operation.result is not None:
            to.payload_size.record(utf8_size(operation.result), kind)
        if operation.ended_at_ms is not None and operation.operation_id in self._updated:
            lag_ms = max(0, self._start_ms - operation.ended_at_ms)
            to.resume_lag.record(lag_ms / 1000, {"type": kind["type"]})

    def attempt(
        self, operation: OperationDetails, /
    ) -> AbstractContextManager[Callable[[AttemptOutcome], None] | None]:
        """Record how long an attempt takes."""
        return _TimedAttempt(super().attempt(operation), operation, self._instruments)

    def checkpoint(self, details: CheckpointDetails, /) -> AbstractContextManager[None]:
        """Record a checkpoint call."""
        return _TimedCheckpoint(details, self._instruments)


class _TimedAttempt:
    __slots__ = ("_inner", "_operation", "_outcome", "_start", "_to", "_told")

    def __init__(self, inner: Any, operation: OperationDetails, to: Instruments) -> None:
        self._inner = inner
        self._operation = operation
        self._to = to
        self._outcome = "INCOMPLETE"
        self._start = 0.0
        self._told: Callable[[AttemptOutcome], None] | None = None

    def __enter__(self) -> Callable[[AttemptOutcome], None]:
        self._start = time.perf_counter()
        if self._inner is not None:
            self._told = self._inner.__enter__()
        return self._ended

    def _ended(self, outcome: AttemptOutcome) -> None:
        self._outcome = outcome.status
        if self._told is not None:
            self._told(outcome)

    def __exit__(self, *error: object) -> None:
        took = time.perf_counter() - self._start
        kind = {"subtype": str(self._operation.subtype or ""), "outcome": self._outcome}
        self._to.attempt_duration.record(took, kind)
        if self._inner is not None:
            self._inner.__exit__(*error)


class _TimedCheckpoint:
    __slots__ = ("_details", "_start", "_to")

    def __init__(self, details: CheckpointDetails, to: Instruments) -> None:
        self._details = details
        self._to = to
        self._start = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        to = self._to
        to.checkpoint_duration.record(time.perf_counter() - self._start)
        to.checkpoint_size.record(self._details.size_bytes)
        to.checkpoint_updates.record(self._details.updates)
