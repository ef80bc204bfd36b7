"""What instrumentation sees: hook data, the `Instrumentation` base, one invocation's hooks.

Hooks are plain functions, called inline on the loop where the thing happens; an exception in one is
reported once and ignored. A hook that a plugin does not override costs nothing.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Self


class OperationDetails(NamedTuple):
    """One operation, as a hook sees it. Times are milliseconds since the epoch."""

    operation_id: str
    type: str
    subtype: str | None
    name: str | None
    parent_id: str | None
    status: str
    is_replayed: bool
    """True: it was recorded before this invocation (a continuation, or a replayed result)."""
    attempt: int | None
    """Steps and conditions: the attempt that runs or ran last, from 1."""
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    scheduled_end_ms: int | None = None
    result: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    exception: BaseException | None = None
    """The live exception, where this invocation saw it."""
    replay_children: bool = False
    is_virtual: bool = False


class InvocationDetails(NamedTuple):
    """One invocation, as a hook sees it."""

    execution_arn: str
    execution_name: str | None
    invocation_id: str | None
    host: Any
    """The Lambda context on Lambda, None elsewhere."""
    is_first_invocation: bool
    started_at_ms: int
    """When the execution started."""
    input_payload: str | None
    operations: Mapping[str, Any]
    """The journal's records by id, live: not a copy."""
    updated_operation_ids: frozenset[str]
    now_ms: Callable[[], int]
    """The host's clock, virtual where time is."""


class SuspendedOperation(NamedTuple):
    """What an invocation that ends PENDING waits for."""

    operation_id: str
    type: str
    name: str | None
    resumes_at_ms: int | None


class InvocationOutcome(NamedTuple):
    """How an invocation ended: SUCCEEDED, FAILED, PENDING, or RETRY (raised to the host)."""

    status: str
    error: BaseException | None = None
    result: str | None = None
    suspended_on: tuple[SuspendedOperation, ...] = ()
    replayed_operations: int = 0
    checkpoint_calls: int = 0
    checkpoint_updates: int = 0
    checkpoint_bytes: int = 0


class AttemptOutcome(NamedTuple):
    """How an attempt or a context body ended; INCOMPLETE when it was discarded or suspended."""

    status: str
    exception: BaseException | None = None
    retry_delay_seconds: int | None = None


class CheckpointDetails(NamedTuple):
    """One checkpoint call."""

    updates: int
    size_bytes: int


class Instrumentation:
    """Base for plugins: override what you need. One object serves one invocation."""

    def invocation_start(self, invocation: InvocationDetails, /) -> None:
        """An invocation begins; no workflow code has run."""

    def invocation_end(self, invocation: InvocationDetails, outcome: InvocationOutcome, /) -> None:
        """It ended; nothing of it runs any more."""

    def operation_start(self, operation: OperationDetails, /) -> None:
        """An operation starts, or an unfinished one is taken up again (`is_replayed`)."""

    def operation_replayed(self, operation: OperationDetails, /) -> None:
        """A result of an earlier invocation is handed to the workflow once more."""

    def operation_end(self, operation: OperationDetails, /) -> None:
        """An operation's end is observed for the first time."""

    def operations_changed(self, operations: Sequence[Any], /) -> None:
        """A checkpoint response reported these records."""

    def attempt(
        self, operation: OperationDetails, /
    ) -> AbstractContextManager[Callable[[AttemptOutcome], None] | None] | None:
        """Wrap one attempt of a step or condition, in the task or thread that runs it.

        The manager may yield a function; it is called with the outcome before the exit.
        """

    def context_body(
        self, operation: OperationDetails, /
    ) -> AbstractContextManager[Callable[[AttemptOutcome], None] | None] | None:
        """Wrap the body of a child context, map item or branch, in its task.

        A virtual context (`is_virtual`) has no record, and no other hook tells of it.
        """

    def checkpoint(self, details: CheckpointDetails, /) -> AbstractContextManager[None] | None:
        """Wrap one checkpoint call."""

    def propagate(self, operation: OperationDetails, carrier: MutableMapping[str, str], /) -> None:
        """A chained invoke is about to start; `carrier["X-Amzn-Trace-Id"]` goes on the wire."""

    def log_fields(self) -> Mapping[str, Any] | None:
        """Fields for the workflow's log lines."""


_HOOKS = (
    "invocation_start",
    "invocation_end",
    "operation_start",
    "operation_replayed",
    "operation_end",
    "operations_changed",
    "attempt",
    "context_body",
    "checkpoint",
    "propagate",
    "log_fields",
)


class Hooks:
    """The hooks of one invocation: for each, the bound methods that a plugin overrides."""

    __slots__ = (
        "_report",
        "attempt",
        "checkpoint",
        "context_body",
        "invocation_end",
        "invocation_start",
        "log_fields",
        "operation_end",
        "operation_replayed",
        "operation_start",
        "operations_changed",
        "propagate",
    )

    def __init__(
        self,
        plugins: Sequence[Instrumentation] = (),
        report: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._report = report
        for hook in _HOOKS:
            base = getattr(Instrumentation, hook)
            bound = tuple(
                getattr(plugin, hook)
                for plugin in plugins
                if getattr(type(plugin), hook, base) is not base
            )
            setattr(self, hook, bound)

    def call(self, hooks: Sequence[Callable[..., Any]], *args: Any) -> None:
        """Call each; a failing one is reported and does not stop the others."""
        for hook in hooks:
            try:
                hook(*args)
            except Exception as error:  # noqa: BLE001
                self.failed(hook, error)

    def collect(self, hooks: Sequence[Callable[..., Any]], *args: Any) -> list[Any]:
        """Call each and return what they return, without None."""
        results: list[Any] = []
        for hook in hooks:
            try:
                result = hook(*args)
            except Exception as error:  # noqa: BLE001
                self.failed(hook, error)
            else:
                if result is not None:
                    results.append(result)
        return results

    def around(self, hooks: Sequence[Callable[..., Any]], *args: Any) -> "Around":
        """Enter the managers that the hooks return."""
        return Around(self, self.collect(hooks, *args))

    def failed(self, hook: Callable[..., Any], error: BaseException) -> None:
        """Report a part of a plugin that raised."""
        if self._report is not None:
            self._report(getattr(hook, "__qualname__", repr(hook)), error)

    def guard(self, action: Callable[..., Any], *args: Any) -> Any:
        """Call one part of a hook; report its failure and return None."""
        try:
            return action(*args)
        except Exception as error:  # noqa: BLE001
            self.failed(action, error)
            return None


class Around:
    """The managers around one attempt, body or call; a failing one does not reach user code.

    One whose `__enter__` raised is exited all the same: to a plugin these are its start hook and
    its end hook, and a failing start does not cost it the end.
    """

    __slots__ = ("_hooks", "_managers", "_reports")

    def __init__(self, hooks: Hooks, managers: list[AbstractContextManager[Any]]) -> None:
        self._hooks = hooks
        self._managers = managers
        self._reports: list[Callable[[AttemptOutcome], None]] = []

    def __enter__(self) -> Self:
        for manager in self._managers:
            try:
                report = manager.__enter__()
            except Exception as error:  # noqa: BLE001
                self._hooks.failed(manager.__enter__, error)
            else:
                if report is not None:
                    self._reports.append(report)
        return self

    def report(self, outcome: AttemptOutcome) -> None:
        """Tell each manager how it ended, before they exit."""
        self._hooks.call(self._reports, outcome)

    def __exit__(self, *_: object) -> None:
        for manager in reversed(self._managers):
            try:
                manager.__exit__(None, None, None)
            except Exception as error:  # noqa: BLE001
                self._hooks.failed(manager.__exit__, error)
