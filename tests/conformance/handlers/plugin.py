"""Suite `plugin`: requirements 10-1 to 10-7. Plugins print what they see, a JSON object a line."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from conformance.handlers.patterns import fail, fail_first, greet, retry_each_second
from conformance.handlers.registry import requirement

from durable_core import RetryPresets, current_step
from durable_core.lowlevel import Instrumentation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_core import DurableContext
    from durable_core.lowlevel import (
        AttemptOutcome,
        InvocationDetails,
        InvocationOutcome,
        OperationDetails,
    )


class Printing(Instrumentation):
    """What the plugins share: lines that say who they are and of which execution."""

    def __init__(self, name: str = "CONFPLUGIN") -> None:
        self.name = name
        self.arn = ""

    def print(self, hook: str, **fields: Any) -> None:
        line = {"plugin": self.name, "hook": hook, **fields, "durableExecutionArn": self.arn}
        print(json.dumps(line), flush=True)


class InvocationPlugin(Printing):
    """Prints the start and end of invocations."""

    def invocation_start(self, invocation: InvocationDetails) -> None:
        self.arn = invocation.execution_arn
        self.print("invocation-start", first=invocation.is_first_invocation)

    def invocation_end(self, invocation: InvocationDetails, outcome: InvocationOutcome) -> None:
        self.print("invocation-end", status=outcome.status)


class StepPlugin(Printing):
    """Prints the start and end of steps."""

    def invocation_start(self, invocation: InvocationDetails) -> None:
        self.arn = invocation.execution_arn

    def operation_start(self, operation: OperationDetails) -> None:
        if operation.type == "STEP":
            self.print("operation-start", op=operation.operation_id)

    def operation_end(self, operation: OperationDetails) -> None:
        if operation.type == "STEP":
            self.print("operation-end", op=operation.operation_id, status=operation.status)


class AttemptPlugin(Printing):
    """Prints the start and end of a step's attempts."""

    def invocation_start(self, invocation: InvocationDetails) -> None:
        self.arn = invocation.execution_arn

    @contextmanager
    def attempt(self, operation: OperationDetails) -> Iterator[Callable[[AttemptOutcome], None]]:
        def ended(outcome: AttemptOutcome) -> None:
            self.print("attempt-end", **attempt, outcome=outcome.status)

        attempt = {"n": operation.attempt, "op": operation.operation_id}
        self.print("attempt-start", **attempt)
        yield ended


class FaultyAttempt:
    """An attempt whose both ends print a line and raise."""

    def __init__(self, plugin: FaultyPlugin) -> None:
        self.plugin = plugin

    def __enter__(self) -> None:
        self.plugin.print_and_raise("attempt-start")

    def __exit__(self, *_: object) -> None:
        self.plugin.print_and_raise("attempt-end")


class FaultyPlugin(Printing):
    """Every hook prints a line and raises."""

    def print_and_raise(self, hook: str) -> None:
        self.print(hook)
        raise RuntimeError(f"{self.name} fails in {hook}")

    def invocation_start(self, invocation: InvocationDetails) -> None:
        self.arn = invocation.execution_arn
        self.print_and_raise("invocation-start")

    def invocation_end(self, invocation: InvocationDetails, outcome: InvocationOutcome) -> None:
        self.print_and_raise("invocation-end")

    def operation_start(self, operation: OperationDetails) -> None:
        if operation.type == "STEP":
            self.print_and_raise("operation-start")

    def operation_end(self, operation: OperationDetails) -> None:
        if operation.type == "STEP":
            self.print_and_raise("operation-end")

    def attempt(self, operation: OperationDetails) -> FaultyAttempt:
        return FaultyAttempt(self)


async def greeting(name: str) -> str:
    current_step().logger.info("Greeting step running for: %s", name)
    return greet(name)


@requirement("10-1", plugins=[InvocationPlugin])
async def invocation_hooks(event: str, context: DurableContext) -> str:
    return await context.step(greeting, event)


@requirement("10-2", plugins=[StepPlugin])
async def operation_hooks(event: str, context: DurableContext) -> str:
    return await context.step(greeting, event)


@requirement("10-3", plugins=[AttemptPlugin])
async def attempt_hooks(event: Any, context: DurableContext) -> str:
    return await context.step(
        fail_first, "Operation succeeded", retry_strategy=retry_each_second(3)
    )


@requirement("10-4", plugins=[lambda: FaultyPlugin("CONFPLUGIN-FAULTY")])
async def faulty_hooks(event: str, context: DurableContext) -> str:
    return await context.step(greeting, event)


@requirement(
    "10-5",
    plugins=[lambda: InvocationPlugin("CONFPLUGIN-A"), lambda: InvocationPlugin("CONFPLUGIN-B")],
)
async def two_plugins(event: str, context: DurableContext) -> str:
    return await context.step(greeting, event)


@requirement("10-6", plugins=[InvocationPlugin])
async def first_invocation(event: Any, context: DurableContext) -> None:
    await context.wait(seconds=2)


@requirement("10-7", plugins=[InvocationPlugin])
async def failed_execution(event: Any, context: DurableContext) -> None:
    await context.step(fail, retry_strategy=RetryPresets.none())
