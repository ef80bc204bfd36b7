"""What goes wrong in a test, said so that the test can be put right."""

from __future__ import annotations


class ExecutionFailedError(AssertionError):
    """A value was asked of an execution that has none."""


class OperationNotFoundError(AssertionError, LookupError):
    """The execution has no such operation; the message shows those it has."""


class HistoryChangedError(AssertionError):
    """The history is not the recorded one; the message shows the difference."""


class ScriptError(AssertionError):
    """The script of the outside does not fit what the workflow does."""
