"""What operations need of the engine; the engine itself imports them, not the other way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core._engine.attempt import Attempt
    from durable_core._engine.checkpoint import CheckpointQueue
    from durable_core._engine.loop import WorkflowLoop
    from durable_core._engine.observers import Observers
    from durable_core._engine.scope import ContextBody
    from durable_core._engine.sub_tasks import LeftTasks
    from durable_core._journal.journal import Journal
    from durable_core._values.errors import DurableError


class EngineSeam(Protocol):
    """One execution in one invocation, as its operations see it; see `Engine`."""

    loop: WorkflowLoop
    queue: CheckpointQueue
    journal: Journal
    observers: Observers
    execution_arn: str
    random: Callable[[], float]
    new_context: Callable[[ContextBody], Any]
    host_now_ms: int
    open_count: int
    unobserved: dict[str, Any]
    left: LeftTasks
    failure: DurableError | None
    is_discarding: bool
    knows_updates: bool

    def open_at(self, operation: Any, path: str) -> None:
        """Claim the operation at `path`, and start it or take it up where it stands."""
        ...

    def succeed_claim(self, operation: Any, claimed_id: str) -> None:
        """Let `operation` stand for an id that is already claimed."""
        ...

    def has_record(self, path: str) -> bool:
        """Whether the journal holds a record of the operation at `path`."""
        ...

    def deliver_if_next(self, operation: Any) -> None:
        """Deliver without a loop turn when nothing else could come before."""
        ...

    def deliver_later(self, operation: Any, key_ms: int, /) -> None:
        """Deliver the operation when its key comes."""
        ...

    def body_ended(self, operation: Any) -> None:
        """A context's body ended."""
        ...

    def forget(self, operation: Any) -> None:
        """The operation is delivered or dropped."""
        ...

    def drop(self, operation: Any) -> None:
        """Nobody wants the outcome any more."""
        ...

    def close_body(self, body: ContextBody) -> None:
        """End a body: what is still open in it is never delivered."""
        ...

    def check_all_claimed(self, body: ContextBody, how: str, cause: BaseException | None) -> None:
        """Fail the execution if a body ends while records of its operations are unclaimed."""
        ...

    def fail(self, failure: DurableError, cause: BaseException | None = None) -> None:
        """End the execution, whatever the workflow does."""
        ...

    def request(self, attempt: Attempt) -> None:
        """Ask the host to run an attempt."""
        ...

    def withdraw(self, attempt: Attempt) -> None:
        """Ask the host to stop an attempt, or not to start it."""
        ...

    def expect_by(self, operation: Any, due_ms: int) -> None:
        """Note when the service is due to change the operation."""
        ...

    def time(self) -> float:
        """Journal time of the running scope, in seconds since the epoch."""
        ...
