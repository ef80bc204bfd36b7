"""Our emulator with traced handlers: in virtual or real time, with or without an X-Ray header."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from conformance.faults import Faults
from conformance.handlers import process
from conformance.otel_handlers.scenarios import EXECUTION_TIMEOUTS, SCENARIOS, TARGETS
from conformance.ours import EXECUTION_TIMEOUT_SECONDS, OurEmulator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from durable_core.lowlevel import SystemClock
from durable_otel import View, instrument
from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
)
from durable_testing.model import ServiceConfig, StartRequest, seeded_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from durable_core.lowlevel import Instrumentation, InvocationDetails
    from durable_otel import Tracing
    from durable_testing.model import Invocation

SERVICE_NAME: Final = "durable-execution-conformance"


class TracedFunctions(EngineHooks):
    """Gives every invocation the plugin; hands it the header that Lambda would."""

    def __init__(self, provider: TracerProvider) -> None:
        self.view = View.INVOCATION
        self._headers: dict[str, str] = {}
        self._tracings = {
            view: instrument(
                view=view, tracer_provider=provider, metrics=False, carrier=self._carrier
            )
            for view in View
        }

    def begun(self, invocation: Invocation) -> None:
        arn = invocation.input.execution_arn
        if invocation.trace_header is not None:
            # Lambda puts a segment of its own, one for an execution, between caller and function.
            own = f"Parent={blake2b(arn.encode()).hexdigest()[:16]}"
            self._headers[arn] = re.sub("Parent=[0-9a-f]{16}", own, invocation.trace_header)

    def plugins(self, invocation: Invocation) -> Sequence[Instrumentation]:
        tracing: Tracing = self._tracings[self.view]
        return (tracing(),)

    def _carrier(self, invocation: InvocationDetails) -> dict[str, str]:
        header = self._headers.get(invocation.execution_arn)
        return {} if header is None else {"X-Amzn-Trace-Id": header}


class OtelEmulator(OurEmulator):
    """The engine with the handlers of the OpenTelemetry suites."""

    faults = Faults()

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Any, *, with_header: bool) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource({"service.name": SERVICE_NAME}))
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.functions = TracedFunctions(self.provider)
        self._with_header = with_header
        super().__init__(loop, clock)

    def spans_of(self, arns: Sequence[str]) -> list[ReadableSpan]:
        """All spans of the traces that these executions are in."""
        spans = self.exporter.get_finished_spans()
        traces = {
            span.context.trace_id
            for span in spans
            if (span.attributes or {}).get("durable.execution.arn") in arns
        }
        return [span for span in spans if span.context.trace_id in traces]

    def invoke_async(self, function_name: str, payload: str) -> str:
        header = None
        if self._with_header:
            trace = f"{int(self.time()):08x}{len(self.exporter.get_finished_spans()):024x}"
            header = f"Root=1-{trace[:8]}-{trace[8:]};Parent=00f067aa0ba902b7;Sampled=1"
        request = StartRequest(function_name, payload, trace_header=header)

        async def start() -> str:
            call = self.engine.apply(lambda model, now_ms: model.start_execution(request, now_ms))
            return (await call).execution_arn

        return self._run(start())

    async def _open(self) -> LocalEngine:
        functions = [
            durable_function(
                name,
                handler,
                execution_timeout_seconds=EXECUTION_TIMEOUTS.get(name, EXECUTION_TIMEOUT_SECONDS),
            )
            for name, handler in (SCENARIOS | TARGETS).items()
        ]
        service = in_memory(new_id=seeded_ids(0), config=ServiceConfig())
        return LocalEngine(functions, service, clock=self._clock, hooks=self.functions)


class RealTimeEmulator(OtelEmulator):
    """The same on the machine's clock; it runs while a validator sleeps."""

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        self._run(asyncio.sleep(seconds))


@contextmanager
def running_otel_emulator(*, is_real_time: bool, with_header: bool) -> Iterator[OtelEmulator]:
    """Run the emulator."""
    with process.table(), asyncio.Runner() as runner:
        loop = runner.get_loop()
        if is_real_time:
            emulator: OtelEmulator = RealTimeEmulator(loop, SystemClock(), with_header=with_header)
        else:
            clock = VirtualClock(is_running=False)
            emulator = OtelEmulator(loop, clock, with_header=with_header)
        try:
            yield emulator
        finally:
            emulator.close()
