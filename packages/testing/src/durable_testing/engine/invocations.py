"""One invocation: begin it, drive the workflow, tell the service how it ended."""

from __future__ import annotations

import asyncio
import json
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from durable_core.lowlevel import Environment, ErrorObject, drive, error_type_name
from durable_testing.engine.clock import VirtualClock
from durable_testing.engine.functions import UnknownFunctionError
from durable_testing.engine.holding import HoldingService
from durable_testing.engine.hooks import InvocationEnd
from durable_testing.engine.host import Flight
from durable_testing.engine.remote import (
    RemoteCall,
    RemoteFunctionError,
    invocation_event,
    json_or_text,
)

if TYPE_CHECKING:
    from durable_core.lowlevel import DurableService, Instrumentation, InvocationOutput
    from durable_testing.engine.functions import LocalFunction
    from durable_testing.engine.host import InvocationHost
    from durable_testing.engine.remote import RemoteCode
    from durable_testing.model import Invocation, Invoke

DEADLINE_MARGIN_MS: Final = 500
"""An invocation suspends this long before its timeout would kill it; a tenth of short ones."""


async def run_invocation(engine: InvocationHost, effect: Invoke) -> None:
    """Run the invocation that the service asked for."""
    arn = effect.execution_arn
    name = effect.function_name
    given = engine.functions.get(name)
    function = None if given is None else given.at(effect.version)
    if function is None or (function.workflow is None and function.remote is None):
        execution_name = arn.split("/")[-2]
        raise UnknownFunctionError(
            f"the execution {execution_name} needs the workflow {name!r}", name
        )
    invocation = await engine.apply(lambda model, now_ms: model.begin_invocation(arn, now_ms))
    if invocation is None:
        return
    engine.hooks.begun(invocation)
    end = await _fly(engine, function, invocation)
    await _report(engine, arn, invocation, end)
    engine.hooks.ended(invocation, end)


async def _fly(
    engine: InvocationHost, function: LocalFunction, invocation: Invocation
) -> InvocationEnd:
    """Run to its end, or until the engine closes: then the service keeps what it knows."""
    arn = invocation.input.execution_arn
    timeout_ms = None if function.timeout_seconds is None else int(function.timeout_seconds * 1000)
    flight = Flight()
    engine.take_off(arn, flight)
    timer = None
    if timeout_ms is not None:
        error = timeout_error(invocation.invocation_id, timeout_ms / 1000)
        timer = engine.clock.call_at(
            engine.clock.now_ms() + timeout_ms, partial(flight.cut_off, error)
        )
    try:
        if function.remote is None:
            output = await _drive(engine, function, invocation, timeout_ms)
        else:
            output = await _call_remote(function.remote, invocation)
    except asyncio.CancelledError:
        if flight.error is None:
            raise
        return InvocationEnd(None, flight.error)
    except (KeyboardInterrupt, UnknownFunctionError):
        raise
    except BaseException as error:  # noqa: BLE001  whatever it is, it ended the invocation
        return InvocationEnd(None, error_object(error), error)
    finally:
        if timer is not None:
            timer.cancel()
        engine.land(arn)
    return InvocationEnd(output, None)


async def _drive(
    engine: InvocationHost, function: LocalFunction, invocation: Invocation, timeout_ms: int | None
) -> InvocationOutput:
    clock, hooks = engine.clock, engine.hooks
    deadline_ms = None
    if timeout_ms is not None:
        margin_ms = min(DEADLINE_MARGIN_MS, timeout_ms // 10)
        deadline_ms = clock.now_ms() + timeout_ms - margin_ms
    plugins: list[Instrumentation] = [*hooks.plugins(invocation)]
    service: DurableService = engine.service
    running = None
    if isinstance(clock, VirtualClock):
        running = clock.hold_for
        service = HoldingService(service, clock)
    environment = Environment(
        clock=clock,
        random=engine.random,
        new_token=engine.new_token,
        invocation_id=invocation.invocation_id,
        tenant_id=invocation.tenant_id,
        deadline_ms=deadline_ms,
        substitute=hooks.substitute(invocation),
        running=running,
        is_news=partial(hooks.is_news, invocation),
    )
    if function.workflow is None:
        raise LookupError(f"{function.name!r} is no workflow")
    workflow = hooks.workflow(invocation, function.workflow)
    service = hooks.service(invocation, service)
    return await drive(workflow, invocation.input, service, environment, plugins)


async def _call_remote(remote: RemoteCode, invocation: Invocation) -> Any:
    """Have another process run the invocation; what it answers is for the service to judge."""
    call = RemoteCall(
        invocation.invocation_id,
        invocation.function_name,
        invocation.version,
        json.dumps(invocation_event(invocation.input), separators=(",", ":")),
        invocation.tenant_id,
        invocation.trace_header,
    )
    return json_or_text(await remote.call(call))


async def _report(
    engine: InvocationHost, arn: str, invocation: Invocation, end: InvocationEnd
) -> None:
    invocation_id = invocation.invocation_id
    if end.error is not None:
        error = end.error
        await engine.apply(
            lambda model, now_ms: model.fail_invocation(arn, invocation_id, error, now_ms)
        )
    else:
        await engine.apply(
            lambda model, now_ms: model.end_invocation(arn, invocation_id, end.output, now_ms)
        )


def timeout_error(request_id: str, timeout_seconds: float) -> ErrorObject:
    """Return what the service reports of a function that took too long."""
    message = f"RequestId: {request_id} Error: Task timed out after {timeout_seconds:.2f} seconds"
    return ErrorObject(message, "Sandbox.Timedout")


def error_object(error: BaseException) -> ErrorObject:
    """Return an exception as it is recorded."""
    if isinstance(error, RemoteFunctionError):
        return error.error
    lines = traceback.format_exception(error)
    return ErrorObject(
        str(error), error_type_name(type(error)), stack_trace=tuple("".join(lines).splitlines())
    )
