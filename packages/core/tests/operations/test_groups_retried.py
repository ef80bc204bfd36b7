"""with_retry: a whole group of operations, one child context an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from durable_core import (
    ChildContextError,
    DurableContext,
    RetryDecision,
    RetryPresets,
    ValidationError,
)
from durable_core.lowlevel import OperationStatus


def up_to(attempts: int, delay: float = 5) -> Any:
    def strategy(error: Exception, attempt: int) -> RetryDecision:
        return RetryDecision.retry(delay) if attempt < attempts else RetryDecision.stop()

    return strategy


class Group:
    """A group of a step that fails the first few times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.runs = 0

    async def step(self) -> int:
        self.runs += 1
        if self.runs <= self.failures:
            raise LookupError(f"run {self.runs}")
        return self.runs

    async def __call__(self, context: DurableContext, more: int = 0) -> int:
        return more + await context.step("s", self.step, retry_strategy=RetryPresets.none())


def test_each_attempt_is_a_context_and_each_pause_a_wait(cut: Any) -> None:
    group = Group(failures=2)

    async def handler(event: Any, context: DurableContext) -> int:
        result = await context.with_retry("g", group, 40, retry_strategy=up_to(3, 4.5))
        await context.wait(1)
        return result

    assert cut.result(handler) == 43
    outer = cut.service.named("g")
    children = [r for r in cut.service.records.values() if r.parent_id == outer.id]
    assert [(r.type, r.status, r.subtype) for r in children] == [
        ("CONTEXT", OperationStatus.FAILED, "RunInChildContext"),
        ("WAIT", OperationStatus.SUCCEEDED, "Wait"),
        ("CONTEXT", OperationStatus.FAILED, "RunInChildContext"),
        ("WAIT", OperationStatus.SUCCEEDED, "Wait"),
        ("CONTEXT", OperationStatus.SUCCEEDED, "RunInChildContext"),
    ]
    waits = [r for r in children if r.type == "WAIT"]
    assert [w.name for w in waits] == ["g-backoff-1", "g-backoff-2"]
    assert [w.scheduled_end_ms - w.started_at_ms for w in waits] == [5000, 5000]
    assert group.runs == 3


@pytest.mark.parametrize("wrap", [True, False])
def test_the_last_error_is_raised_live_and_replayed(cut: Any, wrap: bool) -> None:  # noqa: FBT001
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(ChildContextError) as raised:
            await context.with_retry("g", Group(9), retry_strategy=up_to(2), wrap=wrap)
        error = raised.value
        assert error.is_caused_by(LookupError)
        seen.append([error.error_type, error.message, error.stack_trace])
        await context.wait(1)

    cut.result(handler)
    assert len(seen) >= 2
    assert all(entry[0] == "LookupError" for entry in seen)
    names = [r.name for r in cut.service.records.values() if r.type == "CONTEXT"]
    assert ("g" in names) is wrap


def test_without_a_context_around_all_attempts_hang_above(cut: Any) -> None:
    group = Group(failures=1)

    async def handler(event: Any, context: DurableContext) -> int:
        result = await context.with_retry("g", group, retry_strategy=up_to(2), wrap=False)
        await context.wait(1)
        return result

    assert cut.result(handler) == 2
    tops = [r for r in cut.service.records.values() if r.parent_id is None]
    assert [r.type for r in tops] == ["CONTEXT", "WAIT", "CONTEXT", "WAIT"]


def test_without_a_name_or_strategy(bench: Any) -> None:
    group = Group(failures=99)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.with_retry(None, group)

    output = bench.finish(handler)
    assert output.error.message == "run 3"
    assert group.runs == 3
    assert {r.name for r in bench.service.records.values()} == {None, "s"}


def test_a_strategy_that_raises_ends_the_group(bench: Any) -> None:
    def strategy(error: Exception, attempt: int) -> RetryDecision:
        raise ValueError("no plan")

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ChildContextError) as raised:
            await context.with_retry("g", Group(9), retry_strategy=strategy)
        return str(raised.value)

    assert bench.result(handler) == "ValueError: no plan"


@dataclass
class Point:
    x: int


async def pointed(context: DurableContext, x: int) -> Point:
    return Point(x)


def test_a_result_has_the_type_of_the_annotation(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        result = await context.with_retry(pointed, 7)
        await context.wait(1)
        assert result == Point(7)
        return result.x

    assert cut.result(handler) == 7


def test_what_is_no_function_is_refused(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.with_retry("g")  # type: ignore[call-overload]
        return str(raised.value)

    assert bench.result(handler).startswith("with_retry() takes an optional name and a function")
