"""Checkpoints over several executions without an end, and prints what was acknowledged."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from uuid import uuid4

from durable_core.lowlevel import (
    CheckpointRequest,
    OperationAction,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import FunctionConfig, StartRequest
from durable_testing.store.sqlite import SqliteService

NAMES = ("a", "b", "c", "d")


async def write(service: SqliteService, name: str) -> None:
    request = StartRequest("f", "{}", name)
    arn = (await service.apply(lambda m, now: m.start_execution(request, now))).execution_arn
    invocation = await service.apply(lambda m, now: m.begin_invocation(arn, now))
    token = invocation.input.checkpoint_token
    number = len(service.model.operations(arn)) // 2
    while True:
        updates = (
            OperationUpdate(
                f"s{number}", OperationType.STEP, OperationAction.SUCCEED, payload="x" * 500
            ),
            OperationUpdate(f"c{number}", OperationType.CONTEXT, OperationAction.START),
        )
        response = await service.checkpoint(CheckpointRequest(arn, token, updates, f"{number}"))
        token = response.checkpoint_token
        print(arn, number, flush=True)
        number += 1


async def main() -> None:
    service = SqliteService(
        Path(sys.argv[1]),
        [FunctionConfig(name="f", execution_timeout_seconds=86_400)],
        now_ms=lambda: time.time_ns() // 1_000_000,
        new_id=lambda: str(uuid4()),
        on_effect=lambda _: None,
    )
    await asyncio.gather(*(write(service, name) for name in NAMES))


asyncio.run(main())
