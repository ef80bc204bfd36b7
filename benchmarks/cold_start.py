"""Cold start on Lambda: import, client, first checkpoint on loopback; AWS's SDK beside ours.

    uv run python benchmarks/cold_start.py [RUNS] [--ours]

Medians over fresh processes with byte code compiled, taken in turn; one JSON line each, and the
ratio. AWS's SDK lives in an environment of its own under `.bench-cache`, made by `uv`; `--ours`
leaves it out.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import loopback

CACHE = Path(__file__).resolve().parents[1] / ".bench-cache"
AWS_SDK = "aws-durable-execution-sdk-python==3.0.0"
RUNS = 10

OURS = """
import time
started = time.perf_counter()
import durable_aws_lambda
imported = time.perf_counter()
import asyncio
from durable_aws_lambda.client import LambdaClient
from durable_core.lowlevel import CheckpointRequest, OperationAction, OperationType, OperationUpdate
loop = asyncio.new_event_loop()
client = LambdaClient()
made = time.perf_counter()
update = OperationUpdate("a" * 64, OperationType.STEP, OperationAction.START, name="s")
loop.run_until_complete(client.checkpoint(CheckpointRequest(ARN, "dA==", (update,), "c")))
"""
AWS = """
import time
started = time.perf_counter()
import aws_durable_execution_sdk_python
imported = time.perf_counter()
from aws_durable_execution_sdk_python.lambda_service import LambdaClient
client = LambdaClient.initialize_client()
made = time.perf_counter()
update = {"Id": "a" * 64, "Type": "STEP", "Action": "START", "Name": "s"}
client.client.checkpoint_durable_execution(
    DurableExecutionArn=ARN, CheckpointToken="dA==", Updates=[update], ClientToken="c"
)
"""
BEFORE = """
ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/e1/inv1"
"""
AFTER = """
ended = time.perf_counter()
import json, sys
print(json.dumps({
    "import_ms": (imported - started) * 1e3, "client_ms": (made - imported) * 1e3,
    "first_checkpoint_ms": (ended - made) * 1e3, "total_ms": (ended - started) * 1e3,
    "modules": len(sys.modules),
}))
"""


def aws_python() -> str:
    home = CACHE / "aws-sdk-3.0.0"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run(["uv", "venv", "-q", "--clear", "-p", sys.executable, home], check=True)
        install = ["uv", "pip", "install", "-q", "--compile-bytecode", "-p", python, AWS_SDK]
        subprocess.run(install, check=True)
        (home / "complete").touch()
    return str(python)


def once(python: str, script: str, environ: dict[str, str]) -> dict[str, float]:
    command = [python, "-c", BEFORE + script + AFTER]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    subjects = {"durable-aws-lambda": (sys.executable, OURS)}
    if "--ours" not in sys.argv:
        subjects[AWS_SDK] = (aws_python(), AWS)
    server, url = loopback.start()
    environ = {
        **os.environ,  # noqa: TID251
        "AWS_ENDPOINT_URL_LAMBDA": url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "s" * 400,
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
    try:
        for round_number in range(runs + 1):
            for name, (python, script) in subjects.items():
                measured = once(python, script, environ)
                if round_number:  # the first one compiles
                    results[name].append(measured)
    finally:
        server.kill()
        server.wait()
    medians = {
        name: {key: round(statistics.median(r[key] for r in rows), 1) for key in rows[0]}
        for name, rows in results.items()
    }
    for name, row in medians.items():
        print(json.dumps({"subject": name, "runs": runs, **row}))
    if AWS_SDK in medians:
        ours, theirs = (medians[name]["total_ms"] for name in subjects)
        print(json.dumps({"aws_to_ours": round(theirs / ours, 1), "target_ms": 90}))


if __name__ == "__main__":
    main()
