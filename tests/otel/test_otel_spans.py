"""What spans say, whose they are, and what is left alone."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult

from durable_aws_lambda import durable_execution
from durable_core import RetryPresets, current_step
from durable_core.lowlevel import Workflow, workflow_of
from durable_otel import (
    View,
    execution_view,
    from_environment,
    instrument,
    invocation_view,
    otel_carrier,
)
from durable_otel.carriers import caller_of
from durable_otel.ids import operation_span_id, root_span_id, trace_id, workflow_span_id
from durable_testing import DurableTestRunner
from durable_testing.cli.trace import app
from durable_testing.tracing import Traces, assert_trace

if TYPE_CHECKING:
    from durable_core import DurableContext

ARN = "arn:aws:lambda:us-west-2:123456789012:function:f:$LATEST/durable-execution/name/1234"


def test_ids_are_bit_compatible_with_those_of_aws():
    assert f"{trace_id(ARN, 1_767_323_045_000):032x}" == "695735a5e9a65151b25c443418408154"
    assert f"{workflow_span_id(ARN):016x}" == "25aba3553c87530c"
    assert f"{root_span_id(ARN):016x}" == "02e9d02af1ad08cd"
    assert f"{operation_span_id(ARN, 'op-1'):016x}" == "cbd6e0b6f27c65f5"


async def ok(value: object = None) -> object:
    return value


async def napping(event: object, context: DurableContext) -> str:
    await context.step("charge", ok)
    await context.wait("nap", seconds=60)
    await context.step("ship", ok)
    return "done"


def test_the_invocation_view_shows_operations_under_their_invocations(run):
    assert_trace(
        run(napping).traces,
        """
        Invocation PENDING OK
          charge SUCCEEDED OK
            charge attempt 1 SUCCEEDED OK
          nap STARTED UNSET
        Workflow SUCCEEDED OK
        Invocation SUCCEEDED OK
          nap SUCCEEDED OK
          ship SUCCEEDED OK
            ship attempt 1 SUCCEEDED OK
        """,
    )


def test_the_execution_view_shows_operations_under_the_workflow(run):
    assert_trace(
        run(napping, view="execution").traces,
        """
        Invocation PENDING OK
        Workflow SUCCEEDED OK
          charge SUCCEEDED OK
            charge attempt 1 SUCCEEDED OK
          nap SUCCEEDED OK
          ship SUCCEEDED OK
            ship attempt 1 SUCCEEDED OK
        Invocation SUCCEEDED OK
        """,
    )


def test_waiting_is_told_and_is_no_error(run):
    first, second = run(napping).traces.named("Invocation")
    (event,) = first.events
    assert event.name == "durable.suspend"
    assert event.attributes["durable_otel.operation.name"] == "nap"
    assert event.attributes["durable_otel.resumes_at_ms"] > 0
    assert first.status.status_code is trace.StatusCode.OK
    assert second.attributes["durable_otel.replay.operations"] == 1


def own_spans(traces: Traces):
    tracer = traces.provider.get_tracer("application")

    async def in_a_task() -> None:
        with tracer.start_as_current_span("query"):
            await asyncio.sleep(0)

    def in_a_thread() -> None:
        with tracer.start_as_current_span("request"):
            pass

    async def handler(event: object, context: DurableContext) -> None:
        with tracer.start_as_current_span("prepare"):
            await context.step("async", in_a_task)
        await context.wait("one", seconds=5)
        with tracer.start_as_current_span("between"):
            pass
        await context.step("sync", in_a_thread)
        await context.wait("two", seconds=5)
        with tracer.start_as_current_span("finish"):
            pass

    return handler


def test_spans_of_the_application_nest_under_what_made_them_and_replay_makes_none_again(view):
    traces = Traces()
    plugin = instrument(view=view, tracer_provider=traces.provider, metrics=False)
    workflow = Workflow(own_spans(traces), plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    names = {span.context.span_id: span.name for span in traces.spans}
    top = "Invocation" if view == "invocation" else "Workflow"
    parents = {
        "query": "async attempt 1",
        "request": "sync attempt 1",
        "prepare": top,
        "between": top,
        "finish": top,
    }
    for name, parent in parents.items():
        (span,) = traces.named(name)
        assert names[span.parent.span_id] == parent


def test_nothing_of_the_application_is_changed(run):
    traces = Traces()
    provider = traces.provider
    before = dict(vars(provider))
    tracer = provider.get_tracer("durable-otel")
    generator, sampler = tracer.id_generator, tracer.sampler
    plugin = instrument(tracer_provider=provider, metrics=False)
    DurableTestRunner(Workflow(napping, plugins=(plugin,)), replay_check=False).run_sync()
    assert dict(vars(provider)) == before
    assert tracer.id_generator is generator
    assert tracer.sampler is sampler
    with tracer.start_as_current_span("root of another trace") as span:
        assert span.parent is None
    (other,) = traces.named("root of another trace")
    assert other.context.trace_id != traces.named("Workflow")[0].context.trace_id


class ApiSpan(trace.NonRecordingSpan):
    def __init__(self, context, parent, name, log):
        super().__init__(context)
        self.parent, self.name = parent, name
        self.log = log

    def is_recording(self):
        return True

    def end(self, end_time=None):
        self.log.append(self)


class ApiTracer(trace.Tracer):
    """A tracer that is not the SDK's and lets nobody choose ids."""

    def __init__(self, log):
        self.log = log

    def start_span(self, name, context=None, **_):
        parent = trace.get_current_span(context).get_span_context()
        own = trace.SpanContext(
            parent.trace_id,
            1000 + len(self.log) * 100 + id(name) % 97 + len(name),
            False,
            parent.trace_flags,
        )
        return ApiSpan(own, parent.span_id, name, self.log)

    def start_as_current_span(self, name, **_):
        raise NotImplementedError


class ApiProvider(trace.TracerProvider):
    def __init__(self):
        self.log = []

    def get_tracer(self, *_, **__):
        return ApiTracer(self.log)


def test_a_provider_that_is_not_the_sdks_gets_the_same_tree(view):
    provider = ApiProvider()
    plugin = instrument(view=view, tracer_provider=provider, metrics=False)
    result = DurableTestRunner(Workflow(napping, plugins=(plugin,)), replay_check=False).run_sync()
    result.assert_succeeded()
    names = [span.name for span in provider.log]
    assert names.count("Invocation") == 2
    assert names.count("Workflow") == names.count("charge") == names.count("ship attempt 1") == 1
    assert len({span.get_span_context().trace_id for span in provider.log}) == 1


def test_without_a_provider_nothing_happens():
    plugin = instrument()
    workflow = Workflow(napping, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()


def test_an_unsampled_trace_is_not_recorded():
    traces = Traces()
    traces.provider.sampler = ALWAYS_OFF
    plugin = instrument(tracer_provider=traces.provider, metrics=False)
    workflow = Workflow(napping, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    assert traces.spans == ()


class DropsAttempts(Sampler):
    def __init__(self):
        self.asked = []

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *_, **__):
        self.asked.append(name)
        dropped = "attempt" in name
        return SamplingResult(Decision.DROP if dropped else Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self):
        return "DropsAttempts"


def test_a_sampler_of_the_application_is_asked_about_each_span(view):
    traces = Traces()
    traces.provider.sampler = sampler = DropsAttempts()
    plugin = instrument(view=view, tracer_provider=traces.provider, metrics=False)
    workflow = Workflow(napping, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    assert {"charge", "charge attempt 1", "nap", "ship attempt 1"} <= set(sampler.asked)
    assert traces.named("charge")
    assert not traces.named("charge attempt 1")


def test_the_trace_state_of_the_caller_is_that_of_each_span(run, view):
    headers = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "vendor=1",
    }
    done = run(napping, view=view, carrier=lambda _: headers)
    assert {span.context.trace_state.get("vendor") for span in done.traces.spans} == {"1"}


def test_the_caller_decides_the_trace_and_the_sampling(run):
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={}"
    sampled = run(napping, carrier=lambda _: {"X-Amzn-Trace-Id": header.format(1)})
    (workflow,) = sampled.traces.named("Workflow")
    assert f"{workflow.context.trace_id:032x}" == "5759e988bd862e3fe1be46a994272793"
    assert f"{workflow.parent.span_id:016x}" == "53995c3f42cd8ad8"
    unsampled = run(napping, carrier=lambda _: {"X-Amzn-Trace-Id": header.format(0)})
    assert unsampled.traces.spans == ()


def test_x_rays_variable_is_read_at_the_start_of_an_invocation(run, monkeypatch):
    monkeypatch.setenv(
        "_X_AMZN_TRACE_ID",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    )
    (workflow,) = run(napping).traces.named("Workflow")
    assert f"{workflow.context.trace_id:032x}" == "5759e988bd862e3fe1be46a994272793"


def test_w3c_headers_in_the_input_join_the_callers_trace_and_baggage_passes_a_list(run):
    seen = {}

    async def look() -> None:
        seen.update(baggage.get_all(), carrier=otel_carrier())

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("look", look)

    headers = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "baggage": "tenant=blue,secret=xyz",
    }
    done = run(handler, {"order": 1, "_otel": headers}, baggage_keys=["tenant"])
    (workflow,) = done.traces.named("Workflow")
    assert f"{workflow.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{workflow.parent.span_id:016x}" == "b7ad6b7169203331"
    (attempt,) = done.traces.named("look attempt 1")
    carrier = seen.pop("carrier")
    assert seen == {"tenant": "blue"}
    assert carrier["baggage"] == "tenant=blue"
    assert carrier["traceparent"] == (
        f"00-{attempt.context.trace_id:032x}-{attempt.context.span_id:016x}-01"
    )
    (invocation,) = done.traces.named("Invocation")
    assert invocation.attributes["baggage.tenant"] == "blue"
    assert "baggage.secret" not in invocation.attributes


def test_an_invoked_workflow_is_part_of_its_callers_trace(view):
    traces = Traces()
    plugin = instrument(view=view, tracer_provider=traces.provider, metrics=False)

    async def caller(event: object, context: DurableContext) -> object:
        return await context.invoke("call", "other", {})

    runner = DurableTestRunner(Workflow(caller, plugins=(plugin,)), replay_check=False)
    runner.function("other", lambda payload: "pong")
    result = runner.run_sync()
    result.assert_succeeded()
    (operation,) = result.operations
    spans = [
        s
        for s in traces.named("call")
        if s.context.span_id == operation_span_id(result.execution_arn, operation.operation_id)
    ]
    assert len(spans) == 1


def test_log_lines_say_which_span_they_belong_to(run, caplog):
    async def speak() -> None:
        current_step().logger.info("in the step")

    async def handler(event: object, context: DurableContext) -> None:
        context.logger.info("in the workflow")
        await context.step("speak", speak)

    with caplog.at_level(logging.INFO, logger="durable"):
        done = run(handler)
    lines = {record.message: record for record in caplog.records if hasattr(record, "span_id")}
    (attempt,) = done.traces.named("speak attempt 1")
    (invocation,) = done.traces.named("Invocation")
    assert lines["in the step"].span_id == f"{attempt.context.span_id:016x}"
    assert lines["in the step"].trace_id == f"{attempt.context.trace_id:032x}"
    assert lines["in the step"].trace_flags == "01"
    assert lines["in the workflow"].span_id == f"{invocation.context.span_id:016x}"


def test_metrics_are_recorded_once_at_the_transition():
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    traces = Traces()
    plugin = instrument(tracer_provider=traces.provider, meter_provider=meters)
    workflow = Workflow(napping, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    (resource,) = reader.get_metrics_data().resource_metrics
    found = {
        m.name: list(m.data.data_points) for scope in resource.scope_metrics for m in scope.metrics
    }
    by_type = {p.attributes["type"]: p for p in found["durable.operation.duration"]}
    assert by_type["STEP"].count == 2
    assert by_type["WAIT"].count == 1
    assert by_type["WAIT"].sum == pytest.approx(60, abs=0.1)
    assert found["durable.execution.count"][0].value == 1
    assert found["durable.invocation.replayed_operations"][0].value == 1
    assert found["durable.suspend.count"][0].value == 1
    assert sum(p.count for p in found["durable.step.attempt.duration"]) == 2
    assert sum(p.count for p in found["durable.invocation.duration"]) == 2
    assert found["durable.resume.lag"][0].count == 1
    assert found["durable.checkpoint.size"][0].sum > 0
    meters.shutdown()


def test_the_trace_command_gives_the_ids_that_the_live_trace_has(run, tmp_path, capsys):
    done = run(napping, view="execution")
    file = tmp_path / "history.json"
    done.result.save_history(file)
    app([str(file), "--otlp"], standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    (scope,) = document["resourceSpans"][0]["scopeSpans"]
    offline = {(s["name"], s["traceId"], s["spanId"]) for s in scope["spans"]}
    live = {
        (s.name, f"{s.context.trace_id:032x}", f"{s.context.span_id:016x}")
        for s in done.traces.spans
        if s.name in {"Workflow", "charge", "nap", "ship"}
    }
    assert len(live) == 4
    assert live <= offline
    page = tmp_path / "trace.html"
    app([str(file), "--html", str(page)], standalone_mode=False)
    html = page.read_text()
    assert "http" not in html  # nothing is loaded from anywhere
    assert all(name in html for name in ("charge", "nap", "ship attempt 1"))


def test_without_the_memory_of_a_process_ids_and_trees_are_the_same(view):
    traces = Traces()

    def plugin():
        return instrument(view=view, tracer_provider=traces.provider, metrics=False)()

    workflow = Workflow(napping, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    assert_trace(traces)


@pytest.mark.parametrize("host", [workflow_of, durable_execution])
def test_the_environment_switches_tracing_on(monkeypatch, host):
    traces = Traces()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: traces.provider)
    monkeypatch.setenv("DURABLE_PLUGINS", "otel-execution")
    DurableTestRunner(host(napping)).run_sync().assert_succeeded()
    assert_trace(traces)  # of the replay check there is nothing in it
    (workflow,) = traces.named("Workflow")
    (charge,) = traces.named("charge")
    assert charge.parent.span_id == workflow.context.span_id


def test_a_plugin_that_nobody_offers_is_named(monkeypatch):
    monkeypatch.setenv("DURABLE_PLUGINS", "otel, oten")
    result = DurableTestRunner(napping, replay_check=False).run_sync()
    assert result.failed
    assert "names oten" in result.error.message


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("DURABLE_OTEL_VIEW", "execution")
    monkeypatch.setenv("DURABLE_OTEL_METRICS", "off")
    monkeypatch.setenv("DURABLE_OTEL_BAGGAGE_KEYS", "tenant, region")
    monkeypatch.setenv("DURABLE_OTEL_FLUSH_TIMEOUT", "0.5")
    settings = from_environment().settings
    assert settings.view is View.EXECUTION
    assert settings.metrics is False
    assert settings.baggage_keys == ("tenant", "region")
    assert settings.flush_timeout == 0.5
    assert invocation_view().settings.view is View.INVOCATION
    assert execution_view().settings.view is View.EXECUTION


def test_what_callers_say_badly_is_not_believed():
    for headers in (
        {},
        {"traceparent": "00-zz-b7ad6b7169203331-01"},
        {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"},
        {"x-amzn-trace-id": "Root=2-5759e988-x;Parent=1;Sampled=?"},
    ):
        assert caller_of(headers) == (None, None, None, None)
    stated = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "tracestate": "vendor=1",
    }
    caller = caller_of(stated)
    assert caller.is_sampled is False
    assert caller.trace_state.get("vendor") == "1"


def test_a_malformed_input_has_no_headers(run):
    for event in ('"traceparent"', ["traceparent"], {"_otel": {"traceparent": 1}}):
        done = run(napping, event)
        assert len(done.traces.named("Workflow")) == 1


def test_the_spans_of_workflow_code_take_attributes_unless_it_replays(run):
    async def handler(event: object, context: DurableContext) -> None:
        span = trace.get_current_span()
        span.set_attribute("place", "start")
        span.set_attributes({"more": 1})
        span.add_event("seen")
        span.record_exception(ValueError("noted"))
        span.set_status(trace.StatusCode.ERROR)
        span.update_name("mine")
        span.end()
        await context.wait("nap", seconds=5)
        assert trace.get_current_span().is_recording()

    first, second = run(handler).traces.named("Invocation")
    assert first.attributes["place"] == "start"
    assert [event.name for event in first.events] == ["seen", "exception", "durable.suspend"]
    assert first.status.status_code is trace.StatusCode.OK
    assert "place" not in second.attributes


def test_failures_say_with_what(run, view):
    async def fail() -> None:
        raise LookupError("nowhere")

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("find", fail, retry_strategy=RetryPresets.none())

    done = run(handler, view=view)
    (attempt,) = done.traces.named("find attempt 1")
    assert attempt.attributes["error.type"] == "LookupError"
    assert attempt.events[0].attributes["exception.message"] == "nowhere"
    (workflow,) = done.traces.named("Workflow")
    assert workflow.status.status_code is trace.StatusCode.ERROR
    (step,) = done.traces.named("find")
    assert step.status.description == "nowhere"


def test_a_flush_that_raises_does_no_harm(caplog):
    traces = Traces()

    class Raises(ApiProvider):
        def get_tracer(self, *args, **options):
            return traces.provider.get_tracer(*args, **options)

        def force_flush(self, timeout_millis=0):
            raise OSError("no route")

    plugin = instrument(tracer_provider=Raises(), metrics=False)
    workflow = Workflow(napping, plugins=(plugin,))
    DurableTestRunner(workflow, replay_check=False).run_sync().assert_succeeded()
    assert "flushing Raises failed" in caplog.text
