"""Where operations are claimed: the body of a context, and the sub-task of it that runs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from durable_core._journal.ids import child_path, task_prefix

if TYPE_CHECKING:
    import asyncio

    from durable_core._engine.operation import ClaimedOperation


class ContextBody:
    """The body of one context: the handler, a child context, a map item, a branch.

    Attributes:
        engine: The execution it belongs to.
        operation_id: The context's own id; None for the handler.
        parent_id: What its operations carry as ParentId: its own id, or the enclosing record's
            where this context is virtual.
        depth: How many recorded contexts enclose its operations.
        operations: Its operations that are not delivered yet, in call order.
        is_closed: Nothing may start in it any more.
    """

    __slots__ = (
        "context",
        "depth",
        "enclosing",
        "engine",
        "is_closed",
        "name",
        "operation_id",
        "operations",
        "parent_id",
        "prefix",
        "serdes",
        "task",
    )

    def __init__(
        self,
        engine: Any,
        operation_id: str | None,
        *,
        name: str | None = None,
        enclosing: ContextBody | None = None,
        is_virtual: bool = False,
    ) -> None:
        self.engine = engine
        self.operation_id = operation_id
        self.name = name
        self.enclosing = enclosing
        self.prefix = operation_id or ""
        self.operations: dict[ClaimedOperation[Any], None] = {}
        self.is_closed = False
        self.task: asyncio.Task[Any] | None = None
        self.context: Any = None
        self.serdes: Any = enclosing.serdes if enclosing is not None else None
        if enclosing is None:
            self.parent_id = None
            self.depth = 0
        elif is_virtual:
            self.parent_id = enclosing.parent_id
            self.depth = enclosing.depth
        else:
            self.parent_id = operation_id
            self.depth = enclosing.depth + 1


class Scope:
    """A context's body, or a sub-task of it: counts the operations begun here."""

    __slots__ = ("body", "operations", "parent", "prefix", "tasks")

    def __init__(self, body: ContextBody, prefix: str, parent: Scope | None = None) -> None:
        self.body = body
        self.prefix = prefix
        self.parent = parent
        self.operations = 0
        self.tasks = 0

    def next_path(self) -> str:
        """The path of the next operation begun here; counts it."""
        self.operations += 1
        return child_path(self.prefix, self.operations)

    def upcoming_path(self) -> str:
        """The path that `next_path` will return."""
        return child_path(self.prefix, self.operations + 1)

    def sub_task(self) -> Scope:
        """The scope of the next sub-task."""
        self.tasks += 1
        return Scope(self.body, task_prefix(self.prefix, self.tasks), self)


class OutsideScope:
    """Marks code that runs outside the workflow: a step's attempt, `unrecorded` I/O."""

    __slots__ = ("what",)
    body = None

    def __init__(self, what: str) -> None:
        self.what = what

    def sub_task(self) -> OutsideScope:
        """Stays outside."""
        return self


CURRENT_SCOPE: ContextVar[Scope | OutsideScope] = ContextVar("durable_core_scope")
