"""What a test of a workflow costs: our runner, AWS's test library beside it.

    uv run python benchmarks/testing_speed.py [ROUNDS] [--ours]

Each subject runs in processes of its own, in turn. One JSON line per subject: medians in
milliseconds, the best in parentheses where a busy machine blurs the median; then the ratios.
AWS's library lives in an environment of its own under `.bench-cache`, made by `uv`; `--ours`
leaves it out.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / ".bench-cache"
AWS_LIBRARY = "aws-durable-execution-sdk-python-testing==1.4.0"
ROUNDS = 3

COMMON = """
import json, time, warnings
warnings.simplefilter("ignore")

def measure(run, times):
    run()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append((time.perf_counter() - began) * 1e3)
    return taken

results = {}
"""

OURS = """
from datetime import timedelta
from durable_core import RetryPresets
from durable_testing import DurableTestRunner

async def one():
    return 1

async def fails():
    raise ValueError("no")

async def empty(event, context):
    return 1

async def hour(event, context):
    await context.wait(timedelta(hours=1))
    return 1

async def retries(event, context):
    return await context.step("retried", one)

def steps(count):
    async def handler(event, context):
        for _ in range(count):
            await context.step("s", one)
        return count
    return handler

def run(handler, **options):
    runner = DurableTestRunner(handler, **options)
    if handler is retries:
        runner.step("retried").fails_with(ValueError("no"), times=5)
    def once():
        runner.run_sync().assert_succeeded()
    return once

results["empty"] = measure(run(empty), 50)
results["one_hour_wait"] = measure(run(hour), 50)
results["1_step"] = measure(run(steps(1)), 50)
results["6_attempts"] = measure(run(retries), 20)
results["1000_steps"] = measure(run(steps(1000)), 5)
results["1000_steps_unchecked"] = measure(run(steps(1000), replay_check=False), 5)
print(json.dumps(results))
"""

AWS = """
import logging
logging.disable(logging.CRITICAL)
import aws_durable_execution_sdk_python_testing as testing
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.retries import RetryPresets

@durable_execution
def empty(event, context):
    return 1

@durable_execution
def hour(event, context):
    context.wait(Duration.from_hours(1))
    return 1

@durable_execution
def retries(event, context):
    def flaky(step):
        if step.attempt < 6:
            raise ValueError("no")
        return 1
    return context.step(flaky, config=StepConfig(retry_strategy=RetryPresets.default()))

def steps(count):
    @durable_execution
    def handler(event, context):
        for _ in range(count):
            context.step(lambda _: 1, name="s")
        return count
    return handler

def run(handler):
    def once():
        with testing.DurableFunctionTestRunner(handler) as runner:
            result = runner.run("{}", execution_timeout=36_000)
            assert result.status.value == "SUCCEEDED", result
    return once

results["empty"] = measure(run(empty), 5)
results["one_hour_wait"] = measure(run(hour), 5)
results["1_step"] = measure(run(steps(1)), 5)
results["6_attempts"] = measure(run(retries), 2)
results["1000_steps"] = measure(run(steps(1000)), 1)
print(json.dumps(results))
"""


def aws_python() -> str:
    home = CACHE / "aws-testing-1.4.0"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run(["uv", "venv", "-q", "--clear", "-p", sys.executable, home], check=True)
        install = ["uv", "pip", "install", "-q", "--compile-bytecode", "-p", python, AWS_LIBRARY]
        subprocess.run(install, check=True)
        (home / "complete").touch()
    return str(python)


def once(python: str, script: str) -> dict[str, list[float]]:
    command = [python, "-c", COMMON + script]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    subjects = {"durable-testing": (sys.executable, OURS)}
    if "--ours" not in sys.argv:
        subjects[AWS_LIBRARY] = (aws_python(), AWS)
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in subjects}
    for _ in range(rounds):
        for name, (python, script) in subjects.items():
            for case, values in once(python, script).items():
                taken[name].setdefault(case, []).extend(values)
    medians = {
        name: {case: statistics.median(values) for case, values in cases.items()}
        for name, cases in taken.items()
    }
    for name, cases in taken.items():
        shown = {
            f"{case}_ms": f"{statistics.median(values):.2f} ({min(values):.2f})"
            for case, values in cases.items()
        }
        print(json.dumps({"subject": name, "rounds": rounds, **shown}))
    if AWS_LIBRARY in medians:
        ours, theirs = (medians[name] for name in subjects)
        ratios = {case: round(theirs[case] / ours[case], 1) for case in theirs}
        print(json.dumps({"aws_to_ours": ratios}))


if __name__ == "__main__":
    main()
