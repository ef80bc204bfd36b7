"""When a batch is complete: thresholds, or a predicate of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from durable_core._values.errors import ValidationError


class BatchItemStatus(StrEnum):
    """Where an item stands when its batch is complete."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STARTED = "STARTED"
    """It had not ended when the batch was; its result is not used."""


class CompletionReason(StrEnum):
    """Why a batch is complete."""

    ALL_COMPLETED = "ALL_COMPLETED"
    MIN_SUCCESSFUL_REACHED = "MIN_SUCCESSFUL_REACHED"
    FAILURE_TOLERANCE_EXCEEDED = "FAILURE_TOLERANCE_EXCEEDED"
    CUSTOM_COMPLETION_SUCCEEDED = "CUSTOM_COMPLETION_SUCCEEDED"
    CUSTOM_COMPLETION_FAILED = "CUSTOM_COMPLETION_FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionStatus:
    """What a completion predicate sees after each item that ended.

    Attributes:
        total_count: All items, started or not.
        success_count: Items that succeeded.
        failure_count: Items that failed.
        started_count: Items that run.
        statuses: The status of each started item by its index.
    """

    total_count: int
    success_count: int
    failure_count: int
    started_count: int
    statuses: dict[int, BatchItemStatus]


class CompletionDecision(StrEnum):
    """What a completion predicate decides."""

    CONTINUE = "CONTINUE"
    SUCCEED = "SUCCEED"
    FAIL = "FAIL"


ShouldComplete: TypeAlias = Callable[[CompletionStatus], CompletionDecision]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionConfig:
    """When a batch ends early.

    Attributes:
        min_successful: End once so many items succeeded.
        tolerated_failure_count: End once more items than this failed.
        tolerated_failure_percentage: End once more than this share of all items failed, 0 to 100.
        should_complete: Decides instead of the thresholds, after each item that ended.

    With nothing given, the first failure ends the batch.
    """

    min_successful: int | None = None
    tolerated_failure_count: int | None = None
    tolerated_failure_percentage: float | None = None
    should_complete: ShouldComplete | None = None

    def __post_init__(self) -> None:
        for what, low, high in (
            ("min_successful", 1, None),
            ("tolerated_failure_count", 0, None),
            ("tolerated_failure_percentage", 0, 100),
        ):
            value = getattr(self, what)
            if value is None:
                continue
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or value < low or (high is not None and value > high):
                most = "" if high is None else f" and at most {high}"
                raise ValidationError(f"{what} must be at least {low}{most}; found {value!r}")
        if self.should_complete is not None and self._has_thresholds:
            raise ValidationError("should_complete replaces the thresholds: give one or the other")

    @property
    def _has_thresholds(self) -> bool:
        return not (
            self.min_successful is None
            and self.tolerated_failure_count is None
            and self.tolerated_failure_percentage is None
        )

    @classmethod
    def all_successful(cls) -> CompletionConfig:
        """Every item must succeed: the first failure ends the batch."""
        return cls(tolerated_failure_count=0)

    @classmethod
    def all_completed(cls) -> CompletionConfig:
        """Wait for every item, however many fail."""
        return cls(tolerated_failure_percentage=100)

    @classmethod
    def first_successful(cls) -> CompletionConfig:
        """The first success ends the batch."""
        return cls(min_successful=1)

    def decide(
        self, total: int, successes: int, failures: int, statuses: dict[int, BatchItemStatus]
    ) -> CompletionReason | None:
        """Why the batch is complete now, or None; asked after each item that ended."""
        if self.should_complete is not None:
            reason = self._ask(total, successes, failures, statuses)
            if reason is not None:
                return reason
        elif self._exceeds(total, failures):
            return CompletionReason.FAILURE_TOLERANCE_EXCEEDED
        elif self.min_successful is not None and successes >= self.min_successful:
            return CompletionReason.MIN_SUCCESSFUL_REACHED
        return CompletionReason.ALL_COMPLETED if successes + failures == total else None

    def _exceeds(self, total: int, failures: int) -> bool:
        if not failures:
            return False
        if not self._has_thresholds:
            return True
        count, percentage = self.tolerated_failure_count, self.tolerated_failure_percentage
        return (count is not None and failures > count) or (
            percentage is not None and failures * 100 > percentage * total
        )

    def _ask(
        self, total: int, successes: int, failures: int, statuses: dict[int, BatchItemStatus]
    ) -> CompletionReason | None:
        if self.should_complete is None:
            return None
        decision = self.should_complete(
            CompletionStatus(
                total_count=total,
                success_count=successes,
                failure_count=failures,
                started_count=len(statuses) - successes - failures,
                statuses=dict(statuses),
            )
        )
        if decision is CompletionDecision.SUCCEED:
            return CompletionReason.CUSTOM_COMPLETION_SUCCEEDED
        if decision is CompletionDecision.FAIL:
            return CompletionReason.CUSTOM_COMPLETION_FAILED
        return None
