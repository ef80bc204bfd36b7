"""The hooks of one invocation's plugins, and how they are called.

Hooks are plain functions, called inline on the loop where the thing happens; an exception in one is
reported once and ignored. A hook that a plugin does not override costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from durable_core._values.instrument import AttemptOutcome, Instrumentation

HOOKS = (
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
        "outcome",
        "propagate",
    )

    def __init__(
        self,
        plugins: Sequence[Instrumentation] = (),
        report: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._report = report
        for hook in HOOKS:
            setattr(self, hook, ())
        if plugins:
            self._bind(plugins)

    def _bind(self, plugins: Sequence[Instrumentation]) -> None:
        # Late: most invocations have no plugin.
        from durable_core._values.instrument import AttemptOutcome, Instrumentation  # noqa: PLC0415

        self.outcome = AttemptOutcome
        for plugin in plugins:
            kind = type(plugin)
            for hook in HOOKS:
                base = getattr(Instrumentation, hook)
                if getattr(kind, hook, base) is not base:
                    setattr(self, hook, (*getattr(self, hook), getattr(plugin, hook)))

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

    def around(self, hooks: Sequence[Callable[..., Any]], *args: Any) -> Around:
        """What enters the managers that the hooks return."""
        return Around(self, hooks, args)

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

    __slots__ = ("_args", "_bound", "_hooks", "_managers", "_reports")

    def __init__(
        self, hooks: Hooks, bound: Sequence[Callable[..., Any]], args: tuple[Any, ...]
    ) -> None:
        self._hooks = hooks
        self._bound = bound
        self._args = args
        self._managers: list[AbstractContextManager[Any]] = []
        self._reports: list[Callable[[AttemptOutcome], None]] = []

    def __enter__(self) -> Self:
        for hook in self._bound:
            try:
                manager = hook(*self._args)
            except Exception as error:  # noqa: BLE001
                self._hooks.failed(hook, error)
                continue
            if manager is None:
                continue
            self._managers.append(manager)
            try:
                report = manager.__enter__()
            except Exception as error:  # noqa: BLE001
                self._hooks.failed(manager.__enter__, error)
            else:
                if report is not None:
                    self._reports.append(report)
        return self

    def report(self, status: str, exception: BaseException | None = None) -> None:
        """Tell each manager how it ended, before they exit."""
        if self._reports:
            self._hooks.call(self._reports, self._hooks.outcome(status, exception))

    def __exit__(self, *_: object) -> None:
        for manager in reversed(self._managers):
            try:
                manager.__exit__(None, None, None)
            except Exception as error:  # noqa: BLE001
                self._hooks.failed(manager.__exit__, error)
