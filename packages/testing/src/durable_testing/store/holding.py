"""Takes hold of executions of the file, so that no other process runs them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from durable_testing.model.invocations import recover_executions
from durable_testing.store.errors import ExecutionInUseError
from durable_testing.store.locks import ExecutionLocks, place_of
from durable_testing.store.reader import FileArchive

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from durable_testing.model.config import ServiceConfig
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState


class HoldingArchive(FileArchive):
    """Hands executions of the file to one machine.

    What is held is a family: an execution and all that its chained invokes started. Its lock is
    the name of its first member, so that of two processes that start a name one wins.
    """

    __slots__ = ("_families", "_locks", "_members", "_now_ms", "_reserved", "_state", "_visits")

    def __init__(
        self,
        connection: sqlite3.Connection,
        config: ServiceConfig,
        locks: ExecutionLocks,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(connection, config)
        self._state: ServiceState
        self._locks = locks
        self._now_ms = now_ms
        self._families: dict[str, int] = {}
        self._members: Counter[int] = Counter()
        self._reserved: set[int] = set()
        self._visits: list[str] = []

    def serve(self, state: ServiceState) -> None:
        """Hand executions to this machine, and the ends of retention that lie ahead."""
        self._state = state
        state.expiries.extend(self.ends(are_deletions=False))
        state.deletions.extend(self.ends(are_deletions=True))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held."""
        return not self._families

    def holds(self, family: int) -> bool:
        """Whether executions of the family are held."""
        return family in self._members

    def take(self, execution_arn: str) -> Execution | None:
        """Hold an execution; with the first of a family come all of it that are not finished.

        Raises:
            ExecutionInUseError: Another live process holds its family.
        """
        found = self.family_of(execution_arn)
        if found is None:
            return None
        family, name = found
        is_first = not self.holds(family)
        if not self._locks.acquire(family):
            raise _in_use(name)
        arns = [*self.open_members(family), execution_arn] if is_first else [execution_arn]
        taken = [held for arn in dict.fromkeys(arns) if (held := self.peek(arn)) is not None]
        for execution in taken:
            self._state.adopt(execution)
            self._enter(execution.arn, family)
            if not execution.is_open:
                self._visits.append(execution.arn)
        if is_first:
            recover_executions(self._state, taken, self._now_ms())
        return self._state.executions.get(execution_arn)

    def reserve(self, function_name: str, name: str) -> str | None:
        """Return the ARN of the execution of that name; None: it may be started here, now.

        Raises:
            ExecutionInUseError: Another live process is starting it.
        """
        arn = self.find_name(function_name, name)
        if arn is not None:
            return arn
        family = place_of(function_name, name)
        if not self._locks.acquire(family):
            raise _in_use(name)
        self._reserved.add(family)
        # Once more: who held the name may have let go of it in between.
        return self.find_name(function_name, name)

    def may_discard(self, execution_arn: str) -> bool:
        """Whether an execution that is over can be deleted: it is there and nobody holds it."""
        found = self.family_of(execution_arn)
        if found is None:
            return False
        is_free = self._locks.acquire(found[0])
        if is_free and not self.holds(found[0]):
            self._locks.release(found[0])
        return is_free

    def register(self, execution: Execution) -> int:
        """Hold an execution that changed, if it is a new one; returns its family."""
        family = self._families.get(execution.arn)
        if family is None:
            family = self._families.get(execution.parent_arn or "")
            if family is None:
                family = place_of(execution.function_name, execution.name)
            self._enter(execution.arn, family)
        return family

    def let_go(self, execution_arn: str) -> None:
        """Hold an execution no longer."""
        family = self._families.pop(execution_arn, None)
        if family is None:
            return
        self._members[family] -= 1
        if not self._members[family]:
            del self._members[family]
            self._locks.release(family)

    def end_reservations(self) -> None:
        """Let go of names that were not started after all."""
        for family in self._reserved:
            if not self.holds(family):
                self._locks.release(family)
        self._reserved.clear()

    def end_visits(self) -> list[str]:
        """Return the executions that were taken though they are over, once."""
        visits, self._visits = self._visits, []
        return visits

    def close(self) -> None:
        """Let go of everything."""
        self._locks.close()

    def _enter(self, execution_arn: str, family: int) -> None:
        self._families[execution_arn] = family
        self._members[family] += 1


def _in_use(name: str) -> ExecutionInUseError:
    return ExecutionInUseError(f"the execution {name!r} is in use by another process")
