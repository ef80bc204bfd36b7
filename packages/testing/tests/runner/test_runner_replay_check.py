"""After each run the execution is replayed from its own history."""

from __future__ import annotations

import asyncio
import itertools
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import Branch, DurableContext
from durable_core.lowlevel import Instrumentation, Workflow
from durable_testing import DurableTestRunner, ReplayCheckError, replay

if TYPE_CHECKING:
    from pathlib import Path


async def one() -> int:
    return 1


def alternating() -> Any:
    """A workflow whose second step is named by what is left in the process."""
    numbers = itertools.count()

    async def handler(event: Any, context: DurableContext) -> int:
        number = next(numbers)
        await context.step("first", one)
        await context.step(f"second-{number}", one)
        return 7

    return handler


def test_a_workflow_that_does_not_replay_fails_its_test() -> None:
    with pytest.raises(ReplayCheckError) as failure:
        DurableTestRunner(alternating()).run_sync()

    message = str(failure.value)
    assert "handler does not replay its own history" in message
    assert "recorded  Step 'second-0'" in message
    assert "called    Step 'second-" in message
    assert "test_runner_replay_check.py" in message
    assert failure.value.result.succeeded


def test_the_check_can_be_turned_off() -> None:
    assert DurableTestRunner(alternating(), replay_check=False).run_sync().value == 7


def test_an_operation_that_comes_and_goes_is_found() -> None:
    runs = itertools.count()

    async def handler(event: Any, context: DurableContext) -> int:
        if next(runs) == 0:
            await context.step("only the first time", one)
        return 7

    with pytest.raises(ReplayCheckError, match="recorded, not called  Step 'only the first time'"):
        DurableTestRunner(handler).run_sync()


def test_a_replay_that_ends_before_the_first_run_did_is_found() -> None:
    runs = itertools.count()

    async def handler(event: Any, context: DurableContext) -> int:
        await context.step("first", one)
        if next(runs) == 0:
            await context.step("second", one)
        return 7

    with pytest.raises(ReplayCheckError, match=r"where the first run went on with Step 'second'"):
        DurableTestRunner(handler).run_sync()


def test_a_replay_that_fails_where_the_first_run_returned_is_found() -> None:
    runs = itertools.count()

    async def handler(event: Any, context: DurableContext) -> int:
        await context.step("first", one)
        if next(runs) > 0:
            raise ZeroDivisionError("only on replays")
        return 7

    with pytest.raises(ReplayCheckError, match="ZeroDivisionError: only on replays, where the"):
        DurableTestRunner(handler).run_sync()


def test_step_bodies_do_not_run_again_and_nothing_is_logged_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bodies: list[int] = []

    async def body(n: int) -> int:
        bodies.append(n)
        return n

    async def handler(event: Any, context: DurableContext) -> list[int]:
        context.logger.info("begun")
        found = [await context.step(body, n) for n in range(20)]
        context.logger.info("done")
        return found

    with caplog.at_level(logging.INFO):
        result = DurableTestRunner(handler, replay_check="every").run_sync()

    assert bodies == list(range(20)) == result.value
    assert [record.getMessage() for record in caplog.records] == ["begun", "done"]


def test_plugins_hear_nothing_of_the_check() -> None:
    made: list[Instrumentation] = []

    def plugin() -> Instrumentation:
        made.append(Instrumentation())
        return made[-1]

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.step("first", one)

    result = DurableTestRunner(Workflow(handler, plugins=(plugin,))).run_sync()

    assert len(made) == result.invocations == 1


OFFERED = """
from durable_core.lowlevel import Instrumentation

made = []


def switched_on():
    return make


def make():
    made.append(Instrumentation())
    return made[-1]
"""


def test_plugins_that_the_environment_switches_on_hear_nothing_of_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "watching-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: watching\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(
        "[durable.plugins]\nwatching = watching_for_the_check:switched_on\n"
    )
    (tmp_path / "watching_for_the_check.py").write_text(OFFERED)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DURABLE_PLUGINS", "watching")

    async def handler(event: Any, context: DurableContext) -> int:
        await context.step("first", one)
        await context.wait("pause", 60)
        return await context.step("second", one)

    result = DurableTestRunner(handler, replay_check="every").run_sync()
    made = import_module("watching_for_the_check").made

    assert len(made) == result.invocations == 2
    replay(handler, result).assert_ok()
    assert len(made) == 2


def test_everything_a_workflow_can_do_passes_the_check() -> None:
    async def child(context: DurableContext, n: int) -> int:
        await context.wait("pause", seconds=n + 1)
        return await context.step("inner", one)

    async def item(context: DurableContext, n: int, index: int) -> int:
        await asyncio.sleep(10 - index)
        return await context.run_in_child_context("nested", child, n)

    async def handler(event: Any, context: DurableContext) -> Any:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(quick(context, n)) for n in range(3)]
        raced = await context.promise.race("race", [context.wait(seconds=2), context.step(one)])
        mapped = await context.map("map", range(3), item)
        parallel = await context.parallel(
            "parallel", [Branch("a", lambda c: child(c, 1)), Branch("b", lambda c: child(c, 2))]
        )
        try:
            async with asyncio.timeout(5):
                await context.wait("long", hours=1)
        except TimeoutError:
            pass
        return [
            [task.result() for task in tasks],
            raced,
            mapped.results(),
            parallel.results(),
            context.random.random() < 2,
        ]

    async def quick(context: DurableContext, n: int) -> int:
        await asyncio.sleep(3 - n)
        return await context.step(f"quick-{n}", one)

    result = DurableTestRunner(handler, replay_check="every").run_sync()

    assert result.value == [[1, 1, 1], 1, [1, 1, 1], [1, 1], True]


def test_a_long_run_is_checked_at_a_selection_of_points() -> None:
    runs = itertools.count()

    async def handler(event: Any, context: DurableContext) -> int:
        next(runs)
        for n in range(300):
            await context.step(f"step-{n}", one)
        return 7

    DurableTestRunner(handler).run_sync()
    selected = next(runs) - 1
    DurableTestRunner(handler, replay_check="every").run_sync()
    every = next(runs) - 1 - selected - 1

    assert 3 <= selected < 30
    assert every == 301


def test_executions_of_invoked_workflows_are_checked_too() -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        return await context.invoke("child", "child:live", {})

    runner = DurableTestRunner(handler, functions={"child": alternating()})

    with pytest.raises(ReplayCheckError, match="second-0"):
        runner.run_sync()
