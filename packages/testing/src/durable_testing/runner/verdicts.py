"""What ends a test's run before its result is there to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable_testing.runner.result import ExecutionResult


class ExecutionBlockedError(AssertionError):
    """The execution can make no more progress: somebody must answer who is not scripted.

    Attributes:
        result: The execution as it stands.
    """

    def __init__(self, message: str, result: ExecutionResult) -> None:
        super().__init__(message)
        self.result = result


class ReplayCheckError(AssertionError):
    """The code does not replay its own history.

    Attributes:
        result: The execution.
    """

    def __init__(self, message: str, result: ExecutionResult) -> None:
        super().__init__(message)
        self.result = result
