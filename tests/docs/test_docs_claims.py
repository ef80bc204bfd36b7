"""What the explanation says in prose, seen to hold."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import (
    NestingType,
    RetryPresets,
    StepError,
    ValidationError,
    WorkflowIOError,
    current_step,
    suspending,
)
from durable_testing import DurableTestRunner

if TYPE_CHECKING:
    from durable_core import DurableContext


async def nothing() -> None: ...


def test_a_sleep_takes_whole_seconds_and_at_least_one() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0.2)

    result = DurableTestRunner(handler).run_sync()
    assert result.succeeded
    assert [operation.wait_seconds for operation in result.operations] == [1]


def test_finally_runs_in_each_invocation_and_except_for_failures_only() -> None:
    seen: list[str] = []

    async def handler(event: Any, context: DurableContext) -> None:
        try:
            await context.wait(seconds=1)
        except Exception:
            seen.append("except")
            raise
        finally:
            seen.append("suspending" if suspending() else "going on")

    assert DurableTestRunner(handler, replay_check=False).run_sync().succeeded
    assert seen == ["suspending", "going on"]


def test_no_operation_can_be_started_while_a_workflow_is_discarded() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        try:
            await context.wait("first", seconds=1)
        finally:
            if suspending():
                await context.step("never", nothing)

    result = DurableTestRunner(handler, replay_check=False).run_sync()
    assert result.succeeded
    assert [operation.name for operation in result.operations] == ["first"]


@pytest.mark.parametrize(("size", "entered"), [(10, 1), (300_000, 2)])
def test_a_completed_child_is_entered_again_only_when_its_result_is_large(
    size: int, entered: int
) -> None:
    entries: list[None] = []

    async def body(child: DurableContext) -> str:
        entries.append(None)
        await child.step("inside", nothing)
        return "x" * size

    async def handler(event: Any, context: DurableContext) -> int:
        text = await context.run_in_child_context("child", body)
        await context.wait(seconds=1)
        return len(text)

    assert DurableTestRunner(handler, replay_check=False).run_sync().value == size
    assert len(entries) == entered


def test_a_socket_in_workflow_code_is_refused_with_the_remedy() -> None:
    said: list[str] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with socket.socket() as mine:
            mine.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(mine, ("127.0.0.1", 9))
            except WorkflowIOError as error:
                said.append(str(error))
                raise

    assert DurableTestRunner(handler, replay_check=False).run_sync().failed
    assert "step" in said[0]


def test_unrecorded_code_runs_again_on_every_replay_and_leaves_no_record() -> None:
    calls: list[None] = []

    async def look() -> str:
        calls.append(None)
        return "seen"

    async def handler(event: Any, context: DurableContext) -> str:
        seen = await context.unrecorded(look)
        await context.wait("pause", seconds=1)
        return seen

    result = DurableTestRunner(handler, replay_check=False).run_sync()
    assert result.value == "seen"
    assert len(calls) == 2
    assert [operation.name for operation in result.operations] == ["pause"]


def test_time_randomness_and_ids_are_the_same_on_a_replay_and_cost_nothing() -> None:
    seen: list[list[str]] = []

    async def handler(event: Any, context: DurableContext) -> None:
        seen.append([str(context.now()), str(context.random.random()), str(context.uuid4())])
        await context.wait(seconds=1)

    result = DurableTestRunner(handler, replay_check=False).run_sync()
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert len(result.operations) == 1


def test_the_idempotency_key_is_the_same_on_every_attempt() -> None:
    keys: list[str] = []

    async def charge() -> None:
        keys.append(current_step().idempotency_key)
        if len(keys) < 3:
            raise ConnectionError

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(charge)

    assert DurableTestRunner(handler, replay_check=False).run_sync().succeeded
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_a_handle_that_nobody_awaits_is_reported() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.step("forgotten", nothing)

    with pytest.warns(RuntimeWarning, match="forgotten"):
        DurableTestRunner(handler, replay_check=False).run_sync()


@pytest.mark.parametrize("duration", [0, -1, timedelta(0)])
def test_a_wait_of_nothing_is_refused_at_the_call(duration: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as caught:
            context.wait(duration)
        assert isinstance(caught.value, ValueError)
        return "refused"

    assert DurableTestRunner(handler).run_sync().value == "refused"


@pytest.mark.parametrize(("nesting", "contexts"), [(NestingType.NESTED, 4), (NestingType.FLAT, 1)])
def test_flat_items_have_no_context_of_their_own(nesting: NestingType, contexts: int) -> None:
    async def one(child: DurableContext, item: int, index: int) -> None:
        await child.step("inside", nothing)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.map("all", [1, 2, 3], one, nesting=nesting)

    result = DurableTestRunner(handler).run_sync()
    assert sum(operation.type == "CONTEXT" for operation in result.all_operations()) == contexts


def test_an_operations_error_keeps_the_name_of_the_original_class() -> None:
    class CardDeclinedError(Exception):
        pass

    async def charge() -> None:
        raise CardDeclinedError("no funds")

    async def handler(event: Any, context: DurableContext) -> list[Any]:
        try:
            await context.step(charge, retry_strategy=RetryPresets.none())
        except StepError as error:
            await context.wait(seconds=1)
            return [error.is_caused_by(CardDeclinedError), error.is_caused_by(Exception)]
        return []

    assert DurableTestRunner(handler).run_sync().value == [True, False]
