"""Any program, under any fault: the same outcome, and every cut of its history replays."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_core import CallbackTimeoutError, DurableContext
from durable_testing import DurableTestRunner, Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Program = tuple[Any, ...]

leaves = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 3)),
    st.tuples(st.just("plain-step"), st.just(0)),
    st.tuples(st.just("flaky"), st.integers(1, 2)),
    st.tuples(st.just("wait"), st.integers(1, 4)),
    st.tuples(st.just("sleep"), st.integers(1, 4)),
    st.tuples(st.just("callback"), st.integers(1, 4)),
    st.tuples(st.just("unanswered"), st.integers(1, 4)),
    st.tuples(st.just("invoke"), st.integers(0, 3)),
)


def composed(inner: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
    kinds = ("sequence", "gather", "group", "map", "race", "child", "timeout")
    return st.one_of(*(st.tuples(st.just(kind), parts) for kind in kinds))


programs = st.recursive(leaves, composed, max_leaves=8)
faults = st.lists(
    st.one_of(
        st.builds(lambda n: Fault.crash(before_checkpoint=n), st.integers(1, 6)),
        st.builds(lambda n: Fault.crash(after_checkpoint=n), st.integers(1, 6)),
        st.builds(lambda n: Fault.lost_response(checkpoint=n), st.integers(1, 6)),
        st.builds(lambda n: Fault.stale_token(checkpoint=n), st.integers(1, 6)),
        st.builds(lambda n: Fault.throttle(checkpoint=n), st.integers(1, 6)),
        st.builds(lambda n: Fault.invocation_error(invocation=n), st.integers(1, 3)),
    ),
    max_size=3,
)


class Interpreter:
    """Runs a program in one body; `trace` is what the body may share between its tasks.

    A body in a context of its own has a trace of its own: once it is recorded, a replay does not
    enter it again.
    """

    def __init__(self) -> None:
        self.trace: list[str] = []

    async def run(self, context: DurableContext, program: Program) -> Any:
        kind, argument = program
        result = await getattr(self, kind.replace("-", "_"))(context, argument)
        self.trace.append(kind)
        return result

    async def step(self, context: DurableContext, value: int) -> int:
        return await context.step("step", returned, value)

    async def plain_step(self, context: DurableContext, value: int) -> int:
        return await context.step("plain", lambda: value)

    async def flaky(self, context: DurableContext, times: int) -> int:
        return await context.step(f"flaky-{times}", returned, times)

    async def wait(self, context: DurableContext, seconds: int) -> None:
        await context.wait(seconds=seconds)

    async def sleep(self, context: DurableContext, seconds: int) -> None:
        del context
        await asyncio.sleep(seconds)

    async def callback(self, context: DurableContext, hours: int) -> str:
        return await context.wait_for_callback(f"in-{hours}", ignored)

    async def unanswered(self, context: DurableContext, hours: int) -> str:
        try:
            return await context.wait_for_callback("never", ignored, timeout=hours * 3600)
        except CallbackTimeoutError:
            return "timeout"

    async def invoke(self, context: DurableContext, value: int) -> int:
        return await context.invoke("call", "function", {"value": value})

    async def sequence(self, context: DurableContext, parts: tuple[Program, ...]) -> list[Any]:
        return [await self.run(context, part) for part in parts]

    async def gather(self, context: DurableContext, parts: tuple[Program, ...]) -> list[Any]:
        return await asyncio.gather(*(self.run(context, part) for part in parts))

    async def group(self, context: DurableContext, parts: tuple[Program, ...]) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.run(context, part)) for part in parts]
        return [task.result() for task in tasks]

    async def map(self, context: DurableContext, parts: tuple[Program, ...]) -> list[Any]:
        batch = await context.map("map", parts, lambda child, part, _: in_a_body(child, part))
        return batch.results()

    async def child(self, context: DurableContext, parts: tuple[Program, ...]) -> list[Any]:
        return await context.run_in_child_context("child", in_a_body, ("sequence", parts))

    async def race(self, context: DurableContext, parts: tuple[Program, ...]) -> str:
        """Decide by what came first, and wait for all."""
        tasks = [asyncio.create_task(self.run(context, part)) for part in parts]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await context.step(f"{len(done)} first, after {len(self.trace)}", returned, 0)
        if pending:
            await asyncio.wait(pending)
        return "raced"

    async def timeout(self, context: DurableContext, parts: tuple[Program, ...]) -> str:
        try:
            async with asyncio.timeout(3600 * 24):
                await self.sequence(context, parts)
        except TimeoutError:
            return "timeout"
        return "in time"


async def in_a_body(context: DurableContext, program: Program) -> Any:
    interpreter = Interpreter()
    result = await interpreter.run(context, program)
    await context.step(f"traced {','.join(interpreter.trace)}"[:200], returned, 0)
    return result


async def returned(value: int) -> int:
    return value


async def ignored(callback_id: str) -> None: ...


def workflow_of(program: Program) -> Callable[[Any, DurableContext], Awaitable[Any]]:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await in_a_body(context, program)

    return handler


def runner_of(program: Program, **options: Any) -> DurableTestRunner:
    runner = DurableTestRunner(workflow_of(program), replay_check="every", **options)
    for times in (1, 2):
        runner.step(f"flaky-{times}").fails_with(ValueError("no"), times=1)
    for hours in range(1, 5):
        runner.callback(f"in-{hours}").succeeds_with("answer", after=timedelta(hours=hours))
    runner.callback("never").times_out()
    runner.function("function", calls=lambda payload: payload["value"])
    return runner


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
@given(programs, faults, st.sampled_from([None, 1, 3]))
def test_any_program_ends_alike_under_any_faults_and_replays_from_every_cut(
    program: Program, faults: list[Fault], page_size: int | None
) -> None:
    calm = runner_of(program).run_sync()
    disturbed = runner_of(program, faults=faults, state_page_size=page_size).run_sync()

    assert calm.succeeded, calm
    assert disturbed.succeeded, disturbed
    assert disturbed.value == calm.value
