"""Plain functions: called once for a chained invoke, their outcome completes it."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from durable_testing.engine.clock import VirtualClock
from durable_testing.engine.functions import (
    LAMBDA_PARAMETERS,
    UnknownFunctionError,
    parameter_count,
)
from durable_testing.engine.holding import Hold, HoldingExecutor
from durable_testing.engine.invocations import error_object, timeout_error
from durable_testing.engine.remote import RemoteCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_core.lowlevel import ErrorObject, HostClock
    from durable_testing.engine.functions import LocalFunction
    from durable_testing.engine.host import InvocationHost
    from durable_testing.model import ChainedInvoke


async def call_plain(engine: InvocationHost, effect: ChainedInvoke) -> None:
    """Run a plain function and hand its outcome to the operation that waits for it."""
    call = RemoteCall(
        engine.new_token(),
        effect.function_name,
        effect.version,
        effect.payload or "null",
        effect.tenant_id,
        effect.trace_header,
    )
    result, error = await call_function(engine, call)
    await engine.apply(
        lambda model, now_ms: model.complete_chained_invoke(
            effect.execution_arn, effect.operation_id, now_ms, result=result, error=error
        )
    )


async def call_function(
    engine: InvocationHost, call: RemoteCall
) -> tuple[str | None, ErrorObject | None]:
    """Run a plain function once; return its result as JSON, or the error it failed with."""
    name = call.function_name
    given = engine.functions.get(name)
    function = None if given is None else given.at(call.version)
    if function is None or (function.plain is None and function.remote is None):
        raise UnknownFunctionError(f"an invoke needs the plain function {name!r}", name)
    task = asyncio.ensure_future(_call(engine, function, call))
    timeout_seconds = function.timeout_seconds
    timer = None
    if timeout_seconds is not None:
        due_ms = engine.clock.now_ms() + int(timeout_seconds * 1000)
        timer = engine.clock.call_at(due_ms, partial(task.cancel, "timeout"))
    try:
        await asyncio.wait((task,))
    finally:
        if timer is not None:
            timer.cancel()
        if not task.done():
            task.cancel()
    if task.cancelled():
        return None, timeout_error(call.request_id, timeout_seconds or 0)
    if (error := task.exception()) is not None:
        return None, error_object(error)
    return task.result(), None


async def _call(engine: InvocationHost, function: LocalFunction, call: RemoteCall) -> str:
    if function.remote is not None:
        return await function.remote.call(call)
    fn = function.plain
    if fn is None:
        raise LookupError(f"{function.name!r} is no plain function")
    payload: Any = json.loads(call.payload)
    arguments = (payload, None) if parameter_count(fn) == LAMBDA_PARAMETERS else (payload,)
    result: Any = await _run(engine.clock, partial(fn, *arguments))
    return json.dumps(result, separators=(",", ":"))


async def _run(clock: HostClock, call: Callable[[], Any]) -> Any:
    """Call a coroutine function here and any other one in a thread; time stands still meanwhile."""
    is_virtual = isinstance(clock, VirtualClock)
    if inspect.iscoroutinefunction(call):
        with Hold(clock) if is_virtual else nullcontext():
            return await call()
    loop = asyncio.get_running_loop()
    threads = HoldingExecutor(clock, loop) if is_virtual else None
    result: Any = await loop.run_in_executor(threads, call)
    return await result if inspect.isawaitable(result) else result
