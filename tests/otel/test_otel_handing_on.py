"""What processors are handed, and what becomes of the rest if one of them does not behave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from durable_core.lowlevel import Workflow
from durable_otel import instrument
from durable_testing import DurableTestRunner

if TYPE_CHECKING:
    from durable_core import DurableContext


class Told(SpanProcessor):
    """Keeps what it is told; refuses the start of spans, as often as it is said."""

    def __init__(self, **refusals: int) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self.spans: dict[str, Any] = {}
        self.refusals = {name.replace("_", " "): count for name, count in refusals.items()}

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        left = self.refusals.get(span.name, 0)
        if left:
            self.refusals[span.name] = left - 1
            raise OSError(f"no room for {span.name}")
        self.started.append(span.name)

    def on_end(self, span: Any) -> None:
        self.ended.append(span.name)
        self.spans[span.name] = span


def run_told(
    handler: Any, *told: Told, view: str = "invocation", sampler: Sampler | None = None
) -> None:
    provider = TracerProvider(sampler=sampler)
    for each in told:
        provider.add_span_processor(each)
    plugin = instrument(view=view, tracer_provider=provider, metrics=False)
    runner = DurableTestRunner(Workflow(handler, plugins=(plugin,)), replay_check=False)
    runner.run_sync().assert_succeeded()


async def one() -> int:
    return 1


def test_an_operation_that_a_processor_refuses_does_not_cost_its_attempts(view):
    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", one)

    willing, refusing = Told(), Told(work=2)
    run_told(handler, willing, refusing, view=view)
    for told in (willing, refusing):
        assert told.ended.count("work attempt 1") == 1
    assert willing.started.count("work") == 1
    assert "work" not in refusing.started


class OwnSampler(ParentBased):
    """One of the application's: nobody knows before what it will say."""

    def __init__(self) -> None:
        super().__init__(ALWAYS_ON)


@pytest.mark.parametrize("is_async", [True, False])
def test_an_attempt_that_a_processor_refused_once_is_not_made_up_later(view, is_async, caplog):
    inside: list[trace.SpanContext] = []

    def look() -> None:
        inside.append(trace.get_current_span().get_span_context())

    async def look_in_a_task() -> None:
        look()

    async def handler(event: object, context: DurableContext) -> None:
        await context.step("work", look_in_a_task if is_async else look)

    told = Told(work_attempt_1=1)
    run_told(handler, told, view=view, sampler=OwnSampler())
    assert "work attempt 1" not in told.started
    assert "work" in told.ended
    assert inside[0].span_id == told.spans["work"].context.span_id
    assert len(caplog.records) == 1
