"""Suite `invoke`: requirements 5-1 to 5-16, and the functions they invoke."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from conformance.handlers.patterns import RejectedError, echo
from conformance.handlers.registry import requirement, target

from durable_core import InvokeError

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext
    from durable_core.lowlevel import SerDesContext

ECHO: Final = "invoke-echo_target:$LATEST"
MEASURE: Final = "invoke-measuring_target:$LATEST"
FAILING: Final = "invoke-failing_target:$LATEST"

LARGE: Final = 1024 * 1024 - 100
"""An invoke passes at most 1 MiB, quotes and braces included."""


@target
async def echo_target(event: Any, context: DurableContext) -> Any:
    return event


@target
async def measuring_target(event: dict, context: DurableContext) -> dict:
    return {"received": len(event["data"])}


@target
async def failing_target(event: Any, context: DurableContext) -> None:
    raise RejectedError("the target fails")


class ShoutingPayload:
    """JSON with its texts in capitals."""

    def serialize(self, value: dict, context: SerDesContext) -> str:
        return json.dumps({key: text.upper() for key, text in value.items()})

    def deserialize(self, data: str, context: SerDesContext) -> dict:
        return json.loads(data)


class ShoutingResult:
    """The text that came back, in capitals and otherwise as it came."""

    def serialize(self, value: str, context: SerDesContext) -> str:
        return value

    def deserialize(self, data: str, context: SerDesContext) -> str:
        return data.upper()


@requirement("5-1", "5-3", "5-4")
async def basic(event: Any, context: DurableContext) -> Any:
    return await context.invoke(None, ECHO, event)


@requirement("5-2")
async def named(event: dict, context: DurableContext) -> Any:
    return await context.invoke(event["name"], ECHO, event["payload"])


@requirement("5-5")
async def target_fails(event: Any, context: DurableContext) -> Any:
    return await context.invoke(FAILING)


@requirement("5-6")
async def failure_caught(event: Any, context: DurableContext) -> str:
    try:
        return await context.invoke(FAILING)
    except InvokeError:
        return "fallback"


@requirement("5-7")
async def large_payload(event: Any, context: DurableContext) -> dict:
    return await context.invoke(MEASURE, {"data": "x" * LARGE})


@requirement("5-8")
async def with_tenant(event: dict, context: DurableContext) -> Any:
    return await context.invoke(None, ECHO, event["payload"], tenant_id=event["tenantId"])


@requirement("5-9")
async def then_wait(event: Any, context: DurableContext) -> Any:
    result = await context.invoke(None, ECHO, "once")
    await context.wait(seconds=1)
    return result


@requirement("5-10")
async def failure_then_wait(event: Any, context: DurableContext) -> str:
    try:
        message = await context.invoke(FAILING)
    except InvokeError as error:
        message = f"caught: {error}"
    await context.wait(seconds=1)
    return message


@requirement("5-11")
async def after_step(event: Any, context: DurableContext) -> Any:
    result = await context.step(echo, "from the step")
    return await context.invoke(None, ECHO, result)


@requirement("5-12")
async def before_step(event: Any, context: DurableContext) -> str:
    async def process_result(text: str) -> str:
        return f"processed {text}"

    result = await context.invoke(None, ECHO, "from the target")
    return await context.step(process_result, result)


@requirement("5-13")
async def in_child_context(event: Any, context: DurableContext) -> Any:
    async def invoking(child: DurableContext) -> Any:
        return await child.invoke(None, ECHO, "from a child")

    return await context.run_in_child_context(invoking)


@requirement("5-14")
async def sequential(event: Any, context: DurableContext) -> dict:
    data = await context.invoke(ECHO, {"data": "abc"})
    return await context.invoke(MEASURE, data)


@requirement("5-15")
async def payload_serdes(event: dict, context: DurableContext) -> Any:
    return await context.invoke(ECHO, event, payload_serdes=ShoutingPayload())


@requirement("5-16")
async def result_serdes(event: str, context: DurableContext) -> str:
    return await context.invoke(None, ECHO, event, result_serdes=ShoutingResult())
