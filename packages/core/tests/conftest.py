"""A service, a clock and a host whose every move a test decides."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from durable_core.lowlevel import (
    CheckpointRequest,
    CheckpointResponse,
    Environment,
    ErrorObject,
    Event,
    InvocationInput,
    InvocationOutput,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
    StatePage,
    Trigger,
    Workflow,
    drive,
    next_status,
    workflow_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

START_MS = 1_767_225_600_000
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/order-1/e0"


class ManualTimer:
    """A call that was scheduled."""

    def __init__(self, when_ms: int, callback: Callable[[], object]) -> None:
        self.when_ms = when_ms
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class ManualClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.ms = START_MS
        self.timers: list[ManualTimer] = []

    def now_ms(self) -> int:
        return self.ms

    def call_at(self, when_ms: int, callback: Callable[[], object], /) -> ManualTimer:
        timer = ManualTimer(when_ms, callback)
        self.timers.append(timer)
        return timer

    @property
    def due_in_ms(self) -> list[int]:
        """When the timers that stand are due, from now."""
        return sorted(t.when_ms - self.ms for t in self.timers if not t.is_cancelled)

    async def advance(self, ms: int) -> None:
        """Go on, make the calls that are due, and let the loop come to rest."""
        self.ms += ms
        due = [t for t in self.timers if t.when_ms <= self.ms]
        self.timers = [t for t in self.timers if t.when_ms > self.ms]
        for timer in sorted(due, key=lambda t: t.when_ms):
            if not timer.is_cancelled:
                asyncio.get_running_loop().call_soon(timer.callback)
        for _ in range(5):
            await asyncio.sleep(0)


class Died(BaseException):
    """The process of an invocation is gone."""


class ScriptedService:
    """Does what the service does with updates, unless a test has it answer otherwise.

    Attributes:
        requests: Every checkpoint request, in order.
        script: What answers the n-th request instead, from 1; may raise.
        pages: What answers a marker.
        lag_ms: How far its clock is behind the host's.
        is_async: Answers come as awaitables.
        dies_after_each: The invocation dies after every call that it was answered.
    """

    def __init__(self, clock: ManualClock, event: Any = None) -> None:
        self.clock = clock
        self.execution = Operation(
            "e0",
            OperationType.EXECUTION,
            OperationStatus.STARTED,
            START_MS,
            name="order-1",
            input_payload=json.dumps(event),
        )
        self.records: dict[str, Operation] = {}
        self.requests: list[CheckpointRequest] = []
        self.script: dict[int, Callable[[CheckpointRequest], Any]] = {}
        self.pages: dict[str, Callable[[], StatePage]] = {}
        self.loaded: list[tuple[str, str]] = []
        self.lag_ms = 0
        self.is_async = False
        self.dies_after_each = False
        self.tokens = 0
        self.unseen: list[str] = []
        self.closed_with: OperationUpdate | None = None

    # The seam

    def checkpoint(self, request: CheckpointRequest, /) -> Any:
        self.requests.append(request)
        answer = self.script.get(len(self.requests), self.apply)
        if self.dies_after_each:
            answer(request)
            raise Died
        return self._later(answer, request) if self.is_async else answer(request)

    def load_page(self, execution_arn: str, checkpoint_token: str, marker: str, /) -> Any:
        assert execution_arn == ARN
        self.loaded.append((checkpoint_token, marker))
        page = self.pages[marker]
        return self._later(page) if self.is_async else page()

    async def _later(self, answer: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        return answer(*arguments)

    # What it does

    @property
    def token(self) -> str:
        return f"token-{self.tokens}"

    @property
    def now_ms(self) -> int:
        return self.clock.ms - self.lag_ms

    def apply(self, request: CheckpointRequest) -> CheckpointResponse:
        """Take the updates in; report what changed."""
        assert request.execution_arn == ARN
        assert request.checkpoint_token == self.token, "a stale token"
        for update in request.updates:
            self._take(update)
        self.fire_due()
        self.tokens += 1
        changed = tuple(self.records[key] for key in dict.fromkeys(self.unseen))
        self.unseen = []
        closed = self.closed_with is not None
        return CheckpointResponse(None if closed else self.token, changed)

    def _take(self, update: OperationUpdate) -> None:
        if update.type is OperationType.EXECUTION:
            self.closed_with = update
            return
        record = self.records.get(update.id)
        if record is None:
            record = Operation(
                update.id,
                update.type,
                OperationStatus.STARTED,
                self.now_ms,
                update.parent_id,
                update.name,
                update.subtype,
            )
            status = next_status(update.type, None, update.action)
        else:
            assert (record.name, record.subtype, record.parent_id) == update[4:6] + update[3:4]
            status = next_status(update.type, record.status, update.action)
        self._keep(record._replace(status=status, **self._fields(record, update)))

    def _fields(self, record: Operation, update: OperationUpdate) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        match update.action:
            case OperationAction.START:
                if update.wait_seconds is not None:
                    fields["scheduled_end_ms"] = self.now_ms + update.wait_seconds * 1000
                if update.type is OperationType.CALLBACK:
                    fields["callback_id"] = f"callback-{update.name}"
                fields["next_attempt_at_ms"] = None
            case OperationAction.RETRY:
                assert update.next_attempt_delay_seconds is not None
                delay_ms = update.next_attempt_delay_seconds * 1000
                fields["next_attempt_at_ms"] = self.now_ms + delay_ms
                fields["result"], fields["error"] = update.payload, update.error
            case _:
                fields["ended_at_ms"] = self.now_ms
                fields["result"], fields["error"] = update.payload, update.error
                fields["replay_children"] = update.replay_children
        if update.type is OperationType.STEP and update.action is not OperationAction.START:
            fields["attempt"] = record.attempt + 1
        return fields

    def _keep(self, record: Operation) -> None:
        self.records[record.id] = record
        self.unseen.append(record.id)

    def due_ms(self) -> int | None:
        """When the next timer is due."""
        due = [
            end
            for record in self.records.values()
            if not record.is_terminal
            and (end := record.scheduled_end_ms or record.next_attempt_at_ms) is not None
        ]
        return min(due) if due else None

    def fire_due(self) -> None:
        """End the timers that are due."""
        for record in list(self.records.values()):
            due_ms = record.scheduled_end_ms or record.next_attempt_at_ms
            if record.is_terminal or due_ms is None or due_ms > self.now_ms:
                continue
            status = next_status(record.type, record.status, Event.DUE)
            ended_at_ms = due_ms if status is OperationStatus.SUCCEEDED else None
            self._keep(
                record._replace(status=status, ended_at_ms=ended_at_ms, next_attempt_at_ms=None)
            )

    # What the outside does

    def named(self, name: str | None) -> Operation:
        """The only operation of that name."""
        (found,) = [record for record in self.records.values() if record.name == name]
        return found

    def happen(
        self,
        name: str,
        trigger: Trigger,
        *,
        result: str | None = None,
        error: ErrorObject | None = None,
    ) -> None:
        """Let the world do something to an operation."""
        record = self.named(name)
        status = next_status(record.type, record.status, trigger)
        self._keep(
            record._replace(status=status, ended_at_ms=self.now_ms, result=result, error=error)
        )

    # What a test reads

    @property
    def sent(self) -> list[list[str]]:
        """What each call carried."""
        return [
            [f"{update.action} {update.name or update.subtype}" for update in request.updates]
            for request in self.requests
        ]


class Bench:
    """One execution: a clock, a service, and invocations one after another."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.service = ScriptedService(self.clock)
        self.environment: dict[str, Any] = {}
        self.plugins: Sequence[Any] = ()
        self.invocations = 0
        self.new_tokens = 0
        self.tells_updates = False

    def _token(self) -> str:
        self.new_tokens += 1
        return f"client-{self.new_tokens}"

    def input(self) -> InvocationInput:
        """What the next invocation starts from: its children of closed contexts left out."""
        service = self.service
        service.tokens += 1
        updated = frozenset(service.unseen) if self.tells_updates else frozenset[str]()
        service.unseen = []
        shut = {
            r.id
            for r in service.records.values()
            if r.type is OperationType.CONTEXT and r.is_terminal and not r.replay_children
        }
        for record in service.records.values():
            if record.parent_id in shut:
                shut.add(record.id)
        seen = [r for r in service.records.values() if r.parent_id not in shut]
        return InvocationInput(
            ARN, service.token, (service.execution, *seen), updated_operation_ids=updated
        )

    async def drive(self, handler: Any, given: InvocationInput | None = None) -> InvocationOutput:
        """Run one invocation on the running loop."""
        self.invocations += 1
        options: dict[str, Any] = {
            "clock": self.clock,
            "random": lambda: 0.5,
            "new_token": self._token,
            **self.environment,
        }
        workflow = handler if isinstance(handler, Workflow) else workflow_of(handler)
        return await drive(
            workflow, given or self.input(), self.service, Environment(**options), self.plugins
        )

    def invoke(self, handler: Any, given: InvocationInput | None = None) -> InvocationOutput:
        """Run one invocation."""
        return asyncio.run(self.drive(handler, given))

    def forward(self, ms: int | None = None) -> None:
        """Let time pass between invocations, by default until something is due."""
        if ms is None:
            due_ms = self.service.due_ms()
            assert due_ms is not None, "nothing is due"
            ms = due_ms - self.clock.ms
        self.clock.ms += max(0, ms)
        self.clock.timers = []
        self.service.fire_due()

    def finish(self, handler: Any) -> InvocationOutput:
        """Run invocations, with time passing between, until one settles."""
        while True:
            try:
                output = self.invoke(handler)
            except Died:
                continue
            if output.status != "PENDING":
                return output
            if not self.service.unseen:
                self.forward()

    def result(self, handler: Any) -> Any:
        """The value that the execution comes to."""
        output = self.finish(handler)
        assert output.status == "SUCCEEDED", output.error
        assert output.result is not None
        return json.loads(output.result)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=[False, True], ids=["straight", "cut after every call"])
def cut(request: pytest.FixtureRequest) -> Bench:
    """A bench on which an execution runs undisturbed, or dies after every checkpoint."""
    bench = Bench()
    bench.service.dies_after_each = request.param
    return bench
