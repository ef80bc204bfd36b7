"""Attempts: async functions as tasks, plain ones in threads, and what becomes of late ones."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest

from durable_core import ChildContextError, DurableContext, RetryPresets, current_step
from durable_core._host import eager

TENANT: ContextVar[str] = ContextVar("tenant")


def test_a_plain_function_runs_in_a_thread_with_its_callers_context_variables(bench: Any) -> None:
    seen: list[Any] = []

    def blocking(number: int) -> int:
        seen.append((threading.current_thread().name, TENANT.get(), current_step().attempt))
        return number + 1

    async def handler(event: Any, context: DurableContext) -> int:
        TENANT.set("t")
        return await context.step(blocking, 41)

    assert bench.result(handler) == 42
    ((thread, tenant, attempt),) = seen
    assert thread.startswith("durable-step")
    assert (tenant, attempt) == ("t", 1)


def test_an_async_function_runs_on_the_hosts_loop(bench: Any) -> None:
    seen: list[Any] = []

    async def body() -> str:
        seen.append((asyncio.get_running_loop(), threading.current_thread(), TENANT.get()))
        await asyncio.sleep(0)
        return "ran"

    async def handler(event: Any, context: DurableContext) -> str:
        TENANT.set("t")
        return await context.step(body)

    async def run() -> None:
        output = await bench.drive(handler)
        assert output.result == '"ran"'
        assert seen == [(asyncio.get_running_loop(), threading.main_thread(), "t")]

    asyncio.run(run())


class Callable:
    async def __call__(self) -> str:
        return "object"


async def joined(*parts: str) -> str:
    return "".join(parts)


@pytest.mark.parametrize(
    ("fn", "args", "result"),
    [
        (lambda: joined("lam", "bda"), (), "lambda"),
        (partial(joined, "par"), ("tial",), "partial"),
        (Callable(), (), "object"),
        (str.upper, ("built in",), "BUILT IN"),
        (len, ("four",), 4),
    ],
)
def test_whatever_can_be_called_can_be_a_step(bench: Any, fn: Any, args: Any, result: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.step("s", fn, *args)

    assert bench.result(handler) == result


def test_the_threads_of_an_invocation_are_bounded(bench: Any) -> None:
    barrier = threading.Barrier(3, timeout=30)
    names: set[str] = set()

    def blocking() -> None:
        names.add(threading.current_thread().name)
        barrier.wait()

    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.gather(*(context.step(blocking) for _ in range(12)))

    bench.environment["max_threads"] = 3
    assert bench.invoke(handler).status == "SUCCEEDED"
    assert len(names) == 3


def test_a_host_may_bring_threads_of_its_own(bench: Any) -> None:
    names: list[str] = []

    def blocking() -> None:
        names.append(threading.current_thread().name)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(blocking)

    with ThreadPoolExecutor(1, "hosts") as threads:
        bench.environment["threads"] = threads
        assert bench.invoke(handler).status == "SUCCEEDED"
        assert threads.submit(lambda: "still open").result() == "still open"
    assert names == ["hosts_0"]


# Late and unwanted


def test_a_thread_that_is_left_behind_goes_nowhere(bench: Any) -> None:
    entered, release, left = threading.Event(), threading.Event(), threading.Event()

    def stuck() -> str:
        entered.set()
        release.wait(30)
        left.set()
        return "late"

    def quick() -> str:
        entered.wait(30)
        return "quick"

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.promise.race([context.step("stuck", stuck), context.step(quick)])

    async def run() -> None:
        output = await bench.drive(handler)
        assert output.result == '"quick"'
        sent = bench.service.sent
        release.set()
        await asyncio.to_thread(left.wait, 30)
        other = type(bench)()
        assert (await other.drive(plain)).status == "SUCCEEDED"
        assert bench.service.sent == sent
        assert other.service.sent == [["START one", "SUCCEED one"]]

    asyncio.run(run())
    assert bench.service.named("stuck").status == "STARTED"


async def one() -> int:
    return 1


async def plain(event: Any, context: DurableContext) -> None:
    await context.step(one)


@pytest.mark.parametrize("is_seen_first", [False, True])
def test_a_coroutine_that_a_thread_brings_too_late_is_closed(
    bench: Any,
    is_seen_first: bool,  # noqa: FBT001
) -> None:
    ran: list[str] = []
    go = threading.Event()

    async def never() -> None:
        ran.append("never")

    with ThreadPoolExecutor(1) as threads:

        async def fails() -> None:
            if is_seen_first:
                await asyncio.sleep(0)
            go.set()
            # The only thread has made its coroutine once it comes to this.
            threads.submit(lambda: None).result()
            raise ValueError("decided")

        def makes() -> Any:
            go.wait(30)
            return never()

        async def group(context: DurableContext) -> None:
            late = context.step("late", makes)
            await asyncio.gather(
                late, context.step("fails", fails, retry_strategy=RetryPresets.none())
            )

        async def handler(event: Any, context: DurableContext) -> str:
            with pytest.raises(ChildContextError):
                await context.run_in_child_context(group)
            return await context.step(joined, "went on")

        bench.environment["threads"] = threads
        assert bench.result(handler) == "went on"
    assert ran == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_async", [False, True])
def test_the_end_of_the_process_in_a_step_ends_the_invocation(
    bench: Any,
    kind: type[BaseException],
    is_async: bool,  # noqa: FBT001
) -> None:
    def ends() -> None:
        raise kind("over")

    async def ends_async() -> None:
        await asyncio.sleep(0)
        raise kind("over")

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("ends", ends_async if is_async else ends)

    with pytest.raises(kind, match="over"):
        bench.invoke(handler)
    assert bench.service.sent == []


@pytest.mark.parametrize("is_async", [False, True])
def test_stop_iteration_is_an_error_like_any_other(bench: Any, is_async: bool) -> None:  # noqa: FBT001
    def stops() -> None:
        raise StopIteration("dry")

    async def stops_async() -> None:
        next(iter(()))

    async def handler(event: Any, context: DurableContext) -> None:
        fn = stops_async if is_async else stops
        await context.step("stops", fn, retry_strategy=RetryPresets.none())

    output = bench.invoke(handler)
    assert output.status == "FAILED"
    # An async function turns it into a RuntimeError by itself.
    assert output.error.type == ("RuntimeError" if is_async else "StopIteration")


def test_a_step_that_cancels_itself_has_failed(bench: Any) -> None:
    async def cancels() -> None:
        raise asyncio.CancelledError("on its own")

    async def handler(event: Any, context: DurableContext) -> str:
        try:
            await context.step(cancels)
        except Exception as error:  # noqa: BLE001
            return str(error)
        return "not reached"

    assert bench.result(handler) == "asyncio.exceptions.CancelledError: on its own"


def test_what_goes_wrong_after_an_attempt_ends_the_invocation(bench: Any) -> None:
    class Away:
        def serialize(self, value: Any, context: Any) -> str:
            raise OSError("the disk is gone")

        def deserialize(self, data: str | None, context: Any) -> Any:
            return data

    async def handler(event: Any, context: DurableContext) -> str:
        try:
            return await context.step(one, serdes=Away())  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001
            return str(error)

    output = bench.finish(handler)
    assert "the disk is gone" in str(output)


# Substitutes


def test_a_host_may_run_something_else_in_a_steps_place(bench: Any) -> None:
    asked: list[Any] = []

    def substitute(operation: Any, fn: Any) -> Any:
        asked.append(None if operation is None else (operation.name, operation.attempt))
        return (lambda: 99) if operation is not None and operation.name == "double" else fn

    async def handler(event: Any, context: DurableContext) -> Any:
        return [
            await context.step("double", one),
            await context.step("other", one),
            await context.unrecorded(one),
        ]

    bench.environment["substitute"] = substitute
    assert bench.result(handler) == [99, 1, 1]
    assert asked == [("double", 1), ("other", 1), None]


def test_what_a_substitute_raises_ends_the_invocation(bench: Any) -> None:
    def substitute(operation: Any, fn: Any) -> Any:
        raise LookupError("not that one")

    bench.environment["substitute"] = substitute
    with pytest.raises(LookupError, match="not that one"):
        bench.invoke(plain)


# Tasks that start at once


class OtherLoop(asyncio.AbstractEventLoop):
    """A loop that is none of asyncio's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def create_task(self, coro: Any, **options: Any) -> Any:
        return self.loop.create_task(coro, **options)


@pytest.mark.parametrize("has_eager_start", sorted({False, eager._HAS_EAGER_START}))
def test_what_needs_no_wait_is_done_when_its_task_starts(
    monkeypatch: pytest.MonkeyPatch,
    has_eager_start: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(eager, "_HAS_EAGER_START", has_eager_start)
    started: list[Any] = []

    async def immediate() -> int:
        return 1

    async def waits() -> int:
        started.append("waits")
        await asyncio.sleep(0)
        return 2

    def start() -> None:
        loop = asyncio.get_running_loop()
        started.append(eager.start_task(loop, immediate(), copy_context()))
        started.append(eager.start_task(loop, waits(), copy_context()))

    async def run() -> None:
        asyncio.get_running_loop().call_soon(start)
        await asyncio.sleep(0)
        done, note, waiting = started
        assert (done.done(), note, waiting.done()) == (True, "waits", False)
        assert await asyncio.gather(done, waiting) == [1, 2]

    asyncio.run(run())


def test_on_a_loop_of_another_kind_a_task_starts_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(eager, "_HAS_EAGER_START", False)

    async def run() -> None:
        loop = OtherLoop(asyncio.get_running_loop())
        task = eager.start_task(loop, one(), copy_context())
        assert not task.done()
        assert await task == 1

    asyncio.run(run())
