"""The test kit's tracing: what it finds amiss, and the waterfall of a history."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace

from durable_core import RetryPresets
from durable_testing import DurableTestRunner
from durable_testing.cli.errors import UsageError
from durable_testing.cli.trace import app
from durable_testing.replays import read_history
from durable_testing.tracing import TraceError, Traces, assert_trace, trace_tree
from durable_testing.tracing.history import trace_of
from durable_testing.tracing.waterfall import page, span_in_words, waterfall

if TYPE_CHECKING:
    from durable_core import DurableContext

pytest_plugins = ["durable_testing.tracing.fixtures"]


def test_the_fixture_keeps_spans(traces):
    tracer = traces.provider.get_tracer("test")
    with tracer.start_as_current_span("Workflow"), tracer.start_as_current_span("inside"):
        pass
    assert trace_tree(traces) == "Workflow UNSET\n  inside UNSET"
    assert_trace(traces)
    with pytest.raises(TraceError, match="expected:"):
        assert_trace(traces, "something else")
    traces.clear()
    assert trace_tree(traces) == ""


def test_unsound_traces_are_found_out(traces):
    tracer = traces.provider.get_tracer("test")
    parent = tracer.start_span("Workflow", start_time=100)
    above = trace.set_span_in_context(parent)
    tracer.start_span("early", above, start_time=50).end(end_time=150)
    tracer.start_span("late", above, start_time=150).end(end_time=300)
    tracer.start_span("backwards", above, start_time=180).end(end_time=170)
    parent.end(end_time=200)
    tracer.start_span("lonely", start_time=1).end(end_time=2)
    with pytest.raises(TraceError) as found:
        assert_trace([*traces.spans, traces.spans[0]])
    text = str(found.value)
    assert "2 traces" in text
    assert "'early') is there 2 times" in text
    assert "'early' starts 50 ns before its parent 'Workflow'" in text
    assert "'late' ends 100 ns after its parent 'Workflow'" in text
    assert "'backwards' ends 10 ns before it starts" in text
    assert "'lonely' is an orphan" in text


async def fail() -> None:
    raise LookupError("nowhere")


async def ask(callback_id: str) -> None: ...


async def handler(event: object, context: DurableContext) -> None:
    await context.wait("a wait with a name that is far too long for a line of text", seconds=90_061)
    await context.wait_for_callback("approve", ask)
    await context.step("find", fail, retry_strategy=RetryPresets.none())


def run():
    runner = DurableTestRunner(handler, replay_check=False)
    runner.callback("*").calls(lambda call: call.succeed("yes", after=timedelta(hours=2)))
    return runner.run_sync()


def test_the_waterfall_shows_waits_attempts_failures_and_invocations(tmp_path, capsys):
    file = tmp_path / "history.json"
    run().save_history(file)
    app([str(file)], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert any("…" in line and "░" in line and "1 d 1 h" in line for line in lines)
    assert any(line.startswith("✗     find attempt 1") for line in lines)
    assert any("LookupError: nowhere" in line for line in lines)
    assert sum("Invocation" in line for line in lines) == 3


def test_a_history_that_is_not_over_is_shown_as_far_as_it_got():
    result = run()
    document = {"DurableExecutionArn": result.execution_arn, "Events": result.history()[:3]}
    from_file = trace_of_document(document)
    assert from_file.status == "RUNNING"
    assert "▸" in waterfall(from_file)
    assert "open" in page(from_file)
    with pytest.raises(ValueError, match="no events"):
        trace_of("arn", [])


def trace_of_document(document):
    history = read_history(document)
    return trace_of(history.execution_arn, history.events)


def test_a_file_that_is_no_history_is_refused(tmp_path):
    file = tmp_path / "other.json"
    file.write_text("[1]")
    with pytest.raises(UsageError):
        app([str(file)], standalone_mode=False)
    with pytest.raises(UsageError):
        app(["nobody", "--db", str(tmp_path / "none.db")], standalone_mode=False)


def test_spans_of_time_are_told_in_words():
    assert [span_in_words(ms) for ms in (12, 4200, 61_000, 7_500_000)] == [
        "12 ms",
        "4.2 s",
        "1 m 1 s",
        "2 h 5 m",
    ]


def test_the_sdk_is_loaded_when_it_is_used():
    assert Traces(resource={"service.name": "shop"}).provider.resource.attributes == {
        "service.name": "shop"
    }
