"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Run = "Callable[..., str]"

CONFIGURATION = """
[tool.pytest]
strict = true
asyncio_default_fixture_loop_scope = "function"
filterwarnings = ["error"]
"""
WORKFLOW = """
import asyncio
from datetime import timedelta

import pytest

async def ask(callback_id): ...

async def order(event, context):
    await context.wait("cool-off", timedelta(hours=1))
    return await context.wait_for_callback("approve", ask)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(test: str, *options: str) -> str:
        (tmp_path / "test_it.py").write_text(WORKFLOW + test, encoding="utf-8")
        (tmp_path / "pyproject.toml").write_text(
            CONFIGURATION,
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options]
        done = subprocess.run(  # noqa: S603
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        return done.stdout + done.stderr

    return run


def test_runners_work_in_plain_tests_and_under_pytest_asyncio_and_anyio(run: Run) -> None:
    output = run("""
def test_plain(durable_runner):
    runner = durable_runner(order)
    runner.callback("approve").succeeds_with("ann")
    assert runner.run_sync().value == "ann"

@pytest.mark.asyncio
async def test_asyncio(durable_runner):
    runner = durable_runner(order)
    runner.callback("approve").succeeds_with("ann")
    assert (await runner.run()).value == "ann"
    with pytest.raises(RuntimeError, match="await runner.run"):
        runner.run_sync()

@pytest.mark.asyncio
async def test_asyncio_step_by_step(durable_runner):
    run = durable_runner(order).start()
    await run.run_until("cool-off")
    await run.run_until_suspended()
    await run.send_callback_success("approve", "bob")
    assert (await run.result()).value == "bob"

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_anyio(durable_runner):
    runner = durable_runner(order, seed=3)
    runner.callback("approve").succeeds_with("ann")
    results = await asyncio.gather(*(runner.run() for _ in range(5)))
    assert {result.value for result in results} == {"ann"}
""")
    assert "4 passed" in output, output


def test_the_clock_of_a_test_goes_on_from_run_to_run_and_can_stand_for_real_time(run: Run) -> None:
    output = run("""
import datetime as datetime_module
import sys
import time
from datetime import UTC, datetime

real = datetime

async def tell():
    theirs = datetime_module.datetime.now(UTC)
    return [time.time(), datetime.now(UTC).isoformat(), theirs.isoformat(),
            isinstance(real(2020, 1, 1), datetime)]

async def telling(event, context):
    await context.wait(timedelta(days=1))
    return await context.step("tell", tell)

def test_it(durable_clock, durable_runner):
    durable_clock.set(real(2030, 1, 1, tzinfo=UTC))
    durable_clock.freeze(sys.modules[__name__])
    runner = durable_runner(telling)
    seconds, ours, theirs, is_instance = runner.run_sync().value
    assert ours[:19] == theirs[:19] == "2030-01-02T00:00:00"
    assert is_instance and int(seconds) == 1893542400
    runner.run_sync()
    assert durable_clock.now().isoformat()[:19] == "2030-01-03T00:00:00"
    with pytest.raises(ValueError, match="time does not go back"):
        durable_clock.set(real(2029, 1, 1, tzinfo=UTC))

def test_afterwards():
    assert datetime is real and time.time() < 1893456000
""")
    assert "2 passed" in output, output


def test_an_execution_that_the_failure_itself_shows_is_shown_once(run: Run) -> None:
    output = run("""
async def broken(event, context):
    await context.wait("cool-off", timedelta(hours=1))
    raise ValueError("no")

async def good(event, context):
    await context.wait("rest", timedelta(hours=1))

def test_fails(durable_runner):
    durable_runner(good).run_sync()
    durable_runner(broken).run_sync().value

def test_misses(durable_runner):
    durable_runner(good).run_sync().operation("sleep")

def test_blocks(durable_runner):
    durable_runner(order).run_sync()
""")
    # Where CI is set, pytest's own closing summary repeats each message whole.
    failures, _, summary = output.partition("short test summary info")
    assert "3 failed" in summary, output
    assert failures.count("✗ broken") == 1, output
    assert failures.count("✓ good") == 2, output
    assert failures.count("▸ approve") == 1, output


def test_a_failing_test_shows_its_executions_and_an_option_shows_them_all(run: Run) -> None:
    test = """
def test_fails(durable_runner):
    runner = durable_runner(order)
    runner.callback("approve").succeeds_with("ann")
    assert runner.run_sync().value == "bob"

def test_passes(durable_runner):
    runner = durable_runner(order)
    runner.callback("approve").succeeds_with("ann")
    assert runner.run_sync().value == "ann"
"""
    plain = run(test)
    assert "1 failed, 1 passed" in plain
    assert "durable executions" in plain
    assert plain.count("✓ cool-off") == 1
    assert "━" not in plain

    drawn = run(test, "--durable-timeline")
    assert drawn.count("━━━") >= 2
    assert "test_passes" in drawn


def test_the_histories_of_tests_are_kept_in_files(run: Run, tmp_path: Path) -> None:
    test = """
def test_history(durable_runner):
    runner = durable_runner(order)
    runner.callback("approve").succeeds_with("ann")
    runner.run_sync().assert_history("histories/order.txt")
"""
    assert "run pytest with --durable-update-history to write it" in run(test)
    assert "1 passed" in run(test, "--durable-update-history")
    kept = (tmp_path / "histories" / "order.txt").read_text(encoding="utf-8")
    assert kept.splitlines()[1].split() == ["WaitStarted", "Wait", "cool-off"]
    assert "1 passed" in run(test)
    changed = run(
        test.replace(
            "def test_history",
            "order_ = order\nasync def order(event, context):\n"
            "    await context.wait('new', 1)\n    return await order_(event, context)\n"
            "def test_history",
        )
    )
    assert "+WaitStarted             Wait                new" in changed


def test_the_plugin_loads_nothing_heavy(run: Run) -> None:
    output = run(
        """
import sys
def test_it():
    heavy = {"durable_core", "durable_testing.runner", "pydantic", "rich", "typer", "boto3"}
    assert "durable_testing.pytest_plugin" in sys.modules
    assert not heavy & sys.modules.keys()
""",
        "-p",
        "no:hypothesispytest",
    )
    assert "1 passed" in output, output
