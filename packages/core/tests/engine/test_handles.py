"""Handles: awaited by several, asked when done, called back."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from durable_core._engine.engine import Engine
from durable_core._engine.future import CallSite, DurableFuture
from durable_core._engine.seam import EngineSeam

if TYPE_CHECKING:
    from durable_core import DurableContext


async def one() -> int:
    return 1


async def fails() -> int:
    raise LookupError("no")


def test_a_handle_is_done_once_it_is_delivered(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        handle = context.step("s", one)
        assert not handle.done()
        assert (handle.name, handle.cancelled()) == ("s", False)
        with pytest.raises(asyncio.InvalidStateError, match="has not ended yet"):
            handle.result()
        with pytest.raises(asyncio.InvalidStateError):
            handle.exception()
        await handle
        assert (handle.done(), handle.result(), handle.exception()) == (True, 1, None)
        assert await handle == 1
        return handle.operation_id

    assert bench.result(handler) == bench.service.named("s").id


def test_the_error_of_a_handle_is_raised_by_all_who_await_it(bench: Any) -> None:
    from durable_core import RetryPresets, StepError  # noqa: PLC0415

    async def handler(event: Any, context: DurableContext) -> Any:
        handle = context.step("s", fails, retry_strategy=RetryPresets.none())
        first, second = await asyncio.gather(handle, handle, return_exceptions=True)
        assert first is second is handle.exception()
        with pytest.raises(StepError):
            handle.result()
        return str(first)

    assert bench.result(handler) == "LookupError: no"


def test_several_wait_for_one_handle_and_one_may_give_up(bench: Any) -> None:
    async def waits(handle: Any) -> Any:
        return await handle

    async def handler(event: Any, context: DurableContext) -> Any:
        handle = context.wait("w", 5)
        tasks = [asyncio.ensure_future(waits(handle)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return [type(r).__name__ for r in await asyncio.gather(*tasks, return_exceptions=True)]

    assert bench.result(handler) == ["NoneType", "CancelledError", "NoneType"]


def test_callbacks_are_made_once_done_and_can_be_taken_back(bench: Any) -> None:
    made: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        handle = context.step("s", one)

        def kept(done: Any) -> None:
            made.append(("kept", done is handle))

        def dropped(done: Any) -> None:
            made.append("dropped")

        handle.add_done_callback(kept)
        handle.add_done_callback(dropped)
        handle.add_done_callback(dropped)
        assert handle.remove_done_callback(dropped) == 2
        assert handle.remove_done_callback(dropped) == 0
        await handle
        await asyncio.sleep(0)
        handle.add_done_callback(kept)
        await asyncio.sleep(0)

    assert bench.invoke(handler).status == "SUCCEEDED"
    assert made == [("kept", True), ("kept", True)]


def test_asyncio_waits_for_handles(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        quick, slow = context.wait("quick", 1), context.wait("slow", 50)
        done, pending = await asyncio.wait(  # type: ignore[type-var]
            [quick, slow], return_when=asyncio.FIRST_COMPLETED
        )
        assert (done, pending) == ({quick}, {slow})
        await slow
        return f"{quick!r}".startswith("<Wait quick at ")

    assert bench.result(handler) is True


def test_a_bare_future_asks_nothing_of_anybody() -> None:
    loop = asyncio.new_event_loop()
    try:
        future: DurableFuture[int] = DurableFuture(loop)
        assert future.remove_done_callback(print) == 0

        async def waits() -> int:
            loop.call_soon(future._settle, 1, 5)
            return await future

        assert loop.run_until_complete(waits()) == 5
    finally:
        loop.close()


def test_a_call_site_shows_the_line_of_the_call() -> None:
    frame = inspect.currentframe()
    assert frame is not None
    site, line = CallSite(frame.f_code, frame.f_lasti), frame.f_lineno
    assert site.line in {line, line - 1}
    assert str(site) == f"{__file__}:{site.line}"
    assert CallSite(frame.f_code, 10**9).line == frame.f_code.co_firstlineno


def test_the_engine_has_what_its_operations_ask_of_it(bench: Any) -> None:
    engines: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        engines.append(context._body.engine)

    bench.invoke(handler)
    members = {name for name in vars(EngineSeam) if not name.startswith("_")}
    members |= set(inspect.get_annotations(EngineSeam))
    assert {name for name in members if not hasattr(engines[0], name)} == set()
    assert isinstance(engines[0], Engine)


def test_a_handle_that_is_asked_to_cancel_says_what_to_do(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> bool:
        _, pending = await asyncio.wait(
            [context.step("s", one), context.wait("w", 500)],  # type: ignore[type-var]
            return_when=asyncio.FIRST_COMPLETED,
        )
        (left,) = pending
        with pytest.raises(AttributeError, match=r"has no cancel\(\).*asyncio.ensure_future"):
            left.cancel()
        return hasattr(left, "cancel")

    assert bench.result(handler) is False


def test_a_task_of_a_handle_can_be_cancelled_and_is_not_warned_of(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[bool]:
        tasks = [asyncio.ensure_future(h) for h in (context.step("s", one), context.wait("w", 500))]
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return [task in pending for task in tasks]

    assert cut.result(handler) == [False, True]


def test_a_task_cannot_be_created_of_a_handle_and_says_what_to_do(bench: Any) -> None:
    def refused(create_task: Any, given: Any) -> str:
        with pytest.raises(TypeError) as caught:
            create_task(given)
        return str(caught.value)

    async def handler(event: Any, context: DurableContext) -> list[str]:
        handle = context.step("s", one)
        async with asyncio.TaskGroup() as group:
            told = [refused(create, handle) for create in (asyncio.create_task, group.create_task)]
        await handle
        return [*told, refused(asyncio.create_task, 5)]

    alone, in_group, other = bench.result(handler)
    assert alone == in_group
    assert alone.startswith("a coroutine was expected, got the handle <Step s at ")
    assert "await it as it is; for a task that waits for it use asyncio.ensure_future" in alone
    assert other == "a coroutine was expected, got 5"
