"""What a process remembers of executions from one invocation to the next.

Everything that must be right is derived from the execution itself. This only helps where an
earlier invocation ran in the same process: start times finer than the service's, and which ends of
an invocation that failed were not seen.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from durable_otel.clock import Ticks

if TYPE_CHECKING:
    from durable_core.lowlevel import OperationDetails

MAX_EXECUTIONS: Final = 1_000


class Memory:
    """What is remembered of one execution.

    Attributes:
        first_ns: When its first span began.
        last_ns: When its last span ended.
        offset_ns: The offset of its clock: the same from one invocation to the next.
        starts_ns: When operations that are open were first started.
        left_ns: When an invocation that failed left them.
        used_ids: Operations whose first span was exported although their start may not have
            become durable: the invocation failed.
        unsettled: Operations that were open when an invocation failed: they may have ended.
    """

    __slots__ = (
        "first_ns",
        "last_ns",
        "left_ns",
        "offset_ns",
        "starts_ns",
        "unsettled",
        "used_ids",
    )

    def __init__(self) -> None:
        self.first_ns = 0
        self.last_ns = 0
        self.offset_ns = 0
        self.starts_ns: dict[str, int] = {}
        self.left_ns: dict[str, int] = {}
        self.used_ids: set[str] = set()
        self.unsettled: dict[str, OperationDetails] = {}


class Ledger:
    """The executions that this process had to do with lately.

    Attributes:
        ticks: What its clocks share.
        ahead_ns: How far this host's clock is known to be ahead of the service's.
    """

    __slots__ = ("_memories", "ahead_ns", "ticks")

    def __init__(self) -> None:
        self._memories: OrderedDict[str, Memory] = OrderedDict()
        self.ahead_ns = 0
        self.ticks = Ticks()

    def recall(self, execution_arn: str) -> Memory:
        """What is remembered of an execution; empty if nothing."""
        memory = self._memories.get(execution_arn)
        if memory is None:
            self._memories[execution_arn] = memory = Memory()
            if len(self._memories) > MAX_EXECUTIONS:
                self._memories.popitem(last=False)
        else:
            self._memories.move_to_end(execution_arn)
        return memory

    def forget(self, execution_arn: str) -> None:
        """It has ended."""
        self._memories.pop(execution_arn, None)

    def see_ahead(self, lead_ns: int) -> None:
        """Note a lead over the service's clock: something it stamped after we asked for it."""
        self.ahead_ns = max(self.ahead_ns, lead_ns)
