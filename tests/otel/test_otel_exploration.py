"""Every example, and every crash point of it: each thing once, ids unique, children in parents."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from durable_core import (
    Branch,
    CompletionConfig,
    NestingType,
    StepError,
    create_retry_strategy,
    create_wait_strategy,
)
from durable_examples import approval, fan_out, order, quick_start
from durable_otel.ids import operation_span_id
from durable_testing import Fault
from durable_testing.tracing import assert_trace

if TYPE_CHECKING:
    from durable_core import DurableContext
    from durable_testing import DurableTestRunner

TERMINAL = {"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "STOPPED"}


async def value(given: Any = None, *_: Any) -> Any:
    return given


def failing_first(times: int):
    """A step function that fails so often, then succeeds, whoever runs it."""
    left = [times]

    async def fn() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise ValueError("not yet")
        return "done"

    return fn


RETRY = create_retry_strategy(max_attempts=10, initial_delay=1)


async def races(event: Any, context: DurableContext) -> Any:
    """Losers, timers that are cancelled, waits that nobody awaits to the end."""
    slow = context.wait("slow", seconds=500)
    first = await context.promise.race([context.step("quick", value, 1), slow])
    async with asyncio.timeout(60):
        await context.step("in time", value, 2)
    try:
        async with asyncio.timeout(5):
            await context.wait("too long", seconds=100)
    except TimeoutError:
        pass
    async with asyncio.TaskGroup() as group:
        group.create_task(slept(context, "a", 3))
        group.create_task(slept(context, "b", 4))
    return first


async def slept(context: DurableContext, name: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await context.step(name, value, name)


async def nested(event: Any, context: DurableContext) -> Any:
    """Contexts in contexts, suspended in the middle; batches, whole, flat and cut short."""

    async def inner(child: DurableContext, item: int, *_: Any) -> int:
        await child.step("before", value, item)
        await child.wait("nap", seconds=item + 1)
        return await child.step("after", value, item)

    async def outer(child: DurableContext) -> int:
        return await child.run_in_child_context("inner", inner, 1)

    async def hangs(child: DurableContext, *_: Any) -> None:
        await child.step("head", value)
        await child.wait("for ever", seconds=5000)

    await context.run_in_child_context("outer", outer)
    await context.map("each", [1, 2, 3], inner, max_concurrency=2)
    await context.map("flat", [1, 2], inner, nesting=NestingType.FLAT)
    await context.run_in_child_context("virtual", inner, 2, virtual=True)
    batch = await context.parallel(
        "first of",
        [Branch("quick", value), Branch("slow", hangs)],
        completion=CompletionConfig(min_successful=1),
    )
    return batch.success_count


async def outside(event: Any, context: DurableContext) -> Any:
    """What the world answers: callbacks, functions, conditions; retries and failures."""
    await context.step("flaky", failing_first(2), retry_strategy=RETRY)
    answer = await context.wait_for_callback("approval", value)
    invoked = await context.invoke("call", "other", {"x": 1})
    polled = await context.wait_for_condition(
        "poll",
        lambda count: count + 1,
        initial_state=0,
        wait_strategy=create_wait_strategy(
            should_continue_polling=lambda count: count < 3, initial_delay=2
        ),
    )
    try:
        await context.step(
            "broken", failing_first(99), retry_strategy=create_retry_strategy(max_attempts=2)
        )
    except StepError:
        await context.step("recover", lambda: "in a thread")
    return [answer, invoked, polled]


class Case(NamedTuple):
    handler: Any
    event: Any = None
    script: Any = None
    functions: Any = None


def approving(runner: DurableTestRunner) -> None:
    runner.callback("*").calls(lambda callback: callback.succeed("yes", after=timedelta(hours=2)))


CASES = {
    "quick start": Case(quick_start.handler, {"user_id": "ann"}),
    "order": Case(order.handler, {"order_id": "A-1"}),
    "declined order": Case(order.handler, {"order_id": "A-declined"}),
    "approval": Case(approval.handler, {"expense": "train", "amount": 120}, approving),
    "expired approval": Case(
        approval.handler,
        {"expense": "train", "amount": 120},
    ),
    "fan-out": Case(fan_out.handler, {"pages": ["a", "broken-b", "c"]}),
    "races": Case(races),
    "nested": Case(nested),
    "outside": Case(outside, None, approving, {"other": lambda payload: payload}),
}


@pytest.fixture(params=CASES)
def case(request, tmp_path, monkeypatch) -> Case:
    monkeypatch.setenv("DURABLE_EXAMPLES_LOG", str(tmp_path / "effects"))
    monkeypatch.setenv("DURABLE_EXAMPLES_SECONDS", "0")
    return CASES[request.param]


def check(run: Any, view: str) -> None:
    """Each operation and attempt that happened is there, once."""
    spans = run.traces.spans
    assert_trace(spans)
    attempts = Counter()
    operations: dict[str, list[Any]] = {}
    for span in spans:
        attributes = span.attributes
        operation_id = attributes.get("durable.operation.id")
        if operation_id is None:
            continue
        if " attempt " in span.name:
            attempts[operation_id, attributes["durable.attempt.number"]] += 1
        else:
            operations.setdefault(operation_id, []).append(span)
    assert attempts == Counter(run.witness.attempts)
    known = {each.operation_id: each for top in run.result.operations for each in top.walk()}
    assert known.keys() <= operations.keys()
    arn = run.result.execution_arn
    for operation_id, operation in known.items():
        segments = operations[operation_id]
        own_id = operation_span_id(arn, operation_id)
        statuses = [s.attributes["durable.operation.status"] for s in segments]
        assert sum(s.context.span_id == own_id for s in segments) == 1, operation
        ends = sum(status in TERMINAL for status in statuses)
        if view == "execution":
            assert len(segments) == 1, operation
        assert ends <= 1, (operation, statuses)
        if operation.status == "SUCCEEDED" and operation.name not in {"slow", None, "too long"}:
            assert ends == 1, (operation, statuses)
    workflows = [span for span in spans if span.name == "Workflow"]
    assert len(workflows) == 1


def test_each_thing_is_there_once(run, case, view):
    done = run(case.handler, case.event, view=view, script=case.script, functions=case.functions)
    assert done.result.status in {"SUCCEEDED", "FAILED"}
    check(done, view)


def test_each_thing_is_there_once_wherever_the_process_dies(run, case, view):
    options = {"view": view, "script": case.script, "functions": case.functions}
    checkpoints = run(case.handler, case.event, **options).witness.checkpoints
    for number in range(1, checkpoints + 1):
        for fault in (
            Fault.crash(before_checkpoint=number),
            Fault.crash(after_checkpoint=number),
            Fault.lost_response(checkpoint=number),
        ):
            try:
                check(run(case.handler, case.event, faults=[fault], **options), view)
            except AssertionError as error:
                raise AssertionError(f"with {fault}") from error
