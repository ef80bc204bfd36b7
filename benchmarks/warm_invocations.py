"""Warm invocations: what one costs over the service's time, and that ten thousand leak nothing.

    uv run python benchmarks/warm_invocations.py [INVOCATIONS]

The handler waits only, or runs a step, in turn, over the lean client and a loopback service in a
process of its own. Prints one JSON line with counts at the start, a tenth and the end, and one
with the medians.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import sys
import threading
import time
from pathlib import Path

import loopback

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/e1/inv1"
SAMPLES = 400


def event(payload: str) -> dict:
    execution = {
        "Id": "inv1",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "StartTimestamp": 1764000000000,
        "ExecutionDetails": {"InputPayload": payload},
    }
    return {
        "DurableExecutionArn": ARN,
        "CheckpointToken": "dA==",
        "InitialExecutionState": {"Operations": [execution]},
    }


def counts(handler, invocations: int) -> dict:
    gc.collect()
    loop = handler._hosts.current().loop  # noqa: SLF001
    status = Path("/proc/self/status").read_text()
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "invocations": invocations,
        "tasks": len(asyncio.all_tasks(loop)),
        "threads": threading.active_count(),
        "files_and_sockets": len(list(Path("/proc/self/fd").iterdir())),
        "objects": len(gc.get_objects()),
        "rss_mb": round(int(rss.split()[1]) / 1024, 1),
    }


def median_us(action, samples: int) -> float:
    taken = []
    for _ in range(samples):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return round(statistics.median(taken) * 1e6, 1)


def main() -> None:
    invocations = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    server, url = loopback.start()
    os.environ.update(  # noqa: TID251
        AWS_ENDPOINT_URL_LAMBDA=url,
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
        AWS_SECRET_ACCESS_KEY="secret",
    )
    from durable_aws_lambda import durable_execution  # noqa: PLC0415
    from durable_core.lowlevel import (  # noqa: PLC0415
        CheckpointRequest,
        OperationAction,
        OperationType,
        OperationUpdate,
    )

    @durable_execution
    async def handler(kind, context):
        if kind == "wait":
            await context.wait("pause", 60)
        return await context.step("one", lambda: kind)

    wait_only, one_step = event('"wait"'), event('"step"')
    assert handler(wait_only, None) == {"Status": "PENDING"}
    host = handler._hosts.current()  # noqa: SLF001
    update = OperationUpdate(
        "a" * 64, OperationType.WAIT, OperationAction.START, name="pause", wait_seconds=60
    )
    request = CheckpointRequest(ARN, "dA==", (update,), "c")

    def call() -> None:
        host.loop.run_until_complete(host.service.checkpoint(request))

    try:
        seen = [counts(handler, 0)]
        for number in range(1, invocations + 1):
            handler(wait_only if number % 2 else one_step, None)
            if number in (invocations // 10, invocations):
                seen.append(counts(handler, number))
        whole = median_us(lambda: handler(wait_only, None), SAMPLES)
        service = median_us(call, SAMPLES)
    finally:
        handler.close()
        server.kill()
        server.wait()
        server.stdout.close()
    print(json.dumps({"counts": seen}))
    over = round(whole - service, 1)
    print(
        json.dumps(
            {
                "wait_only_invocation_us": whole,
                "service_call_us": service,
                "over_the_service_us": over,
                "target_us": 1000,
            }
        )
    )


if __name__ == "__main__":
    main()
