"""Suite `callback`: requirements 4-1 to 4-19."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from conformance.handlers.patterns import echo
from conformance.handlers.registry import requirement

from durable_core import CallbackError, CallbackTimeoutError

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext
    from durable_core.lowlevel import SerDesContext


class Message(NamedTuple):
    """What the payload of 4-15 says."""

    id: str
    message: str
    timestamp: datetime


class MessageSerDes:
    """A message with its time as a time."""

    def serialize(self, value: Message, context: SerDesContext) -> str:
        return json.dumps({**value._asdict(), "timestamp": value.timestamp.isoformat()})

    def deserialize(self, data: str, context: SerDesContext) -> Message:
        fields = json.loads(data)
        return Message(**{**fields, "timestamp": datetime.fromisoformat(fields["timestamp"])})


class NumberSerDes:
    """A whole number."""

    def serialize(self, value: int, context: SerDesContext) -> str:
        return str(value)

    def deserialize(self, data: str, context: SerDesContext) -> int:
        return int(data)


@requirement("4-1", "4-6")
async def basic(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event)
    return await result


@requirement("4-2")
async def named(event: Any, context: DurableContext) -> str:
    result, _ = await context.create_callback("approval")
    return await result


@requirement("4-3")
async def timeout(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event, timeout=5)
    return await result


@requirement("4-4")
async def heartbeat_timeout(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event, heartbeat_timeout=5)
    return await result


@requirement("4-5")
async def heartbeat(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event, heartbeat_timeout=10)
    return await result


@requirement("4-7")
async def then_step(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event)
    await context.step(echo, "between")
    return await result


@requirement("4-8")
async def then_step_timeout(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event, timeout=5)
    await context.step(echo, "between")
    return await result


@requirement("4-9", "4-10")
async def then_wait(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event)
    await context.wait(seconds=5)
    return await result


@requirement("4-11")
async def then_wait_timeout(event: str, context: DurableContext) -> str:
    result, _ = await context.create_callback(event, timeout=3)
    await context.wait(seconds=6)
    return await result


@requirement("4-12")
async def before_wait(event: str, context: DurableContext) -> str:
    callback, _ = await context.create_callback(event)
    result = await callback
    await context.wait(seconds=2)
    return result


@requirement("4-13")
async def failure_caught(event: str, context: DurableContext) -> str:
    callback, _ = await context.create_callback(event)
    try:
        message = await callback
    except CallbackError as error:
        message = f"caught: {error}"
    await context.wait(seconds=2)
    return message


@requirement("4-14")
async def timeout_caught(event: str, context: DurableContext) -> str:
    callback, _ = await context.create_callback(event, timeout=3)
    try:
        message = await callback
    except CallbackTimeoutError as error:
        message = f"caught: {error}"
    await context.wait(seconds=2)
    return message


@requirement("4-15")
async def typed_result(event: str, context: DurableContext) -> dict:
    callback, _ = await context.create_callback(event, serdes=MessageSerDes())
    message = await callback
    received = {**message._asdict(), "timestamp": int(message.timestamp.timestamp())}
    return {"received": received}


@requirement("4-16")
async def number_result(event: str, context: DurableContext) -> dict:
    callback, _ = await context.create_callback(event, serdes=NumberSerDes())
    count = await callback
    return {"count": count, "doubled": 2 * count}


@requirement("4-17")
async def one_after_the_other(event: list, context: DurableContext) -> list:
    first, _ = await context.create_callback(event[0])
    first_result = await first
    second, _ = await context.create_callback(event[1])
    return [first_result, await second]


@requirement("4-18")
async def both_in_order(event: list, context: DurableContext) -> list:
    first, _ = await context.create_callback(event[0])
    second, _ = await context.create_callback(event[1])
    return [await first, await second]


@requirement("4-19")
async def both_in_reverse(event: list, context: DurableContext) -> list:
    first, _ = await context.create_callback(event[0])
    second, _ = await context.create_callback(event[1])
    second_result = await second
    return [await first, second_result]
