"""What a service answers, when it answers, and whom else it tells."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import Any

import pytest

from durable_core import DurableContext, RetryDecision, StepError, StepSemantics
from durable_core._engine import checkpoint
from durable_core.lowlevel import Instrumentation, Workflow
from durable_testing.engine import (
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
)
from durable_testing.model import ServiceConfig

THREE_TRIES = ServiceConfig(invocation_attempts=3, invocation_backoff_seconds=0)


def stop(*_: Any) -> RetryDecision:
    return RetryDecision.stop()


async def one() -> int:
    return 1


class Answering(EngineHooks):
    """Answers as `answer(call number, request, service)` says."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls = 0
        self.batches: list[list[str]] = []
        self.initial: Any = ()

    def service(self, invocation: Any, service: Any) -> Any:
        hooks = self
        self.initial = invocation.input.operations

        class Service:
            def checkpoint(self, request: Any) -> Any:
                hooks.calls += 1
                hooks.batches.append([f"{u.action} {u.name}" for u in request.updates])
                return hooks.answer(hooks.calls, request, service)

            def load_page(self, *args: Any) -> Any:
                return service.load_page(*args)

        return Service()


def test_a_call_that_is_cancelled_in_the_service_ends_the_invocation(execute: Any):
    async def cancelled() -> Any:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    def answer(call: int, request: Any, service: Any) -> Any:
        return cancelled() if call == 1 else service.checkpoint(request)

    async def handler(event: Any, ctx: DurableContext) -> Any:
        return await ctx.step(one)

    ran = execute(handler, hooks=Answering(answer), config=THREE_TRIES)

    assert (ran.result, ran.invocations) == (1, 2)


@pytest.mark.parametrize("call", [1, 2])
def test_an_end_that_is_not_reported_is_asked_for_again(execute: Any, call: int):
    def answer(number: int, request: Any, service: Any) -> Any:
        answered = service.checkpoint(request)
        return answered._replace(operations=()) if number == call else answered

    async def handler(event: Any, ctx: DurableContext) -> Any:
        return await ctx.step(
            one,
            semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
            retry_strategy=lambda *_: RetryDecision.retry(1),
        )

    ran = execute(handler, hooks=Answering(answer), config=THREE_TRIES)

    assert ran.result == 1


def test_attempts_that_ended_are_not_repeated_when_ready_is_reported_again(
    execute: Any, monkeypatch: pytest.MonkeyPatch
):
    bodies: list[int] = []

    def answer(call: int, request: Any, service: Any) -> Any:
        answered = service.checkpoint(request)
        # From here on the last STARTs are sent after the attempts have ended.
        monkeypatch.setattr(checkpoint, "MAX_BATCH_UPDATES", 10)
        everything = {operation.id: operation for operation in hooks.initial}
        everything.update({operation.id: operation for operation in answered.operations})
        return answered._replace(operations=tuple(everything.values()))

    async def flaky(number: int) -> int:
        bodies.append(number)
        if bodies.count(number) == 1:
            raise ValueError
        return number

    async def handler(event: Any, ctx: DurableContext) -> Any:
        retry = lambda *_: RetryDecision.retry(60)  # noqa: E731
        steps = [ctx.step(flaky, number, retry_strategy=retry) for number in range(15)]
        await asyncio.gather(*steps)
        return len(bodies)

    hooks = Answering(answer)
    ran = execute(handler, hooks=hooks, config=THREE_TRIES)

    assert (ran.result, ran.invocations) == (30, 2)


def deadline(delays: list[int], handler: Any) -> tuple[Any, list[list[str]], int]:
    """Run where an invocation lasts 10 s and the n-th checkpoint call takes `delays[n]` ms."""
    clock = VirtualClock()

    async def answer_late(delay: int, answered: Any) -> Any:
        done = asyncio.get_running_loop().create_future()
        clock.call_at(clock.now_ms() + delay, lambda: done.done() or done.set_result(None))
        await done
        return answered

    def answer(call: int, request: Any, service: Any) -> Any:
        answered = service.checkpoint(request)
        return answer_late(delays[call - 1], answered) if call <= len(delays) else answered

    async def main() -> Any:
        hooks = Answering(answer)
        function = durable_function(
            "main", handler, execution_timeout_seconds=10_000, timeout_seconds=10
        )
        async with LocalEngine([function], in_memory(), clock=clock, hooks=hooks) as engine:
            started = await engine.start("main", "null", name="one")
            outcome = await engine.outcome_or_blocked(started.execution_arn)
            return outcome, hooks.batches

    outcome, batches = asyncio.run(main())
    return outcome, batches, outcome.invocations


@pytest.mark.parametrize(
    ("delays", "batch"),
    [
        # The START of s1 is on its way when the deadline comes: another attempt is asked for.
        ([3200, 3200, 3200], ["START None", "RETRY s1"]),
        # The end of s0 is on its way: s1 is not started at all.
        ([0, 9600], ["START None"]),
    ],
)
def test_an_at_most_once_step_that_a_deadline_kept_from_beginning_is_not_cut_off(
    delays: list[int], batch: list[str]
):
    bodies: list[int] = []

    async def once(number: int) -> int:
        bodies.append(number)
        return number

    async def handler(event: Any, ctx: DurableContext) -> Any:
        semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY
        return [
            await ctx.step(f"s{n}", once, n, semantics=semantics, retry_strategy=stop)
            for n in range(2)
        ]

    outcome, batches, invocations = deadline(delays, handler)

    assert (outcome.error, outcome.result, invocations) == (None, "[0,1]", 2)
    assert bodies == [0, 1]
    assert batches[len(delays)] == batch


class Watching(Instrumentation):
    """Notes what is wrapped around attempts."""

    seen: list[str]

    @contextmanager
    def attempt(self, operation: Any):
        self.seen.append("in")
        yield lambda outcome: self.seen.append(outcome.status)
        self.seen.append("out")


def test_hooks_see_one_attempt_of_a_lambda_around_an_async_function(execute: Any):
    async def bad() -> None:
        await asyncio.sleep(0)
        raise ValueError

    async def handler(event: Any, ctx: DurableContext) -> Any:
        await ctx.step("good", lambda: one())  # noqa: PLW0108
        with pytest.raises(StepError):
            await ctx.step("bad", lambda: bad(), retry_strategy=stop)  # noqa: PLW0108

    plugin = Watching()
    plugin.seen = []
    execute(Workflow(handler, plugins=(lambda: plugin,)))

    assert plugin.seen == ["in", "SUCCEEDED", "out", "in", "FAILED", "out"]


def raising(kind: str) -> Any:
    class Manager:
        def __enter__(self) -> Any:
            if kind == "enter":
                raise ValueError
            return self.report if kind == "report" else None

        def report(self, outcome: Any) -> None:
            raise ValueError

        def __exit__(self, *_: object) -> None:
            if kind == "exit":
                raise ValueError

    def hook(self: Any, *args: Any) -> Any:
        if kind == "call":
            raise ValueError
        return Manager()

    return hook


HOOKS = [name for name in vars(Instrumentation) if not name.startswith("_")]


@pytest.mark.parametrize("kind", ["call", "enter", "report", "exit"])
@pytest.mark.parametrize("hook", HOOKS)
def test_no_hook_can_harm_the_workflow(execute: Any, hook: str, kind: str):
    async def child(ctx: DurableContext) -> int:
        ctx.logger.info("in the child")
        return await ctx.step(lambda: 1)

    async def handler(event: Any, ctx: DurableContext) -> Any:
        first = await ctx.run_in_child_context(child)
        second = await ctx.invoke("other", {})
        await ctx.wait(1)
        return [first, second]

    plugin = type("Plugin", (Instrumentation,), {hook: raising(kind)})
    ran = execute(Workflow(handler, plugins=(plugin,)), functions={"other": lambda _: 2})

    assert ran.result == [1, 2]


def test_a_handle_that_a_finished_child_awaited_is_not_reported_as_forgotten(execute: Any):
    async def handler(event: Any, ctx: DurableContext) -> Any:
        handle, pause = ctx.step("outer", one), ctx.wait(5)

        async def child(inner: DurableContext) -> int:
            await pause
            return await handle + await inner.step(one)

        results = await asyncio.gather(*[ctx.run_in_child_context(child) for _ in range(2)])
        await ctx.wait(1)
        return results

    assert execute(handler).result == [2, 2]
