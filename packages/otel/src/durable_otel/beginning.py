"""How an invocation's trace begins: who called, which trace it is, what time it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import context, trace

from durable_otel.attributes import EXECUTION_ARN, INVOCATION_FIRST
from durable_otel.carriers import baggage_of, caller_of, carrier_of
from durable_otel.clock import NS_PER_MS, CausalClock, reader
from durable_otel.ids import root_span_id, trace_id, workflow_span_id
from durable_otel.nodes import Node
from durable_otel.settings import View
from durable_otel.tracer import SpanStarter
from durable_otel.views import ExecutionView, Facts, InvocationView

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from durable_core.lowlevel import InvocationDetails
    from durable_otel.ledger import Ledger, Memory
    from durable_otel.settings import Settings
    from durable_otel.tracer import Tracers
    from durable_otel.views import SpanView


class Beginning(NamedTuple):
    """What an invocation starts with.

    Attributes:
        ancestor: The parent of the Workflow.
        caller: Its span, if there is one; else nobody exports that parent.
        baggage: The baggage that is allowed.
    """

    facts: Facts
    view: SpanView
    root: Node
    ancestor: Context
    caller: trace.SpanContext | None
    baggage: dict[str, str]


def begin(
    invocation: InvocationDetails, settings: Settings, ledger: Ledger, tracers: Tracers
) -> Beginning:
    """Start the trace of an invocation, and its span."""
    arn = invocation.execution_arn
    memory = ledger.recall(arn)
    provider: Any = settings.tracer_provider or trace.get_tracer_provider()
    starter = SpanStarter(tracers.of(provider))
    clock = _clock(invocation, settings, ledger, memory)
    headers = carrier_of(invocation, settings.carrier)
    caller = caller_of(headers)
    ambient = trace.get_current_span().get_span_context()
    own_trace = caller.trace_id or trace_id(arn, invocation.started_at_ms)
    is_ambient = ambient.is_valid and ambient.trace_id == own_trace
    sampled = caller.is_sampled
    if sampled is None:
        sampled = ambient.trace_flags.sampled if is_ambient else starter.is_sampled(own_trace)
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    above = trace.SpanContext(
        own_trace, caller.span_id or root_span_id(arn), True, flags, caller.trace_state
    )
    ancestor = trace.set_span_in_context(trace.NonRecordingSpan(above), context.Context())
    carried = baggage_of(headers, settings.baggage_keys)
    attributes: dict[str, Any] = {
        EXECUTION_ARN: arn,
        INVOCATION_FIRST: invocation.is_first_invocation,
        **{f"baggage.{key}": value for key, value in carried.items()},
    }
    if invocation.invocation_id is not None:
        attributes["faas.invocation_id"] = invocation.invocation_id
    start_ns = clock.now()
    memory.first_ns = memory.first_ns or start_ns
    span = starter.start(
        "Invocation",
        context.get_current() if is_ambient else ancestor,
        attributes,
        start_ns=start_ns,
    )
    if span.is_recording():
        starter.settle(trace.set_span_in_context(span, context.Context()), own_trace)
    state = span.get_span_context().trace_state
    workflow = trace.SpanContext(own_trace, workflow_span_id(arn), False, flags, state)
    facts = Facts(
        arn,
        workflow,
        span,
        starter=starter,
        clock=clock,
        ledger=ledger,
        memory=memory,
    )
    root = Node(None, None, start_ns, is_taken_up=not invocation.is_first_invocation)
    if settings.view is View.EXECUTION and starter.has_chosen_ids:
        view: SpanView = ExecutionView(facts)
        view.open(root)
    else:
        view = InvocationView(facts)
        root.span = span
    return Beginning(facts, view, root, ancestor, above if caller.span_id else None, carried)


def context_with(span: trace.Span, carried: dict[str, str]) -> Context:
    """The current context with this span, and with what baggage is allowed."""
    found = trace.set_span_in_context(span)
    if not carried:
        return found
    from opentelemetry import baggage  # noqa: PLC0415 - few executions carry any

    for key, value in carried.items():
        found = baggage.set_baggage(key, value, found)
    return found


def _clock(
    invocation: InvocationDetails, settings: Settings, ledger: Ledger, memory: Memory
) -> CausalClock:
    read = settings.now_ns or reader(invocation.now_ms)
    clock = CausalClock(read, ledger.ticks, offset_ns=memory.offset_ns)
    clock.start_after(_latest_ns(invocation, memory))
    memory.offset_ns = clock.offset_ns
    return clock


def _latest_ns(invocation: InvocationDetails, memory: Memory) -> int:
    """The latest thing that is known to have happened."""
    latest_ms = invocation.started_at_ms
    for record in invocation.operations.values():
        latest_ms = max(latest_ms, record.started_at_ms, record.ended_at_ms or 0)
    return max(latest_ms * NS_PER_MS, memory.last_ns)
