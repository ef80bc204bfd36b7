"""What map and parallel give: a result an item, and why they ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from durable_core._values.completion import BatchItemStatus, CompletionReason
from durable_core._values.errors import (
    BatchError,
    DurableError,
    DurableOperationError,
    error_type_name,
)
from durable_core._values.generics import T


@dataclass(frozen=True)  # no slots: 3.11 cannot call a subscripted one that has them
class BatchItem(Generic[T]):
    """One item of a batch.

    Attributes:
        index: Its place in the input, from 0.
        name: Its name in the journal.
        status: SUCCEEDED, FAILED, or STARTED if it had not ended when the batch did.
        result: Its value; None unless it succeeded.
        error: Its error; None unless it failed.
    """

    index: int
    name: str | None
    status: BatchItemStatus
    result: T | None = None
    error: DurableOperationError | None = None


@dataclass(frozen=True)  # no slots: 3.11 cannot call a subscripted one that has them
class BatchResult(Generic[T]):
    """The items that were started, in the order of their input, and why the batch ended."""

    all: list[BatchItem[T]]
    completion_reason: CompletionReason

    def explain_refusal(self) -> str:
        """Why it cannot be recorded as a value."""
        return "is the result of a map or parallel: record its results(), or what you need of it"

    def succeeded(self) -> list[BatchItem[T]]:
        """Items that succeeded."""
        return [item for item in self.all if item.status is BatchItemStatus.SUCCEEDED]

    def failed(self) -> list[BatchItem[T]]:
        """Items that failed."""
        return [item for item in self.all if item.status is BatchItemStatus.FAILED]

    def started(self) -> list[BatchItem[T]]:
        """Items that had not ended when the batch did."""
        return [item for item in self.all if item.status is BatchItemStatus.STARTED]

    def results(self) -> list[T]:
        """The values of the items that succeeded, in the order of the input."""
        return [item.result for item in self.succeeded()]  # pyright: ignore[reportReturnType]

    def errors(self) -> list[DurableOperationError]:
        """The errors of the items that failed, in the order of the input."""
        return [item.error for item in self.all if item.error is not None]

    @property
    def success_count(self) -> int:
        """How many items succeeded."""
        return len(self.succeeded())

    @property
    def failure_count(self) -> int:
        """How many items failed."""
        return len(self.failed())

    @property
    def started_count(self) -> int:
        """How many items had not ended when the batch did."""
        return len(self.started())

    @property
    def total_count(self) -> int:
        """How many items were started."""
        return len(self.all)

    @property
    def has_failure(self) -> bool:
        """Whether an item failed."""
        return any(item.status is BatchItemStatus.FAILED for item in self.all)

    @property
    def status(self) -> BatchItemStatus:
        """FAILED if an item failed or a predicate said so, else SUCCEEDED."""
        if self.completion_reason is CompletionReason.CUSTOM_COMPLETION_FAILED:
            return BatchItemStatus.FAILED
        if self.completion_reason is CompletionReason.CUSTOM_COMPLETION_SUCCEEDED:
            return BatchItemStatus.SUCCEEDED
        return BatchItemStatus.FAILED if self.has_failure else BatchItemStatus.SUCCEEDED

    def throw_if_error(self) -> None:
        """Raise the first failed item's error.

        Raises:
            BatchError: An item failed; it carries that error's type, message, data and stack.
        """
        for item in self.all:
            error: DurableError | None = item.error
            if isinstance(error, DurableOperationError):
                raise BatchError(
                    error.message,
                    error.error_type,
                    error.data,
                    error.stack_trace,
                    operation_id=error.operation_id,
                    operation_name=item.name,
                ) from error
            if error is not None:  # one that comes back as itself: a SerDesError, say
                kind = error_type_name(type(error))
                raise BatchError(str(error), kind, operation_name=item.name) from error
