"""Random programs, and an interpreter that runs one as a workflow."""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from durable_core import (
    CompletionConfig,
    DurableContext,
    DurableOperationError,
    NestingType,
    RetryDecision,
    StepSemantics,
    WaitDecision,
    current_step,
)

# A program is a nested list: [kind, *arguments]. Steps are async: which of two threads ends first
# is the machine's choice, not the program's. Waits last an odd number of seconds of their own,
# so that no two timers are due in the same millisecond unless the program says so.


def programs() -> st.SearchStrategy[list[Any]]:
    """Draw a program."""
    seconds = st.integers(1, 40)
    leaf = st.one_of(
        st.just(["step"]),
        st.builds(lambda n: ["flaky", n], st.integers(1, 2)),
        st.just(["failing"]),
        st.just(["once"]),
        st.builds(lambda n: ["sleep", n], seconds),
        st.builds(lambda n: ["wait", n], seconds),
        st.builds(lambda n: ["callback", n], seconds),
        st.builds(lambda n: ["asked", n], seconds),
        st.builds(lambda n: ["slow", n], st.integers(1, 12)),
        st.builds(lambda n: ["poll", n], st.integers(1, 3)),
        st.just(["note"]),
        st.just(["time"]),
        st.just(["random"]),
        st.just(["turn"]),
    )

    def extend(inner: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
        several = st.lists(inner, min_size=1, max_size=4)
        return st.one_of(
            st.builds(lambda xs: ["seq", *xs], several),
            st.builds(lambda xs: ["gather", *xs], several),
            st.builds(lambda xs: ["group", *xs], several),
            st.builds(lambda xs: ["first", *xs], several),
            st.builds(lambda xs: ["completed", *xs], several),
            st.builds(lambda x: ["child", x], inner),
            st.builds(lambda x: ["virtual", x], inner),
            st.builds(
                lambda xs, c, e: ["map", c, e, *xs], several, st.integers(0, 2), st.integers(0, 2)
            ),
            st.builds(lambda xs: ["flat", *xs], several),
            st.builds(lambda xs: ["race", *xs], several),
            st.builds(lambda xs: ["all_settled", *xs], several),
            st.builds(lambda xs: ["losing", *xs], several),
            st.builds(lambda xs: ["all", *xs], several),
            st.builds(lambda xs, n: ["parallel", n, *xs], several, st.integers(1, 3)),
            st.builds(lambda xs, n: ["limited", n, *xs], several, st.integers(1, 2)),
            st.builds(lambda xs: ["locked", *xs], several),
            st.builds(lambda xs, n: ["workers", n, *xs], several, st.integers(1, 3)),
            st.builds(lambda x: ["large", x], inner),
            st.builds(lambda x, n, m: ["nested_timeout", n, m, x], inner, seconds, seconds),
            st.builds(lambda x, n: ["timeout", n, x], inner, seconds),
            st.builds(lambda x: ["try", x], inner),
            st.builds(lambda x: ["retried", x], inner),
        )

    return st.recursive(leaf, extend, max_leaves=8)


@dataclass
class Run:
    """What one execution did outside its workflow."""

    bodies: dict[tuple[str, int], int] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    settled: Any = None
    pause: Any = None

    def body(self, value: Any) -> Any:
        """Run as a step's body."""
        step = current_step()
        key = (step.operation_id, step.attempt)
        self.bodies[key] = self.bodies.get(key, 0) + 1
        if self.settled(step.operation_id):
            self.repeated.append(step.operation_id)
        return value


NOTES: ContextVar[list[Any]] = ContextVar("notes")


class Interpreter:
    """Runs a program as a workflow."""

    def __init__(self, program: list[Any], run: Run) -> None:
        self.program = program
        self.run = run

    async def handler(self, event: Any, context: DurableContext) -> Any:
        notes: list[Any] = []
        NOTES.set(notes)
        result = await self.value(context, self.program, "0")
        return {"result": result, "notes": notes}

    async def value(self, ctx: DurableContext, program: list[Any], at: str) -> Any:
        NOTES.get().append(f"+{at}")
        try:
            return await getattr(self, f"do_{program[0]}")(ctx, program[1:], at)
        finally:
            NOTES.get().append(f"-{at}")

    async def inner(self, ctx: DurableContext, programs: list[Any], at: str) -> list[Any]:
        return [self.value(ctx, entry, f"{at}.{place}") for place, entry in enumerate(programs)]

    # Leaves

    async def do_step(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async def body() -> str:
            return self.run.body(at)

        return await ctx.step(f"step {at}", body)

    async def do_flaky(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async def body() -> int:
            self.run.body(at)
            attempt = current_step().attempt
            if attempt <= args[0]:
                raise ValueError(at)
            return attempt

        return await ctx.step(
            f"flaky {at}", body, retry_strategy=lambda _, attempt: RetryDecision.retry(attempt * 7)
        )

    async def do_failing(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async def body() -> None:
            self.run.body(at)
            raise KeyError(at)

        try:
            await ctx.step(f"failing {at}", body, retry_strategy=lambda *_: RetryDecision.stop())
        except DurableOperationError as error:
            return [type(error).__name__, error.error_type, error.message]

    async def do_once(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async def body() -> str:
            return self.run.body(at)

        return await ctx.step(
            f"once {at}",
            body,
            semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
            retry_strategy=lambda *_: RetryDecision.retry(1),
        )

    async def do_sleep(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        await asyncio.sleep(args[0])
        return at

    async def do_wait(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        await ctx.wait(f"wait {at}", args[0])
        return at

    async def do_callback(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        self.run.answers[f"callback {at}"] = args[0]
        result, _ = await ctx.create_callback(f"callback {at}")
        return await result

    async def do_asked(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        self.run.answers[f"asked {at} create callback id"] = args[0]

        async def ask(callback_id: str) -> None:
            self.run.body(at)

        return await ctx.wait_for_callback(f"asked {at}", ask)

    async def do_slow(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async def body() -> str:
            value = self.run.body(at)
            if self.run.pause is not None:
                await self.run.pause(args[0])
            return value

        return await ctx.step(f"slow {at}", body)

    async def do_poll(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async def check(state: int) -> int:
            return self.run.body(state + 1)

        return await ctx.wait_for_condition(
            f"poll {at}",
            check,
            initial_state=0,
            wait_strategy=lambda s, _: (
                WaitDecision.stop() if s >= args[0] else WaitDecision.wait(3)
            ),
        )

    async def do_note(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        NOTES.get().append(at)

    async def do_time(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        # The value differs between runs; that it is the same on each replay is what `stable` sees.
        self.run_time(f"{ctx._body.operation_id}/{at}", at, ctx.now().isoformat())

    async def do_random(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        return ctx.random.randrange(1000)

    async def do_turn(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        await asyncio.sleep(0)

    def run_time(self, body: str, at: str, value: str) -> None:
        times = self.run.__dict__.setdefault("times", {})
        place = f"{body}/{sum(1 for note in NOTES.get() if note == f'+{at}')}"
        if times.setdefault(place, value) != value:
            self.run.repeated.append(f"time at {place}: {times[place]} then {value}")

    # Composites

    async def do_seq(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        return [await self.value(ctx, entry, f"{at}.{place}") for place, entry in enumerate(args)]

    async def do_gather(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        return await asyncio.gather(*await self.inner(ctx, args, at))

    async def do_group(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(entry) for entry in await self.inner(ctx, args, at)]
        return [task.result() for task in tasks]

    async def do_first(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        tasks = [asyncio.ensure_future(entry) for entry in await self.inner(ctx, args, at)]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return sorted(json.dumps(task.result()) for task in done)

    async def do_completed(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        return [await entry for entry in asyncio.as_completed(await self.inner(ctx, args, at))]

    async def do_child(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        return await ctx.run_in_child_context(f"child {at}", self.apart, args[0], f"{at}.0")

    async def apart(self, ctx: DurableContext, program: list[Any], at: str) -> Any:
        """Run in a body that a replay may leave out: what it notes is not compared."""
        NOTES.set([])
        return await self.value(ctx, program, at)

    async def do_virtual(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        return await ctx.run_in_child_context(self.value, args[0], f"{at}.0", virtual=True)

    async def batch(self, ctx: DurableContext, programs: list[Any], at: str, **options: Any) -> Any:
        async def item(child: DurableContext, entry: Any, index: int) -> Any:
            return await self.apart(child, entry, f"{at}.{index}")

        result = await ctx.map(f"map {at}", programs, item, **options)
        return [
            [entry.index, entry.status.value, entry.result, entry.error and entry.error.error_type]
            for entry in result.all
        ] + [result.completion_reason.value]

    async def do_map(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        concurrency, early, *programs = args
        completion = [
            CompletionConfig.all_completed(),
            CompletionConfig(),
            CompletionConfig(min_successful=1),
        ][early]
        return await self.batch(
            ctx, programs, at, max_concurrency=concurrency or None, completion=completion
        )

    async def do_flat(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        return await self.batch(
            ctx, args, at, nesting=NestingType.FLAT, completion=CompletionConfig.all_completed()
        )

    async def do_race(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        tasks = [asyncio.ensure_future(entry) for entry in await self.inner(ctx, args, at)]
        result = await ctx.promise.race(f"race {at}", tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return result

    async def do_all_settled(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        tasks = [asyncio.ensure_future(entry) for entry in await self.inner(ctx, args, at)]
        settled = await ctx.promise.all_settled(f"settled {at}", tasks)
        return [[entry.status, entry.value] for entry in settled]

    async def do_timeout(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        seconds, program = args
        try:
            async with asyncio.timeout(seconds + 0.5):
                return await self.value(ctx, program, f"{at}.0")
        except TimeoutError:
            return "timed out"

    async def do_try(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        try:
            result = await self.value(ctx, args[0], f"{at}.0")
        except DurableOperationError as error:
            return type(error).__name__
        if NOTES.get().count(f"+{at}.0") % 2:
            raise ValueError(json.dumps(result))
        return result

    async def do_retried(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        try:
            result = await ctx.with_retry(
                f"retried {at}",
                self.attempted,
                args[0],
                at,
                retry_strategy=lambda _, n: (
                    RetryDecision.retry(2) if n < 2 else RetryDecision.stop()
                ),
            )
        except DurableOperationError as error:
            result = [type(error).__name__, error.error_type, error.message]
        return result

    async def attempted(self, ctx: DurableContext, program: list[Any], at: str) -> Any:
        return await self.apart(ctx, program, f"{at}.0")

    async def do_losing(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        # Handles of its own: what loses is dropped, and what a coroutine runs is cancelled.
        handles = [
            ctx.run_in_child_context(f"loser {at}.{place}", self.apart, entry, f"{at}.{place}")
            for place, entry in enumerate(args)
        ]
        try:
            return await ctx.promise.any(f"losing {at}", handles, cancel_losers=True)
        except DurableOperationError as error:
            return [type(error).__name__, error.error_type]

    async def do_all(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        tasks = [asyncio.ensure_future(entry) for entry in await self.inner(ctx, args, at)]
        try:
            return await ctx.promise.all(f"all {at}", tasks)
        except DurableOperationError as error:
            return [type(error).__name__, error.error_type]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def do_parallel(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        def branch(place: int) -> Any:
            return lambda child: self.apart(child, args[place], f"{at}.{place}")

        concurrency, *args = args
        result = await ctx.parallel(
            f"parallel {at}", [branch(n) for n in range(len(args))], max_concurrency=concurrency
        )
        return [
            result.completion_reason.value,
            [[i.index, i.status.value, i.result] for i in result.all],
        ]

    async def do_limited(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        gate = asyncio.Semaphore(args[0])

        async def passing(place: int) -> Any:
            async with gate:
                return await self.value(ctx, args[1 + place], f"{at}.{place}")

        return await asyncio.gather(*map(passing, range(len(args) - 1)))

    async def do_locked(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        changed = asyncio.Condition()
        ended: list[Any] = []

        async def passing(place: int) -> None:
            try:
                value = await self.value(ctx, args[place], f"{at}.{place}")
            except Exception as error:  # noqa: BLE001
                value = type(error).__name__
            async with changed:
                ended.append(value)
                changed.notify_all()

        async with asyncio.TaskGroup() as group:
            for place in range(len(args)):
                group.create_task(passing(place))
            async with changed:
                await changed.wait_for(lambda: len(ended) == len(args))
        return ended

    async def do_workers(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        jobs: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        done: list[Any] = []
        for job in enumerate(args[1:]):
            jobs.put_nowait(job)

        async def work(number: int) -> None:
            while not jobs.empty():
                place, entry = await jobs.get()
                done.append([number, await self.value(ctx, entry, f"{at}.{place}")])

        async with asyncio.TaskGroup() as group:
            for number in range(args[0]):
                group.create_task(work(number))
        return done

    async def do_large(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        async def body(child: DurableContext) -> Any:
            return [await self.apart(child, args[0], f"{at}.0"), "x" * 300_000]

        value, filling = await ctx.run_in_child_context(f"large {at}", body)
        return [value, len(filling)]

    async def do_nested_timeout(self, ctx: DurableContext, args: list[Any], at: str) -> Any:
        outer, inner, program = args
        try:
            async with asyncio.timeout(outer + 0.5):
                return await self.do_timeout(ctx, [inner, program], at)
        except TimeoutError:
            return "timed out outside"
