"""What plugins are told of an execution, and in which order."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import CheckpointError, DurableContext, NestingType, RetryDecision
from durable_core._values.hooks import Hooks
from durable_core.lowlevel import Instrumentation, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

HOOKS = (
    "invocation_start",
    "invocation_end",
    "operation_start",
    "operation_replayed",
    "operation_end",
    "operations_changed",
    "attempt",
    "context_body",
    "checkpoint",
    "propagate",
    "log_fields",
)


class Watching(Instrumentation):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.details: list[tuple[str, Any]] = []

    def note(self, hook: str, details: Any, more: str = "") -> None:
        self.seen.append(f"{hook} {more}".strip())
        self.details.append((hook, details))

    def invocation_start(self, invocation: Any, /) -> None:
        self.note("invocation_start", invocation)

    def invocation_end(self, invocation: Any, outcome: Any, /) -> None:
        self.note("invocation_end", (invocation, outcome), outcome.status)

    def operation_start(self, operation: Any, /) -> None:
        again = " again" if operation.is_replayed else ""
        self.note("start", operation, f"{operation.name or operation.subtype}{again}")

    def operation_replayed(self, operation: Any, /) -> None:
        self.note("replayed", operation, operation.name or operation.subtype)

    def operation_end(self, operation: Any, /) -> None:
        self.note("end", operation, f"{operation.name or operation.subtype} {operation.status}")

    def operations_changed(self, operations: Any, /) -> None:
        self.note("changed", operations, str(len(operations)))

    @contextmanager
    def attempt(self, operation: Any, /) -> Iterator[Any]:  # type: ignore[override]
        self.note("attempt", operation, f"{operation.name} {operation.attempt}")
        yield lambda outcome: self.note("attempt ended", outcome, outcome.status)
        self.note("attempt left", operation)

    @contextmanager
    def context_body(self, operation: Any, /) -> Iterator[Any]:  # type: ignore[override]
        self.note("body", operation, f"{operation.name}{' virtual' * operation.is_virtual}")
        yield lambda outcome: self.note("body ended", outcome, outcome.status)

    @contextmanager
    def checkpoint(self, details: Any, /) -> Iterator[None]:  # type: ignore[override]
        self.note("checkpoint", details, str(details.updates))
        yield
        self.note("checkpoint left", details)


async def one() -> int:
    return 1


async def child(context: DurableContext) -> int:
    await context.wait("w", 5)
    return await context.step("s", one)


async def program(event: Any, context: DurableContext) -> int:
    await context.step("first", one)
    return await context.run_in_child_context("c", child)


def test_the_order_of_a_small_program(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]
    assert bench.result(program) == 1
    assert watching.seen == [
        "invocation_start",
        "start first",
        "attempt first 1",
        "attempt ended SUCCEEDED",
        "attempt left",
        "checkpoint 2",
        "changed 1",
        "checkpoint left",
        "end first SUCCEEDED",
        "start c",
        "body c",
        "start w",
        "checkpoint 2",
        "changed 2",
        "checkpoint left",
        "body ended INCOMPLETE",
        "invocation_end PENDING",
        "invocation_start",
        "replayed first",
        "start c again",
        "body c",
        "end w SUCCEEDED" if bench.tells_updates else "replayed w",
        "start s",
        "attempt s 1",
        "attempt ended SUCCEEDED",
        "attempt left",
        "checkpoint 2",
        "changed 1",
        "checkpoint left",
        "end s SUCCEEDED",
        "body ended SUCCEEDED",
        "checkpoint 1",
        "changed 1",
        "end c SUCCEEDED",
        "checkpoint left",
        "invocation_end SUCCEEDED",
    ]


def test_what_ended_between_invocations_is_told_as_an_end_where_the_service_says_so(
    bench: Any,
) -> None:
    watching = Watching()
    bench.plugins = [watching]
    bench.tells_updates = True
    assert bench.result(program) == 1
    assert "end w SUCCEEDED" in watching.seen
    assert "replayed w" not in watching.seen


def test_the_details_of_invocations_and_operations(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]
    bench.environment |= {"invocation_id": "i-1", "host": "the host"}
    start_ms = bench.clock.ms
    bench.result(program)
    invocations = [details for hook, details in watching.details if hook == "invocation_start"]
    first, second = invocations
    assert (first.execution_name, first.invocation_id, first.host) == (
        "order-1",
        "i-1",
        "the host",
    )
    assert (first.is_first_invocation, second.is_first_invocation) == (True, False)
    assert (first.started_at_ms, first.input_payload) == (start_ms, "null")
    assert second.now_ms() == start_ms + 5000
    assert {record.name for record in second.operations.values()} == {"first", "c", "w", "s"}
    ends = [details[1] for hook, details in watching.details if hook == "invocation_end"]
    (suspended,) = ends[0].suspended_on
    assert (suspended.name, suspended.type, suspended.resumes_at_ms) == (
        "w",
        "WAIT",
        start_ms + 5000,
    )
    assert (ends[0].checkpoint_calls, ends[0].checkpoint_updates) == (2, 4)
    assert ends[0].checkpoint_bytes > 0
    assert (ends[1].result, ends[1].replayed_operations, ends[1].suspended_on) == ("1", 2, ())
    (ended,) = [d for hook, d in watching.details if hook == "end" and d.name == "s"]
    assert (ended.type, ended.subtype, ended.attempt, ended.result) == ("STEP", "Step", 1, "1")
    assert ended.parent_id == bench.service.named("c").id
    assert (ended.started_at_ms, ended.ended_at_ms) == (start_ms + 5000, start_ms + 5000)


def test_the_live_error_of_an_attempt_and_an_operation(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]
    error = LookupError("no")

    async def fails() -> None:
        raise error

    def fails_in_a_thread() -> None:
        raise error

    async def group(context: DurableContext) -> None:
        raise error

    async def handler(event: Any, context: DurableContext) -> None:
        def stop(error: Exception, attempt: int) -> RetryDecision:
            return RetryDecision.stop()

        for fn in (fails, fails_in_a_thread):
            with pytest.raises(Exception, match="no"):
                await context.step("s", fn, retry_strategy=stop)
        with pytest.raises(Exception, match="no"):
            await context.run_in_child_context("c", group)
        raise error

    assert bench.invoke(handler).status == "FAILED"
    outcomes = [d for hook, d in watching.details if hook in {"attempt ended", "body ended"}]
    assert [(outcome.status, outcome.exception) for outcome in outcomes] == [("FAILED", error)] * 3
    ends = [d for hook, d in watching.details if hook == "end"]
    assert [(end.exception, end.error_type, end.error_message) for end in ends] == [
        (error, "LookupError", "no")
    ] * 3
    ((_, outcome),) = [d for hook, d in watching.details if hook == "invocation_end"]
    assert (outcome.status, outcome.error) == ("FAILED", error)


def test_an_attempt_in_a_thread_is_wrapped_in_the_thread(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.step("s", int, "7")

    assert bench.result(handler) == 7
    assert watching.seen[2:5] == ["attempt s 1", "attempt ended SUCCEEDED", "attempt left"]


def test_a_lambda_around_an_async_function_is_one_attempt(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.step("s", lambda: one())  # noqa: PLW0108

    assert bench.result(handler) == 1
    assert watching.seen.count("attempt s 1") >= 1


def test_an_attempt_that_is_stopped_is_incomplete(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]

    async def endless() -> None:
        await asyncio.get_running_loop().create_future()

    async def cancels() -> None:
        raise asyncio.CancelledError

    async def handler(event: Any, context: DurableContext) -> None:
        race = [context.step("endless", endless), context.step("s", one)]
        await context.promise.race(race, cancel_losers=True)
        await context.step("after", one)
        with pytest.raises(Exception, match="Cancelled"):
            await context.step(
                "cancels", cancels, retry_strategy=lambda error, attempt: RetryDecision.stop()
            )

    assert bench.invoke(handler).status == "SUCCEEDED"
    statuses = [d.status for hook, d in watching.details if hook == "attempt ended"]
    assert sorted(statuses) == ["FAILED", "INCOMPLETE", "SUCCEEDED", "SUCCEEDED"]


def test_a_virtual_context_has_a_body_and_no_operation(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]

    async def item(context: DurableContext, value: int, index: int) -> int:
        return value

    async def handler(event: Any, context: DurableContext) -> None:
        await context.map("m", [1], item, nesting=NestingType.FLAT)

    bench.invoke(handler)
    assert [entry for entry in watching.seen if "checkpoint" not in entry] == [
        "invocation_start",
        "start m",
        "body m",
        "body map-item-0 virtual",
        "body ended SUCCEEDED",
        "body ended SUCCEEDED",
        "changed 1",
        "end m SUCCEEDED",
        "invocation_end SUCCEEDED",
    ]


def test_an_invocation_that_is_raised_to_the_host_ends_as_a_retry(bench: Any) -> None:
    watching = Watching()
    bench.plugins = [watching]
    error = CheckpointError("away", is_retryable=True)

    def refuse(request: Any) -> Any:
        raise error

    bench.service.script[1] = refuse
    with pytest.raises(CheckpointError):
        bench.invoke(program)
    ((_, outcome),) = [d for hook, d in watching.details if hook == "invocation_end"]
    assert (outcome.status, outcome.error, outcome.result) == ("RETRY", error, None)


# Plugins that fail, and those that do little


class Broken(Instrumentation):
    """Raises in every hook."""


def _raises(self: Any, *args: Any) -> Any:
    raise RuntimeError("a plugin's bug")


for _hook in HOOKS:
    setattr(Broken, _hook, _raises)


def test_a_plugin_that_raises_in_every_hook_harms_nothing(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    watching = Watching()
    bench.plugins = [Broken(), watching]

    async def handler(event: Any, context: DurableContext) -> int:
        context.logger.info("a line")
        with pytest.raises(Exception, match="stopped"):
            await context.invoke("i", "f")
        return await program(event, context)

    from durable_core.lowlevel import ErrorObject, Event  # noqa: PLC0415

    bench.invoke(handler)
    bench.service.happen("i", Event.STOP, error=ErrorObject("stopped"))
    assert bench.result(handler) == 1
    assert watching.seen[-1] == "invocation_end SUCCEEDED"
    told = {r.getMessage() for r in caplog.records if "plugin hook" in r.getMessage()}
    assert told == {"the plugin hook _raises raised; it is ignored"}


def test_hooks_that_no_plugin_overrides_are_not_called() -> None:
    class Little(Instrumentation):
        def operation_end(self, operation: Any, /) -> None:
            pass

    little = Little()
    hooks = Hooks([little, Instrumentation()])
    assert {hook: getattr(hooks, hook) for hook in HOOKS} == {
        hook: (little.operation_end,) if hook == "operation_end" else () for hook in HOOKS
    }


def test_a_workflow_may_bring_plugins_made_for_each_invocation(bench: Any) -> None:
    made: list[Watching] = []

    def make() -> Watching:
        made.append(Watching())
        return made[-1]

    bench.result(Workflow(program, plugins=(make,)))
    assert [plugin.seen[-1] for plugin in made] == [
        "invocation_end PENDING",
        "invocation_end SUCCEEDED",
    ]
