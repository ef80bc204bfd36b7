"""How an invocation ends: discarded, refused, deadlocked, killed."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import ContextScopeError, DurableContext, suspending
from durable_core._engine import loop

if TYPE_CHECKING:
    from collections.abc import Mapping


async def one() -> int:
    return 1


# Discarding


def test_a_suspension_runs_finally_blocks_in_which_nothing_starts(bench: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> str:
        try:
            await context.wait("w", 5)
        finally:
            seen.append(("suspending", suspending()))
            if suspending():
                for call in (
                    lambda: context.step("late", one),
                    lambda: asyncio.create_task(asyncio.sleep(0)),
                    lambda: context.wait(3),
                ):
                    try:
                        call()
                    except GeneratorExit:
                        seen.append("refused")
        return "done"

    assert bench.invoke(handler).status == "PENDING"
    assert seen == [("suspending", True), "refused", "refused", "refused"]
    assert bench.service.sent == [["START w"]]
    seen.clear()
    bench.forward()
    assert bench.result(handler) == "done"
    assert seen == [("suspending", False)]
    assert bench.service.sent == [["START w"]]


def test_what_awaits_in_a_finally_block_of_a_suspension_goes_no_further(bench: Any) -> None:
    seen: list[str] = []

    async def handler(event: Any, context: DurableContext) -> None:
        handle = context.wait("other", 50)
        try:
            await context.wait("w", 5)
        finally:
            seen.append("finally")
            await handle
            seen.append("after")

    assert bench.invoke(handler).status == "PENDING"
    assert seen == ["finally"]
    assert bench.finish(handler).status == "SUCCEEDED"
    assert seen[-1] == "after"


def test_an_error_in_a_suspension_is_nobodys_business(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        try:
            await context.wait("w", 5)
        finally:
            if suspending():
                raise LookupError("in vain")
        return "done"

    assert bench.result(handler) == "done"


def test_a_step_of_an_invocation_that_ends_sees_that_it_is_suspending(bench: Any) -> None:
    seen: list[Any] = []

    async def endless() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append(suspending())

    async def handler(event: Any, context: DurableContext) -> str:
        loser = context.step("endless", endless)
        return await context.promise.race([loser, context.step(named)])

    async def named() -> str:
        return "won"

    assert bench.result(handler) == "won"
    assert seen == [True]


def test_a_generator_that_waits_is_closed_with_its_workflow(bench: Any) -> None:
    seen: list[Any] = []

    async def ticks(context: DurableContext) -> Any:
        try:
            for number in range(2):
                await context.wait(5)
                yield number
        finally:
            seen.append(("closed", suspending()))

    async def handler(event: Any, context: DurableContext) -> list[int]:
        return [number async for number in ticks(context)]

    assert bench.result(handler) == [0, 1]
    # Before 3.13 a generator that awaits is not told of the end.
    assert seen in ([("closed", False)], [*[("closed", True)] * 2, ("closed", False)])


def test_a_task_group_with_a_suspended_member_suspends_quietly(bench: Any) -> None:
    seen: list[str] = []

    async def member(context: DurableContext, seconds: int) -> int:
        await context.wait(seconds)
        return await context.step(one)

    async def handler(event: Any, context: DurableContext) -> int:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(member(context, s)) for s in (3, 9)]
        except BaseException as error:
            seen.append(type(error).__name__)
            raise
        return sum(task.result() for task in tasks)

    assert bench.result(handler) == 2
    assert set(seen) <= {"GeneratorExit"}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["handler", "child", "task"])
def test_the_end_of_the_process_in_workflow_code_is_raised(
    bench: Any, kind: type[BaseException], where: str
) -> None:
    async def body(context: DurableContext) -> None:
        raise kind("over")

    async def handler(event: Any, context: DurableContext) -> None:
        if where == "handler":
            raise kind("over")
        if where == "child":
            await context.run_in_child_context(body)
        await asyncio.create_task(body(context))

    with pytest.raises(kind, match="over"):
        bench.invoke(handler)
    assert bench.service.requests == []


def test_a_cancellation_that_the_handler_raises_is_its_error(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        raise asyncio.CancelledError("by itself")

    output = bench.invoke(handler)
    assert (output.status, output.error.type) == ("FAILED", "asyncio.exceptions.CancelledError")


def test_an_error_that_nobody_awaits_is_told_to_the_log(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise LookupError("unseen")

    async def handler(event: Any, context: DurableContext) -> None:
        asyncio.get_running_loop().call_soon(broken)
        await context.step(one)

    assert bench.invoke(handler).status == "SUCCEEDED"
    (record,) = caplog.records
    assert record.name == "durable_core"
    assert "nobody awaited an error of the workflow: Exception in callback" in record.getMessage()
    assert isinstance(record.exc_info[1], LookupError)  # type: ignore[index]


@pytest.mark.parametrize("is_news", [True, False])
def test_the_host_may_know_an_error_that_nobody_awaits(
    bench: Any, caplog: pytest.LogCaptureFixture, *, is_news: bool
) -> None:
    asked: list[str] = []

    def is_news_here(context: Mapping[str, Any]) -> bool:
        asked.append(str(context["exception"]))
        return is_news

    def broken() -> None:
        raise LookupError("unseen")

    async def handler(event: Any, context: DurableContext) -> None:
        asyncio.get_running_loop().call_soon(broken)
        await context.step(one)

    bench.environment["is_news"] = is_news_here
    assert bench.invoke(handler).status == "SUCCEEDED"
    assert asked == ["unseen"]
    assert len(caplog.records) == is_news


# Deadlocks


def test_a_workflow_that_can_never_go_on_fails_and_says_what_each_task_awaits(bench: Any) -> None:
    async def waits_for_nobody(event: asyncio.Event) -> None:
        await event.wait()

    async def handler(event: Any, context: DurableContext) -> None:
        flag = asyncio.Event()
        task = asyncio.create_task(waits_for_nobody(flag), name="helper")
        await context.step(one)
        await task

    output = bench.invoke(handler)
    assert output.error.type == "durable_core.WorkflowDeadlockError"
    message = output.error.message
    assert message.startswith("the workflow can never go on: nothing runs")
    assert re.search(r"├─ handler: .*handler at .*test_ends\.py:\d+", message)
    assert re.search(r"├─ helper: .*waits_for_nobody at .*test_ends\.py:\d+", message)


def test_what_a_deadlock_says_of_tasks_without_names_is_the_same_each_time(bench: Any) -> None:
    async def waits_for_nobody() -> None:
        await asyncio.Event().wait()

    async def child(context: DurableContext) -> None:
        await asyncio.gather(waits_for_nobody(), waits_for_nobody())

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(one)
        await asyncio.gather(waits_for_nobody(), context.run_in_child_context(child))

    first, again = bench.invoke(handler), bench.invoke(handler)
    assert first.error.type == "durable_core.WorkflowDeadlockError"
    assert first.error.message == again.error.message
    names = re.findall("├─ (.*?): ", first.error.message)
    assert len(set(names)) == len(names) >= 5  # from 3.12 on, gather makes a task of the handle


def test_a_task_of_an_odd_awaitable_is_shown_by_name(bench: Any) -> None:
    class Odd:
        def __await__(self) -> Any:
            return asyncio.get_running_loop().create_future().__await__()

    async def handler(event: Any, context: DurableContext) -> None:
        await Odd()

    message = bench.invoke(handler).error.message
    assert "├─ handler: " in message


def test_a_workflow_that_never_becomes_idle_fails(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MAX_CALLS_A_TURN", 1000)

    async def handler(event: Any, context: DurableContext) -> None:
        step = context.step(one)
        while not step.done():  # noqa: ASYNC110
            await asyncio.sleep(0)

    output = bench.invoke(handler)
    assert output.error.type == "durable_core.WorkflowDeadlockError"
    assert output.error.message.startswith("the workflow never becomes idle: it polls")


def test_an_execution_that_has_failed_refuses_every_further_call(bench: Any) -> None:
    refused: list[Any] = []

    async def before(event: Any, context: DurableContext) -> None:
        await context.step("a", one)
        await context.wait(5)

    async def after(event: Any, context: DurableContext) -> None:
        for name in ("b", "c"):
            try:
                await context.step(name, one)
            except Exception as error:  # noqa: BLE001
                refused.append(error)

    bench.invoke(before)
    bench.forward()
    output = bench.invoke(after)
    assert output.error.type == "durable_core.NonDeterministicExecutionError"
    assert refused[0] is refused[1]
    assert "name 'a' became 'b'" in output.error.message


# Scopes


def test_a_parents_context_inside_a_child_is_refused_at_the_call(cut: Any) -> None:
    refusals: list[str] = []

    async def child(inner: DurableContext, outer: DurableContext) -> None:
        with pytest.raises(ContextScopeError) as raised:
            outer.step(one)
        refusals.append(str(raised.value))
        await inner.step("fine", one)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context("c", child, context)
        await context.run_in_child_context(None, child, context)
        await context.wait(1)

    assert cut.finish(handler).status == "SUCCEEDED"
    assert refusals[0].startswith("the context of the handler was used inside context 'c':")
    assert re.match("the context of the handler was used inside context [0-9a-f]{8}:", refusals[-1])


def test_a_context_inside_a_step_is_refused_at_the_call(bench: Any) -> None:
    async def misuse(context: DurableContext) -> str:
        with pytest.raises(ContextScopeError) as raised:
            context.step(one)
        return str(raised.value)

    async def handler(event: Any, context: DurableContext) -> Any:
        return [
            await context.step("s", misuse, context),
            await context.step(None, misuse, context),
        ]

    named, unnamed = bench.result(handler)
    assert named.startswith("the context of the handler was used inside Step 's': code that runs")
    assert unnamed.startswith("the context of the handler was used inside Step: code that runs")
