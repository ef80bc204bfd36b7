"""A replay that does not match, and misuse: each stops with an error that says what to do."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from durable_core import DurableContext


async def one() -> int:
    return 1


async def two() -> int:
    return 2


def diverges(ran: Any, *parts: str) -> None:
    """Check that it failed as non-deterministic, with these parts in its message."""
    assert ran.status == "FAILED"
    assert ran.error.type == "durable_core.NonDeterministicExecutionError"
    for part in (*parts, "Code that executions in flight still replay must ask for the same"):
        assert part in ran.error.message, ran.error.message


def fails(ran: Any, kind: str, *parts: str) -> None:
    """Check that it failed with an error of ours, with these parts in its message."""
    assert ran.status == "FAILED"
    assert ran.error.type == f"durable_core.{kind}"
    for part in parts:
        assert part in ran.error.message, ran.error.message


# A replay that does not match its journal


def test_a_renamed_step(execute: Any) -> None:
    async def before(event: Any, context: DurableContext) -> None:
        await context.step("charge", one)
        await context.wait("pause", 5)

    async def after(event: Any, context: DurableContext) -> None:
        await context.step("charge-card", one)
        await context.wait("pause", 5)

    ran = execute(before, after)
    diverges(
        ran,
        "at operation '1': the journal has Step 'charge', the code called Step 'charge-card'",
        f"{__file__}:",
        "name 'charge' became 'charge-card'",
        "├─ recorded  Step 'charge'  SUCCEEDED",
        "└─ called    Step 'charge-card'",
    )
    line = re.search(r"test_fails_closed\.py:(\d+)", ran.error.message)
    assert line is not None
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert '"charge-card"' in source[int(line.group(1)) - 1]


def test_two_unnamed_steps_of_different_functions_swapped(execute: Any) -> None:
    async def before(event: Any, context: DurableContext) -> None:
        await context.step(one)
        await context.step(two)
        await context.wait(5)

    async def after(event: Any, context: DurableContext) -> None:
        await context.step(two)
        await context.step(one)
        await context.wait(5)

    diverges(execute(before, after), "the journal has Step 'one', the code called Step 'two'")


def test_an_unnamed_step_and_an_unnamed_condition_swapped(execute: Any) -> None:
    from durable_core import WaitDecision  # noqa: PLC0415

    async def before(event: Any, context: DurableContext) -> None:
        await context.step(None, one)
        await context.wait(5)

    async def after(event: Any, context: DurableContext) -> None:
        await context.wait_for_condition(
            None, lambda s: s, initial_state=0, wait_strategy=lambda *_: WaitDecision.stop()
        )
        await context.wait(5)

    diverges(execute(before, after), "subtype 'Step' became 'WaitForCondition'")


def test_recorded_operations_that_a_replay_no_longer_asks_for(execute: Any) -> None:
    async def before(event: Any, context: DurableContext) -> None:
        await context.step("first", one)
        await context.step("second", two)
        await context.wait("pause", 5)

    async def after(event: Any, context: DurableContext) -> str:
        await context.step("first", one)
        return "done"

    diverges(
        execute(before, after),
        "the handler returned, but 2 recorded operation(s) in it were never asked for",
        "├─ recorded, not called  Step 'second'  SUCCEEDED",
        "├─ recorded, not called  Wait 'pause'  SUCCEEDED",
    )


def test_a_child_that_leaves_recorded_operations_unclaimed(execute: Any) -> None:
    async def long(child: DurableContext) -> None:
        await child.step("first", one)
        await child.step("second", two)
        await child.wait("pause", 5)

    async def short(child: DurableContext) -> None:
        await child.step("first", one)

    async def before(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context("child", long)

    async def after(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context("child", short)

    diverges(execute(before, after), "context 'child' returned, but 2 recorded operation(s)")


def test_a_handler_that_raises_over_unclaimed_records_says_both(execute: Any) -> None:
    async def before(event: Any, context: DurableContext) -> None:
        await context.wait("pause", 5)

    async def after(event: Any, context: DurableContext) -> None:
        raise ValueError("too early")

    diverges(execute(before, after), "the handler raised ValueError('too early'), but 1 recorded")


def test_a_wait_record_where_the_code_asks_for_a_step(execute: Any) -> None:
    ran_bodies: list[int] = []

    async def body() -> None:
        ran_bodies.append(1)

    async def before(event: Any, context: DurableContext) -> None:
        await context.wait("pause", 5)

    async def after(event: Any, context: DurableContext) -> None:
        await context.step("pause", body)

    diverges(execute(before, after), "the journal has Wait 'pause', the code called Step 'pause'")
    assert ran_bodies == []


def test_code_cannot_swallow_a_divergence(execute: Any) -> None:
    async def before(event: Any, context: DurableContext) -> None:
        await context.step("charge", one)
        await context.wait("pause", 5)

    async def after(event: Any, context: DurableContext) -> str:
        try:
            await context.step("renamed", one)
        except Exception:  # noqa: BLE001
            await asyncio.sleep(1)
        return "swallowed"

    diverges(execute(before, after), "the code called Step 'renamed'")


# Misuse, found on the first run


def test_an_operation_on_a_parents_context_inside_a_child(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        async def child(inner: DurableContext) -> None:
            await context.step("wrong", one)

        await context.run_in_child_context("child", child)

    fails(
        execute(workflow),
        "ContextScopeError",
        "the context of the handler was used inside context 'child'",
        "Use the context that the body was given",
    )


def test_an_operation_inside_a_step(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        async def body() -> None:
            await context.wait("wrong", 5)

        await context.step("charge", body)

    fails(
        execute(workflow),
        "ContextScopeError",
        "the context of the handler was used inside Step 'charge'",
        "use run_in_child_context()",
    )


def test_an_operation_in_a_coroutine_given_to_a_combinator(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        async def mixed() -> None:
            await context.step("wrong", one)

        await context.promise.all("all", [mixed()])

    fails(execute(workflow), "ContextScopeError", "used inside a promise combinator 'all'")


def test_an_operation_in_a_body_that_has_ended(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        leaked: list[asyncio.Task[Any]] = []

        async def child(inner: DurableContext) -> None:
            async def later() -> None:
                await context_free.wait()
                await inner.step("too late", one)

            leaked.append(asyncio.ensure_future(later()))

        context_free = asyncio.Event()
        await context.run_in_child_context("child", child)
        context_free.set()
        await leaked[0]

    fails(execute(workflow), "ContextScopeError", "context 'child', which has already ended")


async def opens_socket() -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def uses_executor() -> None:
    await asyncio.to_thread(one)


async def runs_process() -> None:
    await asyncio.create_subprocess_exec(sys.executable, "-c", "")


async def resolves_name() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def reads_socket() -> None:
    with socket.socket() as plain:
        await asyncio.get_running_loop().sock_recv(plain, 1)


@pytest.mark.parametrize(
    ("does", "method"),
    [
        (opens_socket, "create_connection"),
        (uses_executor, "run_in_executor"),
        (runs_process, "subprocess_exec"),
        (resolves_name, "getaddrinfo"),
        (reads_socket, "sock_recv"),
    ],
)
def test_io_in_workflow_code(execute: Any, does: Any, method: str) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        await does()

    fails(
        execute(workflow),
        "WorkflowIOError",
        f"workflow code called loop.{method}()",
        "Put the call in a step",
        "context.unrecorded(fn, ...)",
    )
    assert subprocess.PIPE


def test_a_workflow_that_can_never_progress(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        await context.step("first", one)
        await asyncio.Event().wait()

    fails(
        execute(workflow),
        "WorkflowDeadlockError",
        "the workflow can never go on",
        "test_a_workflow_that_can_never_progress.<locals>.workflow at ",
        "awaiting Event.wait",
    )


def test_a_workflow_whose_timers_are_over_and_that_still_waits(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        await context.wait("pause", 5)
        await asyncio.get_running_loop().create_future()

    ran = execute(workflow)
    fails(ran, "WorkflowDeadlockError", "test_fails_closed.py:")
    assert ran.invocations == 2


def test_a_forgotten_await(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> str:
        context.step("forgotten", one)
        return "done"

    with pytest.warns(
        RuntimeWarning, match="Step 'forgotten' was started but never awaited"
    ) as caught:
        ran = execute(workflow)
    assert ran.result == "done"
    assert caught[0].filename == __file__
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert "forgotten" in source[caught[0].lineno - 1]


def test_a_forgotten_await_in_a_child(execute: Any) -> None:
    async def child(context: DurableContext) -> str:
        context.wait("forgotten", 5)
        return "done"

    async def workflow(event: Any, context: DurableContext) -> str:
        return await context.run_in_child_context("child", child)

    with pytest.warns(RuntimeWarning, match="Wait 'forgotten' was started but never awaited"):
        assert execute(workflow).result == "done"


def test_a_call_where_a_function_should_be(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        await context.step("first", 5)  # type: ignore[call-overload]

    fails(execute(workflow), "ValidationError", "step('name', fn, *args); found 5")


@pytest.mark.parametrize("name", ["", "ü", "x" * 257, "line\nbreak"])
def test_a_name_that_the_service_would_refuse(execute: Any, name: str) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        await context.step(name, one)

    fails(execute(workflow), "ValidationError", "1 to 256 printable ASCII characters")


@pytest.mark.parametrize("seconds", [0, -1, 31_622_401, float("nan")])
def test_a_wait_that_the_service_would_refuse(execute: Any, seconds: float) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        await context.wait("pause", seconds)

    fails(execute(workflow), "ValidationError", "wait()")


def test_a_result_larger_than_the_service_keeps(execute: Any) -> None:
    async def large() -> str:
        return "x" * 300_000

    async def workflow(event: Any, context: DurableContext) -> None:
        await context.step(large)

    fails(
        execute(workflow),
        "SerDesError",
        "the result of Step 'large' takes 300,002 bytes",
        "FileSystemSerDes",
    )


def test_what_a_cancelled_body_could_not_await_is_not_called_forgotten(execute: Any) -> None:
    async def slow(child: DurableContext) -> None:
        later = child.wait("later", 5000)
        await child.wait("long", 1000)
        await later

    async def quick() -> str:
        return "quick"

    async def workflow(event: Any, context: DurableContext) -> str:
        contenders = [context.run_in_child_context("slow", slow), context.step(quick)]
        return await context.promise.race("race", contenders, cancel_losers=True)

    assert execute(workflow).result == "quick"


def test_what_a_body_that_still_runs_may_yet_await_is_not_called_forgotten(execute: Any) -> None:
    async def slow(child: DurableContext) -> None:
        later = child.wait("later", 5000)
        await child.wait("long", 1000)
        await later

    async def quick() -> str:
        return "quick"

    async def workflow(event: Any, context: DurableContext) -> str:
        contenders = [context.run_in_child_context("slow", slow), context.step(quick)]
        return await context.promise.race("race", contenders)

    assert execute(workflow).result == "quick"
