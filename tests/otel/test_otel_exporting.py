"""A real OTLP/HTTP exporter and receiver on loopback: all arrives; no receiver does no harm."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from durable_core.lowlevel import Workflow
from durable_otel import instrument
from durable_testing import DurableTestRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_core import DurableContext

FLUSH_SECONDS = 0.3


class Receiver:
    """What a collector got."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.hangs = threading.Event()
        self.is_hanging = False

    @property
    def spans(self):
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@contextmanager
def receiving(*, is_hanging: bool = False) -> Iterator[tuple[str, Receiver]]:
    receiver = Receiver()
    receiver.is_hanging = is_hanging

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.is_hanging:
                receiver.hangs.wait(60)
                return
            receiver.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", receiver
    finally:
        receiver.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()


async def fetch(name: str) -> str:
    return name


async def three_naps(event: object, context: DurableContext) -> str:
    for number in range(3):
        await context.step(f"step {number}", fetch, "x")
        await context.wait(f"nap {number}", seconds=60)
    return "done"


@contextmanager
def exporting(url: str, timeout: float = 60) -> Iterator[TracerProvider]:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(url, timeout=timeout)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    try:
        yield provider
    finally:
        exporter.shutdown()
        provider.shutdown()


def run(provider: TracerProvider, flush_timeout: float = 60):
    plugin = instrument(tracer_provider=provider, metrics=False, flush_timeout=flush_timeout)
    return DurableTestRunner(Workflow(three_naps, plugins=(plugin,)), replay_check=False).run_sync()


def test_the_whole_trace_of_four_invocations_arrives():
    with receiving() as (url, receiver), exporting(url) as provider:
        run(provider).assert_succeeded()
        spans = receiver.spans
    assert len(receiver.requests) == 4  # a flush an invocation
    assert len({span.trace_id for span in spans}) == 1
    assert len({span.span_id for span in spans}) == len(spans)
    names = sorted(span.name for span in spans)
    assert names.count("Invocation") == 4
    assert names.count("Workflow") == 1
    for number in range(3):
        assert names.count(f"step {number}") == names.count(f"step {number} attempt 1") == 1
        assert names.count(f"nap {number}") == 2  # its start, and its end after the suspension


def test_a_receiver_that_is_down_does_no_harm():
    with exporting("http://127.0.0.1:9/v1/traces", FLUSH_SECONDS) as provider:
        run(provider).assert_succeeded()


def test_a_receiver_that_hangs_does_no_harm_and_is_waited_for_once():
    flushes: SimpleQueue[dict[str, int]] = SimpleQueue()
    with receiving(is_hanging=True) as (url, receiver), exporting(url) as provider:
        flush = provider.force_flush

        def counted(**options: int) -> bool:
            flushes.put(options)
            return flush(**options)

        provider.force_flush = counted
        try:
            run(provider, FLUSH_SECONDS).assert_succeeded()
            # Four invocations, one flush: while it hangs, nobody starts another.
            flushes.get(timeout=60)
            assert flushes.empty()
        finally:
            receiver.hangs.set()
