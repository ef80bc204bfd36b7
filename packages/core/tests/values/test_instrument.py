from __future__ import annotations

from contextlib import contextmanager

from durable_core._values.hooks import Hooks
from durable_core._values.instrument import CheckpointDetails, Instrumentation, OperationDetails

STEP = OperationDetails(
    "1", "STEP", "Step", "charge", None, "STARTED", is_replayed=False, attempt=1
)


class Recorder(Instrumentation):
    def __init__(self, name, seen):
        self.name = name
        self.seen = seen

    def operation_start(self, operation):
        self.seen.append((self.name, operation.name))

    @contextmanager
    def attempt(self, operation):
        self.seen.append((self.name, "enter"))
        yield lambda outcome: self.seen.append((self.name, outcome.status))
        self.seen.append((self.name, "exit"))

    def log_fields(self):
        return {"plugin": self.name}


class Broken(Instrumentation):
    def operation_start(self, operation):
        raise RuntimeError("start")

    @contextmanager
    def attempt(self, operation):
        raise RuntimeError("enter")
        yield

    def log_fields(self):
        raise RuntimeError("fields")


class BrokenLater(Instrumentation):
    @contextmanager
    def attempt(self, operation):
        def report(outcome):
            raise RuntimeError("report")

        yield report
        raise RuntimeError("exit")


class Plain(Instrumentation):
    def checkpoint(self, details):
        return None


def hooks_of(*plugins):
    failures = []
    return Hooks(plugins, lambda hook, error: failures.append((hook, str(error)))), failures


def test_a_hook_nobody_overrides_is_empty():
    hooks, _ = hooks_of(Instrumentation(), Plain())
    assert hooks.operation_start == ()
    assert len(hooks.checkpoint) == 1


def test_the_base_does_nothing_in_any_hook():
    base = Instrumentation()
    assert base.operation_start(STEP) is None
    assert base.operation_replayed(STEP) is None
    assert base.operation_end(STEP) is None
    assert base.operations_changed([]) is None
    assert base.attempt(STEP) is None
    assert base.context_body(STEP) is None
    assert base.checkpoint(CheckpointDetails(1, 10)) is None
    assert base.propagate(STEP, {}) is None
    assert base.log_fields() is None


def test_every_plugin_is_called_in_order():
    seen = []
    hooks, failures = hooks_of(Recorder("a", seen), Recorder("b", seen))
    hooks.call(hooks.operation_start, STEP)
    assert seen == [("a", "charge"), ("b", "charge")]
    assert failures == []


def test_a_failing_hook_is_reported_once_and_stops_nobody():
    seen = []
    hooks, failures = hooks_of(Broken(), Recorder("b", seen))
    hooks.call(hooks.operation_start, STEP)
    assert seen == [("b", "charge")]
    assert failures == [("Broken.operation_start", "start")]


def test_results_are_collected_without_none_and_without_failures():
    hooks, failures = hooks_of(Recorder("a", []), Broken(), Recorder("b", []))
    assert hooks.collect(hooks.log_fields) == [{"plugin": "a"}, {"plugin": "b"}]
    assert hooks.collect([lambda: None]) == []
    assert failures == [("Broken.log_fields", "fields")]


def test_managers_are_entered_told_the_outcome_and_left_in_reverse():
    seen = []
    hooks, failures = hooks_of(Recorder("a", seen), Recorder("b", seen))
    with hooks.around(hooks.attempt, STEP) as around:
        seen.append("body")
        around.report("SUCCEEDED")
    assert seen == [
        *(("a", "enter"), ("b", "enter"), "body"),
        *(("a", "SUCCEEDED"), ("b", "SUCCEEDED"), ("b", "exit"), ("a", "exit")),
    ]
    assert failures == []


def test_a_manager_that_cannot_be_entered_is_reported_once_and_not_left():
    seen = []
    hooks, failures = hooks_of(Broken(), Recorder("b", seen))
    with hooks.around(hooks.attempt, STEP) as around:
        around.report("SUCCEEDED")
    assert seen == [("b", "enter"), ("b", "SUCCEEDED"), ("b", "exit")]
    assert [error for _, error in failures] == ["enter"]


def test_a_manager_that_fails_later_does_not_reach_the_body():
    hooks, failures = hooks_of(BrokenLater())
    with hooks.around(hooks.attempt, STEP) as around:
        around.report("SUCCEEDED")
    assert [error for _, error in failures] == ["report", "exit"]


def test_failures_are_dropped_where_nobody_wants_them():
    hooks = Hooks([Broken()])
    hooks.call(hooks.operation_start, STEP)
    assert hooks.collect(hooks.log_fields) == []
