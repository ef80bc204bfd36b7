"""The clocks of hosts differ from the service's: durations do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_core import create_retry_strategy, current_step
from durable_core.lowlevel import SystemClock
from durable_otel.clock import ABSURD_NS, CausalClock, reader
from durable_otel.ledger import MAX_EXECUTIONS, Ledger
from durable_testing import VirtualClock

if TYPE_CHECKING:
    from durable_core import DurableContext

NS_PER_MS = 1_000_000


async def ok(value: object = None) -> object:
    return value


async def failing_once() -> str:
    if current_step().attempt == 1:
        raise ValueError("not yet")
    return "done"


async def workflow(event: object, context: DurableContext) -> None:
    async def child(inner: DurableContext) -> None:
        await inner.step("inside", ok)
        await inner.wait("nap", seconds=7)

    await context.step("first", ok)
    await context.step(
        "flaky",
        failing_once,
        retry_strategy=create_retry_strategy(initial_delay=3, max_attempts=3),
    )
    await context.run_in_child_context("child", child)
    await context.wait("rest", seconds=30)
    await context.step("last", ok)


def durations(run, view: str, skew_ms: int) -> list[tuple[str, int]]:
    clock = VirtualClock()
    done = run(
        workflow, view=view, clock=clock, now_ns=lambda: (clock.now_ms() + skew_ms) * NS_PER_MS
    )
    spans = sorted(done.traces.spans, key=lambda span: (span.name, span.end_time - span.start_time))
    assert all(span.end_time >= span.start_time for span in spans)
    return [(span.name, span.end_time - span.start_time) for span in spans]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(skew_ms=st.integers(-5000, 5000))
def test_a_skew_of_five_seconds_moves_no_duration_by_more_than_a_millisecond(run, view, skew_ms):
    straight = durations(run, view, 0)
    skewed = durations(run, view, skew_ms)
    assert [name for name, _ in skewed] == [name for name, _ in straight]
    for (name, found), (_, expected) in zip(skewed, straight, strict=True):
        assert abs(found - expected) <= NS_PER_MS, name


def test_the_machines_clock_is_read_in_nanoseconds_and_never_backwards():
    read = reader(SystemClock().now_ms)
    clock = CausalClock(read)
    readings = [clock.now() for _ in range(100)]
    assert readings == sorted(set(readings))
    assert abs(readings[0] - SystemClock().now_ms() * NS_PER_MS) < 5_000 * NS_PER_MS
    clock.start_after(readings[-1] + ABSURD_NS * 2)
    assert clock.offset_ns == 0


def test_a_crowd_of_executions_is_not_remembered_for_ever():
    ledger = Ledger()
    for number in range(MAX_EXECUTIONS + 5):
        ledger.recall(f"arn:{number}").first_ns = number
    assert ledger.recall("arn:0").first_ns == 0
    assert ledger.recall(f"arn:{MAX_EXECUTIONS}").first_ns == MAX_EXECUTIONS
