"""The fake service of the peers' benchmarks, for our driver: wire dicts in, wire dicts out.

It answers at once, with no await (or after a delay), applies updates without checks, and keeps the
latest record of each operation: the same semantics as the fake that the peers run against.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import (
    CheckpointRequest,
    CheckpointResponse,
    StatePage,
    operations_from_wire,
    page_from_wire,
    update_to_wire,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/e1/inv1"
NOW = time.time()  # noqa: TID251  a benchmark reads the clock
NOW_MS = int(NOW * 1000)
_DETAILS = {
    "STEP": "StepDetails",
    "CONTEXT": "ContextDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
    "CALLBACK": "CallbackDetails",
    "WAIT": "WaitDetails",
}
_STATUSES = {"START": "STARTED", "SUCCEED": "SUCCEEDED", "FAIL": "FAILED", "RETRY": "PENDING"}


class FakeService:
    """A `DurableService` without a service behind it."""

    def __init__(self, delay_seconds: float = 0) -> None:
        self.delay_seconds = delay_seconds
        self.operations: dict[str, dict[str, Any]] = {}
        self.calls = 0
        self.state_calls = 0
        self.updates = 0
        self.max_threads = 0
        self.batches: list[list[dict[str, Any]]] = []
        self.pages: list[list[dict[str, Any]]] = []

    @property
    def size_bytes(self) -> int:
        """What went over the wire as updates."""
        return sum(len(json.dumps(batch)) for batch in self.batches)

    def checkpoint(
        self, request: CheckpointRequest
    ) -> CheckpointResponse | Awaitable[CheckpointResponse]:
        """Apply the updates and report the operations they changed."""
        return (
            self._later(self._apply_all, request)
            if self.delay_seconds
            else self._apply_all(request)
        )

    async def _later(self, answer: Callable[..., Any], *args: Any) -> Any:
        await asyncio.sleep(self.delay_seconds)
        return answer(*args)

    def _apply_all(self, request: CheckpointRequest) -> CheckpointResponse:
        wires = [update_to_wire(update) for update in request.updates]
        self.calls += 1
        self.updates += len(wires)
        self.batches.append(wires)
        self.max_threads = max(self.max_threads, threading.active_count())
        changed = {wire["Id"]: self._apply(wire) for wire in wires}
        return CheckpointResponse(f"t{self.calls}", operations_from_wire(list(changed.values())))

    def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str
    ) -> StatePage | Awaitable[StatePage]:
        """Return a prepared page."""
        del execution_arn, checkpoint_token
        return self._later(self._page, marker) if self.delay_seconds else self._page(marker)

    def _page(self, marker: str) -> StatePage:
        self.state_calls += 1
        place = int(marker)
        following = str(place + 1) if place + 1 < len(self.pages) else ""
        return page_from_wire({"Operations": self.pages[place], "NextMarker": following})

    def _apply(self, update: dict[str, Any]) -> dict[str, Any]:
        operation = dict(
            self.operations.get(update["Id"])
            or {"Id": update["Id"], "Type": update["Type"], "StartTimestamp": NOW}
        )
        for key in ("ParentId", "Name", "SubType"):
            if update.get(key) is not None:
                operation[key] = update[key]
        action = update["Action"]
        key = _DETAILS[update["Type"]]
        details = dict(operation.get(key) or {})
        operation["Status"] = _STATUSES[action]
        if action == "SUCCEED":
            operation["EndTimestamp"] = NOW
            details["Result"] = update.get("Payload")
            if update.get("ContextOptions"):
                details["ReplayChildren"] = True
        elif action == "FAIL":
            operation["EndTimestamp"] = NOW
            details["Error"] = update.get("Error")
        if update["Type"] == "STEP" and action != "START":
            details["Attempt"] = details.get("Attempt", 0) + 1
        operation[key] = details
        self.operations[update["Id"]] = operation
        return operation


def event(
    operations: list[dict[str, Any]] | None = None, marker: str = "", payload: str = "{}"
) -> dict[str, Any]:
    """An invocation event over recorded operations."""
    execution = {
        "Id": "inv1",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "StartTimestamp": NOW_MS,
        "ExecutionDetails": {"InputPayload": payload},
    }
    return {
        "DurableExecutionArn": ARN,
        "CheckpointToken": "t0",
        "InitialExecutionState": {
            "Operations": [execution, *(operations or [])],
            "NextMarker": marker,
        },
        "UpdatedOperationIds": [],
    }


def in_event_form(operation: dict[str, Any]) -> dict[str, Any]:
    """An operation with the event's timestamps: whole milliseconds."""
    keys = ("StartTimestamp", "EndTimestamp")
    return {k: int(v * 1000) if k in keys else v for k, v in operation.items()}
