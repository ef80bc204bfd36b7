"""What became of an execution."""

from __future__ import annotations

import difflib
import json
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_core.lowlevel import ExecutionStatus, to_datetime
from durable_testing.model import event_to_wire
from durable_testing.runner.errors import ExecutionFailedError, OperationNotFoundError
from durable_testing.runner.operations import decoded, operation_tree, short_error
from durable_testing.runner.signature import compare, signature
from durable_testing.runner.spans import in_words
from durable_testing.runner.tree import draw, symbol_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from durable_core.lowlevel import ErrorObject, Operation
    from durable_testing.model import HistoryEvent
    from durable_testing.runner.operations import RecordedOperation


class Recorded(NamedTuple):
    """What an execution's result is made from."""

    title: str
    """What the workflow is called."""
    execution_arn: str
    name: str
    status: ExecutionStatus
    started_at_ms: int
    ended_at_ms: int
    """When it ended, or how late it is."""
    result: str | None
    error: ErrorObject | None
    records: Sequence[Operation]
    events: Sequence[HistoryEvent]
    invocations: int
    checkpoint_calls: int
    state_calls: int
    billed_operations: int
    bytes_written: int


class ExecutionResult:
    """What became of an execution: the same for a run here and one in the cloud.

    Attributes:
        status: Where it ended, or where it stands.
        error: What it failed with; None otherwise.
        execution_arn: Its ARN.
        name: Its name.
        invocations: How often its handler was invoked.
        checkpoint_calls: Calls that recorded something, refused ones too; -1 where nobody counted.
        state_calls: Calls that loaded a further page of state; -1 where nobody counted.
        billed_operations: Operations the service bills: starts, retries, re-invocations.
        bytes_written: Payload and error bytes it wrote.
        unused: Doubles and answers that were scripted and never came into play.
    """

    def __init__(
        self,
        recorded: Recorded,
        *,
        decode: Callable[[str | None], Any] = decoded,
        unused: Sequence[str] = (),
    ) -> None:
        self._recorded = recorded
        self._decode = decode
        self.status = recorded.status
        self.error = recorded.error
        self.execution_arn = recorded.execution_arn
        self.name = recorded.name
        self.invocations = recorded.invocations
        self.checkpoint_calls = recorded.checkpoint_calls
        self.state_calls = recorded.state_calls
        self.billed_operations = recorded.billed_operations
        self.bytes_written = recorded.bytes_written
        self.unused = tuple(unused)

    # How it ended

    @property
    def succeeded(self) -> bool:
        """Whether it returned."""
        return self.status is ExecutionStatus.SUCCEEDED

    @property
    def failed(self) -> bool:
        """Whether it raised, or was made to fail."""
        return self.status is ExecutionStatus.FAILED

    @property
    def value(self) -> Any:
        """What the workflow returned, as an instance of its return annotation, if it has one.

        Raises:
            ExecutionFailedError: It did not return; the message says what happened instead.
        """
        __tracebackhide__ = True
        self.assert_succeeded()
        return self._decode(self._recorded.result)

    def assert_succeeded(self) -> None:
        """Fail, with what happened instead, unless it succeeded."""
        __tracebackhide__ = True  # pytest would show the tree, as what `self` is, once more
        if self.succeeded:
            return
        said = [f"the execution did not succeed, it is {self.status}"]
        if self.error is not None:
            said.append(f"{self.error.type}: {self.error.message}")
            said += self.error.stack_trace or ()
        raise ExecutionFailedError("\n".join([*said, "", self.tree(), *self._unused_note()]))

    @property
    def started_at(self) -> datetime:
        """When it started, in virtual time."""
        return to_datetime(self._recorded.started_at_ms)

    @property
    def virtual_duration(self) -> timedelta:
        """How long it took, in virtual time."""
        return timedelta(milliseconds=self._recorded.ended_at_ms - self._recorded.started_at_ms)

    # Its operations

    @cached_property
    def operations(self) -> list[RecordedOperation]:
        """The operations at the top, in the order they were started; each holds its own."""
        return operation_tree(self._recorded.records, self._recorded.events)

    def all_operations(self) -> Iterator[RecordedOperation]:
        """Yield every operation, contexts before what is in them."""
        for operation in self.operations:
            yield from operation.walk()

    def operation(self, name: str, *, index: int = 0) -> RecordedOperation:
        """Return the operation of that name, wherever it stands; `index` counts from 0.

        Raises:
            OperationNotFoundError: There is none; the message shows what there is.
        """
        __tracebackhide__ = True
        found = self.find(lambda operation: operation.name == name)
        try:
            return found[index]
        except IndexError:
            which = f"{name!r}" if not found else f"{name!r} with index {index}"
            raise self._not_found(which, name) from None

    def operation_at(self, path: str) -> RecordedOperation:
        """Return the operation at a path of names, such as `checkout/charge`.

        Raises:
            OperationNotFoundError: There is none; the message shows what there is.
        """
        __tracebackhide__ = True
        for operation in self.all_operations():
            if operation.path == path:
                return operation
        raise self._not_found(f"at {path!r}", path)

    def find(self, predicate: Callable[[RecordedOperation], object]) -> list[RecordedOperation]:
        """Return all operations for which the predicate holds."""
        return [operation for operation in self.all_operations() if predicate(operation)]

    def _not_found(self, which: str, wanted: str) -> OperationNotFoundError:
        known = {text for each in self.all_operations() for text in (each.name, each.path) if text}
        close = difflib.get_close_matches(wanted, known, 3)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        return OperationNotFoundError(f"there is no operation {which}{hint}\n\n{self.tree()}")

    # Its history

    def history(self) -> list[dict[str, Any]]:
        """Return the service's events, as `GetDurableExecutionHistory` gives them, with data."""
        replayed = {record.id for record in self._recorded.records if record.replay_children}
        events: list[dict[str, Any]] = []
        for event in self._recorded.events:
            wire = event_to_wire(event, include_data=True)
            if event.operation_id in replayed and "ContextSucceededDetails" in wire:
                # The service does not tell; a replay from a file goes by it.
                wire["ContextSucceededDetails"]["ReplayChildren"] = True
            events.append(wire)
        return events

    def save_history(self, file: str | Path) -> None:
        """Write the events to a file that `replay` and `durable replay` read."""
        document = {"DurableExecutionArn": self.execution_arn, "Events": self.history()}
        text = json.dumps(document, indent=1, ensure_ascii=False)
        Path(file).write_text(f"{text}\n", encoding="utf-8")

    def signature(self) -> list[str]:
        """Return the history as lines without ids, times and data, as `assert_history` has it."""
        return signature(self._recorded.records, self._recorded.events)

    def assert_history(self, file: str | Path, *, update: bool | None = None) -> None:
        """Compare the history's shape with a file; `--durable-update-history` writes it.

        Raises:
            HistoryChangedError: It differs; the message shows where.
        """
        compare(self.signature(), Path(file), is_update=update)

    # How it looks

    def tree(self) -> str:
        """Return the execution as text, for reading and for snapshots: no ids, no times of day."""
        return draw(self.title, self.status, self._facts(), self.operations)

    def print(self) -> None:
        """Print the execution as a timeline."""
        from durable_testing.runner.timeline import print_timeline  # noqa: PLC0415  loads rich

        title = f"{symbol_of(self.status)} {self.title}  {' · '.join(self._facts())}"
        print_timeline(title, self.operations, self.started_at, self.virtual_duration)

    def _facts(self) -> list[str]:
        plural = "" if self.invocations == 1 else "s"
        facts = [in_words(self.virtual_duration), f"{self.invocations} invocation{plural}"]
        if self.error is not None:
            facts.append(short_error(self.error))
        return facts

    @property
    def title(self) -> str:
        """What the workflow is called."""
        return self._recorded.title

    def _unused_note(self) -> list[str]:
        return ["", f"never used: {', '.join(self.unused)}"] if self.unused else []

    def __repr__(self) -> str:
        return "\n".join([f"<ExecutionResult {self.status}>", self.tree(), *self._unused_note()])
