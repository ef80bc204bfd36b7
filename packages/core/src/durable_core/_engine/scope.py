"""Where operations are claimed: the body of a context, and the sub-task of it that runs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from durable_core._engine.clock import Clock
from durable_core._journal.ids import child_path, task_prefix

if TYPE_CHECKING:
    import asyncio


class ContextBody:
    """The body of one context: the handler, a child context, a map item, a branch.

    Attributes:
        engine: The execution it belongs to.
        operation_id: The context's own id; None for the handler.
        parent_id: What its operations carry as ParentId: its own id, or the enclosing record's
            where this context is virtual.
        depth: How many recorded contexts enclose its operations.
        operations: Its operations that are not delivered yet, in call order.
        clock: Journal time here; a virtual context shares that of the enclosing one.
        is_closed: Nothing may start in it any more.
        is_replaying: Everything delivered so far was recorded by an earlier invocation.
        sub_tasks: The tasks its code started; None before the first.
    """

    __slots__ = (
        "clock",
        "context",
        "depth",
        "enclosing",
        "engine",
        "is_closed",
        "is_replaying",
        "is_virtual",
        "name",
        "operation_id",
        "operations",
        "parent_id",
        "prefix",
        "serdes",
        "sub_tasks",
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
        self.is_virtual = is_virtual
        self.prefix = operation_id or ""
        self.operations: dict[str, Any] = {}
        self.is_closed = False
        self.task: asyncio.Task[Any] | None = None
        self.context: Any = None
        self.is_replaying = False
        self.sub_tasks: Any = None
        if enclosing is None:
            self.parent_id = None
            self.depth = 0
            self.clock = Clock(0)
            self.serdes: Any = None
        else:
            self.parent_id = enclosing.parent_id if is_virtual else operation_id
            self.depth = enclosing.depth + (not is_virtual)
            self.clock = enclosing.clock if is_virtual else enclosing.clock.fork()
            self.serdes = enclosing.serdes

    @property
    def label(self) -> str:
        """What error messages call it."""
        if self.operation_id is None:
            return "the handler"
        return f"context {self.name!r}" if self.name else f"context {self.operation_id[:8]}"

    def place(self, name: str | None, path: str) -> str:
        """Where an operation called here stands: its path, or the names that lead to it."""
        names = [name or "(unnamed)"]
        body = self
        while body.operation_id is not None and body.enclosing is not None:
            names.append(body.name or body.operation_id[:8])
            body = body.enclosing
        return path if len(names) == 1 else "/".join(reversed(names))


class Scope:
    """A context's body, or a sub-task of it: counts the operations begun here."""

    __slots__ = ("block", "body", "operations", "prefix", "tasks")

    def __init__(self, body: ContextBody, prefix: str) -> None:
        self.body = body
        self.prefix = prefix
        self.operations = 0
        self.tasks = 0
        self.block: Any = None

    @property
    def task_name(self) -> str:
        """What a task that runs in this scope is called where nobody has named it.

        A name of its own, as asyncio's are; but those count over the whole process, so that a
        replay would have others in what it logs, raises and records.
        """
        body = self.body.prefix
        return f"Task-{body[:8]}{self.prefix[len(body) :]}"

    def next_path(self) -> str:
        """The path of the next operation begun here; counts it."""
        self.operations += 1
        return child_path(self.prefix, self.operations)

    def upcoming_path(self) -> str:
        """The path that `next_path` will return."""
        return child_path(self.prefix, self.operations + 1)

    def sub_task(self, number: int | None = None) -> Scope:
        """The scope of the `number`-th sub-task, by default of the next."""
        if number is None:
            self.tasks += 1
            number = self.tasks
        return Scope(self.body, task_prefix(self.prefix, number))


class OutsideScope:
    """Marks code that runs outside the workflow: a step's attempt, `unrecorded` I/O.

    `attempt` is the number of the attempt, in one.
    """

    __slots__ = ("attempt", "engine", "step", "what")
    body = None

    def __init__(
        self, what: str, engine: Any = None, step: Any = None, attempt: int | None = None
    ) -> None:
        self.what = what
        self.engine = engine
        self.step = step
        self.attempt = attempt


CURRENT_SCOPE: ContextVar[Scope | OutsideScope] = ContextVar("durable_core_scope")
