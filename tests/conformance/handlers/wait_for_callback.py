"""Suite `wait_for_callback`: requirements 7-1 to 7-15."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from conformance.handlers.patterns import echo, fail, retry_each_second
from conformance.handlers.registry import requirement

from durable_core import CallbackError, CallbackTimeoutError

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext
    from durable_core.lowlevel import SerDesContext


async def submit(callback_id: str) -> None:
    """Complete without doing anything: the outside finds the callback in the history."""


class JsonObjectSerDes:
    """The payload as the JSON it is."""

    def serialize(self, value: Any, context: SerDesContext) -> str:
        return json.dumps(value)

    def deserialize(self, data: str, context: SerDesContext) -> Any:
        return json.loads(data)


@requirement("7-1", "7-4", "7-15")
async def basic(event: str, context: DurableContext) -> str:
    return await context.wait_for_callback(event, submit)


@requirement("7-2")
async def named(event: Any, context: DurableContext) -> str:
    return await context.wait_for_callback("approval", submit)


@requirement("7-3")
async def anonymous(event: Any, context: DurableContext) -> str:
    return await context.wait_for_callback(lambda callback_id: None)


@requirement("7-5")
async def timeout(event: str, context: DurableContext) -> str:
    return await context.wait_for_callback(event, submit, timeout=3)


@requirement("7-6")
async def failure_caught(event: str, context: DurableContext) -> str:
    try:
        return await context.wait_for_callback(event, submit)
    except CallbackError:
        return "recovered"


@requirement("7-7")
async def submitter_exhausted(event: str, context: DurableContext) -> str:
    return await context.wait_for_callback(event, fail, retry_strategy=retry_each_second(2))


@requirement("7-8")
async def in_child_context(event: str, context: DurableContext) -> str:
    async def waiting(child: DurableContext) -> str:
        return await child.wait_for_callback(event, submit)

    return await context.run_in_child_context("wrapper", waiting)


@requirement("7-9")
async def sequential(event: Any, context: DurableContext) -> str:
    await context.wait_for_callback("first", submit)
    return await context.wait_for_callback("second", submit)


@requirement("7-10")
async def after_wait_and_step(event: str, context: DurableContext) -> str:
    await context.wait(seconds=1)
    await context.step(echo, {"fixed": "data"})
    return await context.wait_for_callback(event, submit)


@requirement("7-11")
async def object_result(event: str, context: DurableContext) -> str:
    answer = await context.wait_for_callback(event, submit, serdes=JsonObjectSerDes())
    return answer["status"]


@requirement("7-12")
async def heartbeat_timeout(event: str, context: DurableContext) -> str:
    return await context.wait_for_callback(event, submit, heartbeat_timeout=5)


@requirement("7-13")
async def heartbeat(event: str, context: DurableContext) -> str:
    return await context.wait_for_callback(event, submit, heartbeat_timeout=10)


@requirement("7-14")
async def timeout_caught(event: str, context: DurableContext) -> str:
    try:
        return await context.wait_for_callback(event, submit, timeout=3)
    except CallbackTimeoutError:
        return "timed-out-handled"
