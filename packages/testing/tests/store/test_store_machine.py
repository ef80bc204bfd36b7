"""Random executions on the machine in memory and on the file at once: they never differ."""

from __future__ import annotations

import asyncio
import copy
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from durable_core.lowlevel import (
    TRANSITIONS,
    CheckpointError,
    CheckpointRequest,
    ErrorObject,
    OperationAction,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import (
    FunctionConfig,
    ServiceConfig,
    ServiceError,
    ServiceModel,
    StartRequest,
    seeded_ids,
)
from durable_testing.model.execution import Execution, is_pending
from durable_testing.store.memory import MemoryService
from durable_testing.store.reader import open_reader
from durable_testing.store.sqlite import SqliteService

FUNCTIONS = (
    FunctionConfig(name="f", execution_timeout_seconds=500, retention_days=1),
    FunctionConfig(name="child", execution_timeout_seconds=60),
    FunctionConfig(name="plain"),
)
CONFIG = ServiceConfig(
    needs_qualifier=False, max_operations=25, state_page_operations=3, invocation_attempts=3
)
TRANSIENT = {"timers", "replayable", "unsaved", "saved_events", "unseen"}
ERROR = ErrorObject("no", "ValueError", None, ("at 1",))

names = st.sampled_from("123456")
seconds = st.sampled_from([1, 2, 5, 40])
choice = st.integers(0, 1_000_000)


class Wish(NamedTuple):
    """An update to come; what it can be depends on the record it meets."""

    operation_id: str
    pick: int
    seconds: int
    text: str | None
    is_wild: bool


wishes = st.builds(
    Wish,
    names,
    choice,
    seconds,
    st.sampled_from([None, "plain", "child", "nobody"]),
    st.sampled_from([False] * 9 + [True]),
)
turns = st.lists(st.lists(wishes, min_size=1, max_size=3), min_size=1, max_size=3)


def fulfil(wish, records):
    """Return an update; a wild one fits no record, and must change nothing."""
    record = records.get(wish.operation_id)
    moves = [
        (kind, action)
        for kind, rows in TRANSITIONS.items()
        if kind is not OperationType.EXECUTION and (record is None or kind is record.type)
        for action in rows.get(record and record.status, ())
        if isinstance(action, OperationAction)
    ]
    if wish.is_wild or not moves:
        moves = [(kind, action) for kind in OperationType for action in OperationAction]
    kind, action = moves[wish.pick % len(moves)]
    parent = records.get("1")
    is_inside = parent and parent.type is OperationType.CONTEXT and wish.operation_id != "1"
    return OperationUpdate(
        wish.operation_id,
        kind,
        action,
        parent_id=record.parent_id if record else ("1" if is_inside else None),
        **options(wish, kind, action),
    )


def options(wish, kind, action):
    """What makes it an update that may be taken."""
    found = {
        (OperationType.STEP, OperationAction.RETRY): {
            "next_attempt_delay_seconds": wish.seconds,
            "payload": wish.text,
        },
        (OperationType.WAIT, OperationAction.START): {"wait_seconds": wish.seconds},
        (OperationType.CALLBACK, OperationAction.START): {
            "timeout_seconds": 40,
            "heartbeat_timeout_seconds": wish.seconds,
        },
        (OperationType.CHAINED_INVOKE, OperationAction.START): {
            "function_name": wish.text or "plain"
        },
        (OperationType.CONTEXT, OperationAction.SUCCEED): {
            "payload": wish.text,
            "replay_children": wish.seconds == 1,
        },
        (OperationType.STEP, OperationAction.SUCCEED): {"payload": wish.text},
        (OperationType.STEP, OperationAction.FAIL): {"error": ERROR},
        (OperationType.CONTEXT, OperationAction.FAIL): {"error": ERROR},
    }
    return found.get((kind, action), {})


def picture(model, arn):
    execution = model.state.look(arn)
    slots = {name: getattr(execution, name) for name in Execution.__slots__}
    return copy.deepcopy({key: value for key, value in slots.items() if key not in TRANSIENT})


def anyone(execution):
    return True


def is_due(execution):
    return execution.is_invocation_due


def is_running(execution):
    return execution.invocation_id is not None


def has_token(execution):
    return execution.token is not None


def can_work(execution):
    return is_due(execution) or has_token(execution)


def where(wanted):
    """Run a rule only where it can do something."""
    return precondition(lambda machine: bool(machine.held(wanted)))


class TwoServices(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "durable.db"
        self.now = 1_000_000
        self.file_ids = seeded_ids()
        self.file_effects = []
        self.memory_effects = []
        model = ServiceModel(FUNCTIONS, new_id=seeded_ids(), config=CONFIG)
        self.memory = MemoryService(
            model, now_ms=lambda: self.now, on_effect=self.memory_effects.append
        )
        self.file = self.open()
        self.tokens = {}
        self.last = None
        self.seen = {}

    def open(self):
        return SqliteService(
            self.path,
            FUNCTIONS,
            now_ms=lambda: self.now,
            new_id=self.file_ids,
            on_effect=self.file_effects.append,
            config=CONFIG,
        )

    def teardown(self):
        self.loop.run_until_complete(self.file.close())
        self.loop.close()
        self.folder.cleanup()

    @property
    def model(self):
        return self.memory.model

    def both(self, call):
        """Do the same on both; returns what both answered, the refusal included."""
        first = self.answer(lambda: self.memory.apply(call))

        async def ask():
            return await self.file.apply(call)

        second = self.answer(lambda: self.loop.run_until_complete(ask()))
        assert first == second
        return first

    @staticmethod
    def answer(ask):
        try:
            return ask()
        except (ServiceError, CheckpointError) as refusal:
            return str(refusal)

    def held(self, wanted):
        return [arn for arn in self.model.arns() if wanted(self.model.state.executions[arn])]

    def pick(self, number, wanted=anyone):
        arns = self.held(wanted)
        return arns[number % len(arns)]

    # What may happen

    @initialize()
    def start_one(self):
        self.start("a", "1")
        self.begin(0)

    @rule(name=st.sampled_from("ab"), payload=st.sampled_from("12"))
    def start(self, name, payload):
        self.both(lambda m, now: m.start_execution(StartRequest("f", payload, name), now))

    @where(is_due)
    @rule(number=choice)
    def begin(self, number):
        arn = self.pick(number, is_due)
        invocation = self.both(lambda m, now: m.begin_invocation(arn, now))
        if invocation is not None:
            self.tokens[arn] = invocation.input.checkpoint_token

    @where(has_token)
    @rule(number=choice, batch=st.lists(wishes, max_size=3), close=st.integers(0, 30))
    def checkpoint(self, number, batch, close):
        arn = self.pick(number, has_token)
        self.fire()
        if arn not in self.held(has_token):
            return
        records = self.model.state.executions[arn].records
        updates = [fulfil(wish, records) for wish in batch]
        if close == 0:
            end = OperationAction.SUCCEED
            updates.append(OperationUpdate("r", OperationType.EXECUTION, end, payload="1"))
        before = self.everything()
        request = CheckpointRequest(arn, self.tokens[arn], tuple(updates), f"call-{number}")
        response = self.both(lambda m, now: m.checkpoint(request, now))
        if isinstance(response, str):
            assert self.everything() == before
            return
        self.tokens[arn] = response.checkpoint_token
        self.last = request, response

    def take_turn(self, number, batches):
        """An invocation as it mostly goes: some checkpoints, then PENDING if it may."""
        arn = self.pick(number, is_due) if self.held(is_due) else self.pick(number, has_token)
        if not self.held(has_token):
            self.begin(number)
        for batch in batches:
            if self.held(has_token):
                self.checkpoint(number, batch, 1)
        execution = self.model.state.executions.get(arn)
        if execution is not None and execution.pending and is_running(execution):
            self.end(0, {"Status": "PENDING"})

    @where(can_work)
    @rule(number=choice, batches=turns)
    def turn(self, number, batches):
        self.take_turn(number, batches)

    @where(can_work)
    @rule(number=choice, batches=turns)
    def turn_and_wait(self, number, batches):
        self.take_turn(number, batches)
        self.wait(batches[0][0].seconds)

    @precondition(lambda self: self.last is not None and self.last[1].checkpoint_token)
    @rule()
    def send_again(self):
        request, response = self.last
        arn = request.execution_arn
        if arn in self.model.arns() and self.tokens[arn] == response.checkpoint_token:
            before = self.everything()
            again = self.both(lambda m, now: m.checkpoint(request, now))
            assert again == response or "Invalid checkpoint token" in again
            assert self.everything() == before

    @precondition(lambda self: self.last is not None)
    @rule()
    def use_a_stale_token(self):
        request, _ = self.last
        if request.execution_arn in self.model.arns():
            before = self.everything()
            other = "another"
            stale = request._replace(client_token=other, updates=())
            assert "Invalid checkpoint token" in self.both(lambda m, now: m.checkpoint(stale, now))
            assert self.everything() == before

    @where(is_running)
    @rule(
        number=choice,
        output=st.sampled_from(
            [
                *[{"Status": "PENDING"}] * 9,
                {"Status": "SUCCEEDED", "Result": "1"},
                {"Status": "FAILED", "Error": {"ErrorMessage": "no"}},
                None,
            ]
        ),
    )
    def end(self, number, output):
        arn = self.pick(number, is_running)
        invocation = self.model.state.executions[arn].invocation_id
        self.both(lambda m, now: m.end_invocation(arn, invocation, output, now))

    @where(is_running)
    @rule(number=choice)
    def crash(self, number):
        arn = self.pick(number, is_running)
        invocation = self.model.state.executions[arn].invocation_id
        self.both(lambda m, now: m.fail_invocation(arn, invocation, ERROR, now))

    @rule(after=st.sampled_from([0, 1, 1, 2, 2, 5, 5, 30, 90_000]))
    def wait(self, after):
        self.now += after * 1000
        self.fire()

    def fire(self):
        self.both(lambda m, now: m.fire_due(now))

    @precondition(lambda self: self.model.state.callbacks)
    @rule(number=choice, what=st.sampled_from(["callback_succeed", "callback_fail", "heartbeat"]))
    def answer_callback(self, number, what):
        known = sorted(self.model.state.callbacks)
        callback_id = known[number % len(known)]
        match what:
            case "callback_succeed":
                self.both(lambda m, now: m.callback_succeed(callback_id, "yes", now))
            case "callback_fail":
                self.both(lambda m, now: m.callback_fail(callback_id, ERROR, now))
            case _:
                self.both(lambda m, now: m.callback_heartbeat(callback_id, now))

    @where(lambda execution: bool(execution.dispatches))
    @rule(number=choice, error=st.sampled_from([None, ERROR]))
    def answer_invoke(self, number, error):
        arn = self.pick(number, lambda execution: bool(execution.dispatches))
        operation_id = next(iter(self.model.state.executions[arn].dispatches))
        result = None if error else "42"
        self.both(
            lambda m, now: m.complete_chained_invoke(
                arn, operation_id, now, result=result, error=error
            )
        )

    @where(anyone)
    @rule(number=choice, what=st.sampled_from(["stop", "pause", "resume", "resume", "delete"]))
    def steer(self, number, what):
        arn = self.pick(number)
        calls = {
            "stop": lambda m, now: m.stop(arn, None, now),
            "pause": lambda m, now: m.pause(arn, now, is_timeout_paused=number % 2 == 0),
            "resume": lambda m, now: m.resume(arn, now),
            "delete": lambda m, now: m.delete(arn, now),
        }
        self.both(calls[what])

    @rule()
    def restart(self):
        self.loop.run_until_complete(self.file.close())
        self.file = self.open()
        self.last = None

        async def recover():
            await self.file.recover()

        self.memory.apply(lambda m, now: m.recover(now))
        self.loop.run_until_complete(recover())
        self.compare_effects(key=repr)

    # What must hold

    def everything(self):
        return {arn: picture(self.model, arn) for arn in self.model.arns()}

    def compare_effects(self, key=None):
        if key is not None:
            self.file_effects.sort(key=key)
            self.memory_effects.sort(key=key)
        assert self.file_effects == self.memory_effects
        self.file_effects.clear()
        self.memory_effects.clear()

    @invariant()
    def the_file_agrees_with_memory(self):
        self.compare_effects()
        expected = self.everything()
        with open_reader(self.path, CONFIG) as reader:
            assert {arn: picture(reader, arn) for arn in reader.arns()} == expected
        assert {arn: picture(self.file.model, arn) for arn in self.file.model.arns()} == expected
        assert self.file.model.next_due_ms() == self.model.next_due_ms()
        held = self.file.model.state.executions
        for arn, execution in held.items():
            assert set(execution.unseen) == set(self.model.state.executions[arn].unseen)

    @invariant()
    def each_execution_is_sound(self):
        for arn, execution in self.model.state.executions.items():
            check_history(execution)
            check_journal(execution)
            assert execution.handler_seen >= self.seen.get(arn, 0)
            self.seen[arn] = execution.handler_seen
            if not execution.is_open:
                assert (execution.token, execution.timers) == (None, [])
            if execution.token is not None:
                assert execution.invocation_id is not None
            assert not (execution.is_invocation_due and execution.invocation_id is not None)


def check_history(execution):
    events = execution.events
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    times = [event.at_ms for event in events]
    assert times == sorted(times)
    kinds = [event.type.value for event in events]
    assert kinds[0] == "ExecutionStarted"
    closing = [
        place
        for place, kind in enumerate(kinds)
        if kind.startswith("Execution") and kind.endswith(("ed", "Out")) and place
        if kind not in ("ExecutionPaused", "ExecutionResumed")
    ]
    assert len(closing) == (not execution.is_open)
    assert all(set(kinds[place + 1 :]) <= {"InvocationCompleted"} for place in closing)


def check_journal(execution):
    records = execution.records
    assert list(records) == execution.order
    assert [execution.sequence[name] for name in execution.order] == list(range(len(records)))
    assert execution.pending == sum(map(is_pending, records.values()))
    assert sorted(execution.touched) == sorted(records)
    assert max(execution.touched.values()) == execution.touch >= execution.handler_seen
    assert set(execution.unseen) - {execution.id} == {
        name
        for name in records
        if execution.touched[name] > execution.handler_seen and name != execution.id
    }
    assert execution.billed_operations >= len(records)


TestTwoServices = TwoServices.TestCase
TestTwoServices.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestTwoServices = pytest.mark.timeout(200)(TestTwoServices)
