"""`kill -9` at any moment: the same command again finishes, and nothing recorded runs twice.

Real processes, the real command, one database file that all of them share.
"""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from durable_core.lowlevel import OperationStatus, OperationType
from durable_testing.store.reader import open_reader

MOMENTS = 50
SEED = int(os.getenv("DURABLE_CRASH_SEED", "1"))
AGAIN = 0.3
"""How likely it is that an execution that goes on is killed once more."""
LAUNCHERS = 4
HANDLER = "durable_examples.order:handler"
ORDER = '{"order_id": "A-1"}'
FUNCTION = "durable_examples-order"
ENOUGH_KILLS = 35
"""Fewer say that most hit a process that had ended."""
PHASES = {frozenset(), frozenset({"reserve"}), frozenset({"reserve", "charge"})}
"""What is on the disk at some kill."""
EFFECT_OF = {"reserve": "reserve", "charge": "charge", "ship": "ship"}


class Launcher:
    """A process that runs `durable` and kills it."""

    def __init__(self, directory, number):
        environment = {
            **os.environ,  # noqa: TID251  handed on
            "DURABLE_EXAMPLES_SECONDS": "0.1",
            "DURABLE_EXAMPLES_COOLING_OFF": "1",
        }
        self.stdout, self.stderr = directory / f"{number}.out", directory / f"{number}.err"
        self.process = subprocess.Popen(  # noqa: S603  our own file
            [sys.executable, str(Path(__file__).with_name("launcher.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=directory,
        )

    def durable(self, *arguments, log, kill_after=None):
        job = {
            "arguments": arguments,
            "log": str(log),
            "kill_after": kill_after,
            "stdout": str(self.stdout),
            "stderr": str(self.stderr),
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def effects_in(log):
    """Count what was done to the world."""
    return Counter(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else {}


def recorded_steps(directory, name):
    """Return the steps whose result is on the disk."""
    if not (directory / "durable.db").exists():
        return set()
    with open_reader(directory / "durable.db") as model:
        arn = model.find_execution(FUNCTION, name)
        operations = () if arn is None else model.operations(arn)
    return {
        operation.name
        for operation in operations
        if operation.type is OperationType.STEP and operation.status is OperationStatus.SUCCEEDED
    }


class Ordeal:
    """One execution that is killed again and again until it is done."""

    def __init__(self, directory, number, moment, run_seconds):
        self.directory = directory
        self.name = f"order-{number}"
        self.log = directory / f"{self.name}.log"
        self.first_moment = moment * run_seconds
        self.run_seconds = run_seconds
        self.random = random.Random(SEED * 1000 + number)  # noqa: S311  no secret
        self.kills = 0
        self.phases = set()
        self.done_by = {}

    def run(self, launcher):
        self.kill_at(launcher, self.first_moment)
        while self.random.random() < AGAIN:
            self.kill_at(launcher, self.random.uniform(0, self.run_seconds / 3))
        code = launcher.durable(*self.command(), log=self.log)
        assert code == 0, f"{self}: {launcher.stderr.read_text()}"
        self.check(json.loads(launcher.stdout.read_text()))

    def command(self):
        return "run", HANDLER, ORDER, "--name", self.name

    def kill_at(self, launcher, seconds):
        code = launcher.durable(*self.command(), log=self.log, kill_after=seconds)
        assert code in (0, -9), f"{self}: {launcher.stderr.read_text()}"
        self.kills += code == -9
        effects = effects_in(self.log)
        recorded = recorded_steps(self.directory, self.name)
        self.phases.add(frozenset(recorded))
        for step in recorded:
            count = self.done_by.setdefault(step, effects[EFFECT_OF.get(step, step)])
            assert effects[EFFECT_OF.get(step, step)] == count, f"{self}: {step} ran again"

    def check(self, result):
        effects = effects_in(self.log)
        for step, count in self.done_by.items():
            assert effects[step] == count, f"{self}: {step} was recorded and ran again: {effects}"
        assert effects.get("charge", 0) <= 1, f"{self}: {effects}"
        assert result["order_id"] == "A-1"
        if result["status"] == "shipped":
            assert effects["charge"] == 1
            assert effects["ship"] >= 1
            assert not effects.keys() & {"refund", "release"}, f"{self}: {effects}"
        else:
            assert result["status"] == "cancelled"
            assert "ship" not in effects
            assert effects["refund"] >= 1
            assert effects["release"] >= 1

    def __str__(self):
        return f"{self.name}, killed first after {self.first_moment:.3f} s (seed {SEED})"


def undisturbed_seconds(directory):
    """Run once to the end, and return how long that takes on this machine now.

    Three steps of a tenth of a second, a wait of one second, and the process itself.
    """
    launcher = Launcher(directory, "undisturbed")
    try:
        launcher.durable("list", log=os.devnull)
        began = time.perf_counter()
        assert launcher.durable("run", HANDLER, ORDER, log=os.devnull) == 0
        return time.perf_counter() - began
    finally:
        launcher.close()


def run_share(ordeals, number):
    """Run executions one after another."""
    launcher = Launcher(ordeals[0].directory, number)
    try:
        for ordeal in ordeals:
            ordeal.run(launcher)
    finally:
        launcher.close()


def put_through(directory, moments, numbers):
    """Kill an execution at each moment, told as a share of a run; return what became of them."""
    run_seconds = undisturbed_seconds(directory)
    ordeals = [Ordeal(directory, next(numbers), moment, run_seconds) for moment in moments]
    with ThreadPoolExecutor(LAUNCHERS) as threads:
        shares = [ordeals[number::LAUNCHERS] for number in range(LAUNCHERS)]
        list(threads.map(run_share, shares, range(LAUNCHERS)))
    return ordeals


@pytest.mark.timeout(600)
def test_an_order_killed_at_any_moment_is_finished_by_the_same_command(tmp_path):
    draw = random.Random(SEED)  # noqa: S311  no secret
    numbers = itertools.count()
    kills, phases = 0, set()
    # Kills miss where the machine had more to do when the run was timed: then it is timed again.
    while kills < ENOUGH_KILLS or not phases >= PHASES:
        moments = [(index + draw.random()) / MOMENTS for index in range(MOMENTS)]
        draw.shuffle(moments)
        for ordeal in put_through(tmp_path, moments, numbers):
            kills += ordeal.kills
            phases |= ordeal.phases
