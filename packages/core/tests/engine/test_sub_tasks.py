"""Tasks that nobody awaited: their errors are told, and those that still run are named."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from durable_core import DurableContext


async def one() -> int:
    return 1


async def fails(context: DurableContext) -> None:
    await context.step("s", one)
    raise LookupError("unseen")


async def never() -> None:
    await asyncio.Event().wait()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(r.getMessage(), str(r.exc_info[1])) for r in caplog.records]  # type: ignore[index]


def forgotten_in(recorded: pytest.WarningsRecorder) -> list[str]:
    return [str(w.message) for w in recorded]


def test_the_error_of_a_task_that_nobody_awaits_is_told_once_when_the_handler_returns(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        task = asyncio.create_task(fails(context), name="background")
        await context.wait("w", 5)
        assert task.done()
        return "ok"

    assert bench.invoke(handler).status == "PENDING"
    assert told(caplog) == []
    assert bench.result(handler) == "ok"
    ((message, error),) = told(caplog)
    assert "Task exception was never retrieved: the task background (fails) raised it" in message
    assert error == "unseen"


def test_a_replay_of_what_is_recorded_does_not_tell_again(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        task = asyncio.create_task(fails(context))
        await asyncio.wait([task])
        return "ok"

    assert bench.result(handler) == "ok"
    assert len(told(caplog)) == 1
    given = bench.input()._replace(updated_operation_ids=frozenset({"e0"}))
    assert bench.invoke(handler, given).status == "SUCCEEDED"
    assert len(told(caplog)) == 1


def test_an_error_that_is_awaited_in_the_end_is_not_told(
    cut: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        task = asyncio.create_task(fails(context))
        await context.wait("w", 5)
        with pytest.raises(LookupError):
            await task
        results = await asyncio.gather(fails(context), return_exceptions=True)
        return type(results[0]).__name__

    assert cut.result(handler) == "LookupError"
    assert told(caplog) == []


def test_the_error_of_a_childs_task_is_told_when_the_child_ends_and_never_again(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def child(context: DurableContext, size: int) -> str:
        task = asyncio.create_task(fails(context))
        await asyncio.wait([task])
        return "x" * size

    async def handler(event: Any, context: DurableContext) -> list[int]:
        small = await context.run_in_child_context("small", child, 1)
        large = await context.run_in_child_context("large", child, 300_000)
        await context.wait("w", 5)
        return [len(small), len(large)]

    assert bench.invoke(handler).status == "PENDING"
    assert [error for _, error in told(caplog)] == ["unseen", "unseen"]
    assert bench.result(handler) == [1, 300_000]
    assert len(told(caplog)) == 2


def test_the_loops_exception_handler_is_told_instead_of_the_log(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    async def handler(event: Any, context: DurableContext) -> str:
        def keep(_: object, told: dict[str, Any]) -> None:
            seen.append(str(told["exception"]))
            raise RuntimeError("a handler that fails")

        asyncio.get_running_loop().set_exception_handler(keep)
        task = asyncio.create_task(fails(context))
        await asyncio.wait([task])
        return "ok"

    assert bench.result(handler) == "ok"
    assert seen == ["unseen"]
    assert told(caplog) == []


def test_errors_are_kept_while_many_other_tasks_end(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    held: list[Any] = []

    async def nothing() -> None:
        return

    async def handler(event: Any, context: DurableContext) -> str:
        task = asyncio.create_task(fails(context))
        held.append(task)  # so that Python does not tell of it when it is freed
        await asyncio.wait([task])
        for _ in range(200):
            await asyncio.create_task(nothing())
        return "ok"

    assert bench.result(handler) == "ok"
    assert len(told(caplog)) == 1


def test_a_task_that_still_runs_when_the_handler_returns_is_warned_of(bench: Any) -> None:
    async def slow(context: DurableContext) -> None:
        await context.wait("long", 1000)  # here

    async def handler(event: Any, context: DurableContext) -> str:
        kept: set[Any] = set()
        task = asyncio.create_task(slow(context), name="background")
        kept.add(task)
        task.add_done_callback(kept.discard)
        await context.step("s", one)
        return "ok"

    with pytest.warns(RuntimeWarning) as recorded:
        assert bench.result(handler) == "ok"
    (message,) = forgotten_in(recorded)
    assert message.startswith(
        "the task background (test_a_task_that_still_runs_when_the_handler_returns_is_warned_of."
        "<locals>.slow) was still running when the handler returned, at "
    )
    assert "(Wait 'long'): it is dropped there. Await it, or cancel it" in message
    assert recorded[0].filename == __file__


def test_a_task_that_a_child_leaves_running_is_warned_of(bench: Any) -> None:
    async def child(context: DurableContext) -> str:
        asyncio.create_task(never(), name="lost")  # noqa: RUF006  the point
        return "done"

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.run_in_child_context("c", child)

    with pytest.warns(RuntimeWarning, match=r"the task lost \(never\) was still running"):
        assert bench.result(handler) == "done"


def test_a_warning_that_is_an_error_is_the_same_one_on_a_replay(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        asyncio.create_task(never())  # noqa: RUF006  the point
        await context.step("s", one)
        return "ok"

    first, again = bench.invoke(handler), bench.invoke(handler)
    assert first.error.message == again.error.message
    assert first.error.message.startswith("the task Task-t1 (never) was still running")


def test_a_task_without_a_name_is_given_one_of_its_own_that_a_replay_gives_too(bench: Any) -> None:
    async def name() -> str:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name()

    async def child(context: DurableContext) -> list[str]:
        return [await name(), *await asyncio.gather(name(), name())]

    async def handler(event: Any, context: DurableContext) -> list[Any]:
        await context.wait("w", 5)
        virtual = await context.run_in_child_context(child, virtual=True)
        return [*await asyncio.gather(name(), name()), *virtual]

    assert bench.invoke(handler).status == "PENDING"
    bench.forward()
    first, again = bench.result(handler), bench.result(handler)
    assert first == again
    assert len(set(first)) == len(first) == 5
    assert first[:2] == ["Task-t1", "Task-t2"]


def test_a_warning_that_a_filter_makes_an_error_fails_the_execution(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        asyncio.create_task(never())  # noqa: RUF006  the point
        await context.step("s", one)
        return "ok"

    output = bench.invoke(handler)
    assert output.error.type == "RuntimeWarning"


def test_tasks_that_were_cancelled_waited_for_or_combined_are_not_warned_of(bench: Any) -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.Event().wait()

    async def waits(task: asyncio.Task[None]) -> None:
        await task

    async def handler(event: Any, context: DurableContext) -> str:
        cancelled = asyncio.create_task(stubborn())
        loser = asyncio.create_task(never())
        gathered = asyncio.gather(never(), fails(context))
        handles = [context.step("a", one), context.wait("b", 9)]
        await next(iter(asyncio.as_completed(handles)))  # type: ignore[type-var]
        await context.promise.race([loser, context.step("c", one)])
        with pytest.raises(LookupError):
            await gathered
        cancelled.cancel()
        await context.step("s", one)
        return "ok"

    assert bench.result(handler) == "ok"


def test_a_handler_that_raises_is_told_nothing_of_its_tasks(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        asyncio.create_task(never())  # noqa: RUF006  the point
        await context.step("s", one)
        raise LookupError("the reason")

    output = bench.invoke(handler)
    assert output.error.type == "LookupError"
