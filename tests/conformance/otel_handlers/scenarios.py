"""Handlers of AWS's OpenTelemetry suites: one for each scenario, the same in both views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.handlers.patterns import RejectedError, echo, fail, fail_first, retry_each_second

from durable_core import (
    Branch,
    RetryPresets,
    StepError,
    create_wait_strategy,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from durable_core import DurableContext

    Handler = Callable[[Any, DurableContext], Awaitable[Any]]

SCENARIOS: dict[str, Handler] = {}
"""The handler of each scenario."""
TARGETS: dict[str, Handler] = {}
"""What they invoke."""
EXECUTION_TIMEOUTS = {"wait-interrupted": 2}
"""Seconds; longer where nothing is said."""


def scenario(*names: str) -> Callable[[Handler], Handler]:
    """Answer these scenarios."""

    def register(handler: Handler) -> Handler:
        SCENARIOS.update(dict.fromkeys(names, handler))
        return handler

    return register


async def submit(callback_id: str) -> None:
    """Complete without doing anything: the outside finds the callback in the history."""


async def rejected(*_: Any) -> None:
    """Raise, as the body of a context."""
    raise RejectedError("not today")


def seconds_of(event: dict[str, Any]) -> int:
    return int(event.get("delay_seconds", 1))


@scenario("success")
async def success(event: Any, context: DurableContext) -> str:
    return await context.step("otel-success", echo, "done")


@scenario("wait-resume")
async def wait_resume(event: Any, context: DurableContext) -> str:
    await context.wait("otel-wait", seconds=1)
    return await context.step("otel-after-resume", echo, "done")


@scenario("retry")
async def retry(event: Any, context: DurableContext) -> str:
    return await context.step("otel-retry", fail_first, "done", retry_strategy=retry_each_second(2))


@scenario("terminal-failure")
async def terminal_failure(event: Any, context: DurableContext) -> None:
    await context.step("otel-terminal-failure", fail, retry_strategy=RetryPresets.none())


@scenario("child-context")
async def child_context(event: Any, context: DurableContext) -> str:
    return await context.run_in_child_context(
        "otel-child-context", lambda child: child.step("otel-child-step", echo, "done")
    )


def stepping(name: str) -> Callable[[DurableContext], Awaitable[str]]:
    async def branch(context: DurableContext) -> str:
        return await context.step(name, echo, "done")

    return branch


@scenario("parallel-hierarchy")
async def parallel(event: Any, context: DurableContext) -> list[str]:
    branches = [
        Branch(f"otel-parallel-branch-{letter}", stepping(f"otel-parallel-step-{letter}"))
        for letter in "ab"
    ]
    return (await context.parallel("otel-parallel", branches, max_concurrency=1)).results()


@scenario("map-hierarchy")
async def mapped(event: Any, context: DurableContext) -> list[str]:
    batch = await context.map(
        "otel-map",
        [0, 1],
        lambda child, item, index: child.step(f"otel-map-step-{index}", echo, "done"),
        item_namer=lambda item, index: f"otel-map-iteration-{index}",
        max_concurrency=1,
    )
    return batch.results()


@scenario("handled-failure")
async def handled_failure(event: Any, context: DurableContext) -> str:
    try:
        await context.step("otel-handled-failure", fail, retry_strategy=RetryPresets.none())
    except StepError:
        return await context.step("otel-recovery-step", echo, "recovered")
    raise AssertionError("the step fails")


@scenario("wait-for-condition")
async def condition(event: Any, context: DurableContext) -> int:
    async def poll(count: int) -> int:
        return count + 1

    return await context.wait_for_condition(
        "otel-condition",
        poll,
        initial_state=0,
        wait_strategy=create_wait_strategy(
            should_continue_polling=lambda count: count < 2, initial_delay=1, max_attempts=5
        ),
    )


@scenario("wait-for-condition-failure")
async def condition_failure(event: Any, context: DurableContext) -> None:
    await context.wait_for_condition(
        "otel-failed-condition",
        fail,
        initial_state=0,
        wait_strategy=create_wait_strategy(should_continue_polling=lambda _: True),
    )


@scenario("wait-for-callback")
async def callback(event: Any, context: DurableContext) -> str:
    return await context.wait_for_callback("otel-callback", submit)


@scenario("long-callback")
async def long_callback(event: Any, context: DurableContext) -> str:
    return await context.wait_for_callback("otel-long-callback", submit)


@scenario("wait-for-callback-failure")
async def callback_failure(event: Any, context: DurableContext) -> str:
    return await context.wait_for_callback("otel-failed-callback", submit)


@scenario("chained-invoke")
async def invoke(event: Any, context: DurableContext) -> str:
    return await context.invoke("otel-invoke", "otel-target:$LATEST", {})


@scenario("chained-invoke-failure")
async def invoke_failure(event: Any, context: DurableContext) -> str:
    return await context.invoke("otel-failed-invoke", "otel-failing-target:$LATEST", {})


@scenario("long-chained-invoke")
async def long_invoke(event: Any, context: DurableContext) -> str:
    return await context.invoke("otel-long-invoke", "otel-waiting-target:$LATEST", event)


async def target(event: Any, context: DurableContext) -> str:
    return "done"


async def failing_target(event: Any, context: DurableContext) -> str:
    raise RejectedError("the target fails")


async def waiting_target(event: Any, context: DurableContext) -> str:
    await context.wait("otel-long-invoke-target-wait", seconds=seconds_of(event))
    return "done"


TARGETS |= {
    "otel-target": target,
    "otel-failing-target": failing_target,
    "otel-waiting-target": waiting_target,
}


@scenario("child-context-failure")
async def child_failure(event: Any, context: DurableContext) -> None:
    await context.run_in_child_context("otel-failed-child-context", rejected)


@scenario("parallel-failure")
async def parallel_failure(event: Any, context: DurableContext) -> None:
    branches = [Branch("otel-failed-parallel-branch", rejected)]
    (await context.parallel("otel-failed-parallel", branches)).throw_if_error()


@scenario("map-failure")
async def map_failure(event: Any, context: DurableContext) -> None:
    batch = await context.map(
        "otel-failed-map",
        [0],
        rejected,
        item_namer=lambda item, index: f"otel-failed-map-iteration-{index}",
    )
    batch.throw_if_error()


@scenario("wait-interrupted")
async def wait_interrupted(event: Any, context: DurableContext) -> None:
    await context.wait("otel-interrupted-wait", seconds=60)


@scenario("execution-failure")
async def execution_failure(event: Any, context: DurableContext) -> None:
    raise RejectedError("the handler fails")


@scenario("virtual-context")
async def virtual_context(event: Any, context: DurableContext) -> str:
    async def body(child: DurableContext) -> str:
        return "virtual-complete"

    return await context.run_in_child_context("otel-virtual-context", body, virtual=True)


@scenario("long-wait")
async def long_wait(event: Any, context: DurableContext) -> str:
    await context.wait("otel-long-wait", seconds=seconds_of(event))
    return await context.step("otel-after-long-wait", echo, "done")


@scenario("long-retry")
async def long_retry(event: Any, context: DurableContext) -> str:
    return await context.step(
        "otel-long-retry", fail_first, "done", retry_strategy=retry_each_second(2)
    )
