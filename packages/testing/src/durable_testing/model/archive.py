"""Where executions are that the machine does not hold in memory; here: nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_testing.model.execution import Execution
    from durable_testing.model.requests import ExecutionSummary


class Archive:
    """What a `ServiceModel` asks for executions it does not hold. A store answers from its file."""

    __slots__ = ()

    def take(self, execution_arn: str) -> Execution | None:  # noqa: ARG002  the store's part
        """Return an execution to change; from now on the machine holds it."""
        return None

    def peek(self, execution_arn: str) -> Execution | None:  # noqa: ARG002
        """Return an execution to look at."""
        return None

    def reserve(self, function_name: str, name: str) -> str | None:  # noqa: ARG002
        """Return the ARN of the execution of that name; None: it may be started here, now."""
        return None

    def find_name(self, function_name: str, name: str) -> str | None:  # noqa: ARG002
        """Return the ARN of the execution of that name."""
        return None

    def find_callback(self, callback_id: str) -> tuple[str, str] | None:  # noqa: ARG002
        """Return the ARN and the operation id that a callback belongs to."""
        return None

    def summaries(self) -> Iterable[ExecutionSummary]:
        """Return all executions, oldest first; those in memory may be among them."""
        return ()

    def may_discard(self, execution_arn: str) -> bool:  # noqa: ARG002
        """Whether an execution that is not in memory may be deleted."""
        return False
