"""What the engine asks the host to run outside the workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from durable_core._values.hooks import Around


class AttemptOwner(Protocol):
    """Whoever asked for an attempt; told of its end between two turns of the workflow loop."""

    def attempt_returned(self, attempt: Attempt, value: Any) -> None:
        """The function returned."""
        ...

    def attempt_raised(self, attempt: Attempt, error: BaseException) -> None:
        """The function raised."""
        ...


class Attempt:
    """One run of a user function: a step's body, a condition's check, unrecorded I/O.

    Attributes:
        number: From 1.
        is_requested: The host was asked to run it.
        context: The caller's context variables, marked as outside the workflow.
        is_withdrawn: Its result is not wanted any more; the host cancels it if it can.
        around: What hooks wrap around it; None when no hook does.
        entered: What they wrapped around the making of its coroutine, until that has ended.
    """

    __slots__ = (
        "args",
        "around",
        "context",
        "entered",
        "fn",
        "is_requested",
        "is_withdrawn",
        "number",
        "owner",
    )

    def __init__(
        self,
        owner: AttemptOwner,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        context: Context,
        number: int = 1,
    ) -> None:
        self.owner = owner
        self.fn = fn
        self.args = args
        self.context = context
        self.number = number
        self.is_requested = False
        self.is_withdrawn = False
        self.around: Callable[[], Around] | None = None
        self.entered: Around | None = None
