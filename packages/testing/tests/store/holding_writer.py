"""Starts an execution that waits for a callback, and holds it until it is killed."""

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


async def main() -> None:
    woken: asyncio.Queue[object] = asyncio.Queue()
    service = SqliteService(
        Path(sys.argv[1]),
        [FunctionConfig(name="f", execution_timeout_seconds=86_400)],
        now_ms=lambda: time.time_ns() // 1_000_000,
        new_id=lambda: str(uuid4()),
        on_effect=woken.put_nowait,
    )
    request = StartRequest("f", "{}", "run")
    arn = (await service.apply(lambda m, now: m.start_execution(request, now))).execution_arn
    await woken.get()
    invocation = await service.apply(lambda m, now: m.begin_invocation(arn, now))
    updates = tuple(
        OperationUpdate(name, OperationType.CALLBACK, OperationAction.START) for name in "ab"
    )
    token = invocation.input.checkpoint_token
    response = await service.checkpoint(CheckpointRequest(arn, token, updates, "1"))
    await service.apply(
        lambda m, now: m.end_invocation(arn, invocation.invocation_id, {"Status": "PENDING"}, now)
    )
    print(arn, *(record.callback_id for record in response.operations), flush=True)
    while True:
        print(type(await woken.get()).__name__, flush=True)


asyncio.run(main())
