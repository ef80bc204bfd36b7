"""CPU a checkpoint call costs the function: our client beside boto3's, on loopback.

    uv run python benchmarks/client_cpu.py [CALLS]

One JSON line a client, in a process of its own, and one with the ratio.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time

import loopback

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/e1/inv1"
TOKEN = "t" * 40
ID = "a" * 64
ROUNDS = 5
CLIENTS = ("lean", "boto3 in its thread", "boto3 alone")


def request():
    from durable_core.lowlevel import (  # noqa: PLC0415
        CheckpointRequest,
        OperationAction,
        OperationType,
        OperationUpdate,
    )

    start = OperationUpdate(
        ID, OperationType.STEP, OperationAction.START, name="step", subtype="Step"
    )
    succeed = start._replace(action=OperationAction.SUCCEED, payload='{"total": 12, "ok": true}')
    return CheckpointRequest(ARN, TOKEN, (start, succeed), "c" * 32)


async def through(client, calls: int) -> list[float]:
    checkpoint, wanted = client.checkpoint, request()
    await checkpoint(wanted)
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(calls):
            await checkpoint(wanted)
        rounds.append((time.process_time() - before) / calls * 1e6)
    client.close()
    return rounds


def boto3_client():
    import boto3  # noqa: PLC0415

    return boto3.client("lambda")


def alone(calls: int) -> list[float]:
    client = boto3_client()
    updates = [
        {"Id": ID, "Type": "STEP", "Action": "START", "Name": "step", "SubType": "Step"},
        {
            "Id": ID,
            "Type": "STEP",
            "Action": "SUCCEED",
            "Name": "step",
            "SubType": "Step",
            "Payload": '{"total": 12, "ok": true}',
        },
    ]

    def call() -> None:
        client.checkpoint_durable_execution(
            DurableExecutionArn=ARN, CheckpointToken=TOKEN, Updates=updates
        )

    call()
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(calls):
            call()
        rounds.append((time.process_time() - before) / calls * 1e6)
    return rounds


def measure(name: str, calls: int) -> list[float]:
    if name == "boto3 alone":
        return alone(calls)
    from durable_aws_lambda.boto_client import BotoClient  # noqa: PLC0415
    from durable_aws_lambda.client import LambdaClient  # noqa: PLC0415

    client = LambdaClient() if name == "lean" else BotoClient(boto3_client())
    return asyncio.run(through(client, calls))


def main() -> None:
    if len(sys.argv) == 3:
        rounds = measure(sys.argv[1], int(sys.argv[2]))
        print(json.dumps({"client": sys.argv[1], "cpu_us": round(statistics.median(rounds), 1)}))
        return
    calls = sys.argv[1] if len(sys.argv) > 1 else "500"
    server, url = loopback.start()
    environ = os.environ | {  # noqa: TID251
        "AWS_ENDPOINT_URL_LAMBDA": url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "s" * 400,
    }
    try:
        results = {}
        for name in CLIENTS:
            run = subprocess.run(
                [sys.executable, __file__, name, calls],
                env=environ,
                capture_output=True,
                text=True,
                check=True,
            )
            print(run.stdout.strip(), flush=True)
            results[name] = json.loads(run.stdout)["cpu_us"]
    finally:
        server.kill()
        server.wait()
    ratio = results["boto3 alone"] / results["lean"]
    print(json.dumps({"boto3_to_lean": round(ratio, 1), "target_us": 250}))


if __name__ == "__main__":
    main()
