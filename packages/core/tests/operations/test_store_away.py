"""A store of payloads that is away: the invocation is tried again, workflow code never sees it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from durable_core import CheckpointError, DurableContext, WaitDecision, WorkflowIOError
from durable_core.lowlevel import Event, Workflow


class Store:
    """A serdes that keeps its texts elsewhere."""

    def __init__(self) -> None:
        self.reads_fail = False
        self.writes_fail = False
        self.is_retryable = True

    def refuse(self) -> None:
        cause = OSError("no route")
        raise CheckpointError("the store is away", is_retryable=self.is_retryable) from cause

    def serialize(self, value: Any, context: Any) -> str:
        if self.writes_fail:
            self.refuse()
        return json.dumps(value)

    def deserialize(self, data: str | None, context: Any) -> Any:
        if self.reads_fail:
            self.refuse()
        return json.loads(data or "null")


async def one() -> int:
    return 1


async def child(context: DurableContext) -> int:
    return await context.step(one)


async def item(context: DurableContext, number: int, index: int) -> int:
    return number


async def by_step(context: DurableContext, store: Store) -> Any:
    return await context.step(one, serdes=store)


async def by_child(context: DurableContext, store: Store) -> Any:
    return await context.run_in_child_context(child, serdes=store)


async def by_items(context: DurableContext, store: Store) -> Any:
    return (await context.map([1], item, item_serdes=store)).results()[0]


async def by_condition(context: DurableContext, store: Store) -> Any:
    return await context.wait_for_condition(
        abs, initial_state=1, wait_strategy=lambda state, attempt: WaitDecision.stop(), serdes=store
    )


KINDS = [by_step, by_child, by_items, by_condition]


def swallowing(kind: Any, store: Store) -> Any:
    async def handler(event: Any, context: DurableContext) -> Any:
        try:
            value = await kind(context, store)
        except Exception as error:  # noqa: BLE001
            value = repr(error)
        await context.wait(1)
        return value

    return handler


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_cannot_be_written_now_is_no_failure(bench: Any, kind: Any) -> None:
    store = Store()
    store.writes_fail = True
    handler = swallowing(kind, store)
    with pytest.raises(CheckpointError) as raised:
        bench.invoke(handler)
    assert isinstance(raised.value.__cause__, OSError)
    store.writes_fail = False
    assert bench.result(handler) == 1
    assert not any(entry.startswith("FAIL") for call in bench.service.sent for entry in call)


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_cannot_be_read_now_is_no_failure(bench: Any, kind: Any) -> None:
    store = Store()
    handler = swallowing(kind, store)
    bench.invoke(handler)
    bench.forward()
    store.reads_fail = True
    with pytest.raises(CheckpointError):
        bench.invoke(handler)
    store.reads_fail = False
    assert bench.result(handler) == 1


def test_a_store_that_is_gone_for_good_fails_the_execution(bench: Any) -> None:
    store = Store()
    handler = swallowing(by_step, store)
    bench.invoke(handler)
    bench.forward()
    store.reads_fail, store.is_retryable = True, False
    output = bench.invoke(handler)
    assert (output.status, output.error.message) == ("FAILED", "the store is away")


def test_a_payload_that_cannot_be_written_now_is_no_failure(bench: Any) -> None:
    store = Store()
    store.writes_fail = True

    async def invokes(context: DurableContext, store: Store) -> Any:
        return await context.invoke("i", "f", 1, payload_serdes=store)

    handler = swallowing(invokes, store)
    with pytest.raises(CheckpointError):
        bench.invoke(handler)
    store.writes_fail = False
    bench.invoke(handler)
    bench.service.happen("i", Event.COMPLETE, result="2")
    assert bench.result(handler) == 2


@pytest.mark.parametrize("what", ["reads_fail", "writes_fail"])
def test_so_are_the_input_and_the_result_of_the_handler(bench: Any, what: str) -> None:
    store = Store()
    setattr(store, what, True)

    async def handler(event: Any, context: DurableContext) -> Any:
        return [event]

    workflow = Workflow(handler, store)
    with pytest.raises(CheckpointError):
        bench.invoke(workflow)
    setattr(store, what, False)
    assert bench.result(workflow) == [None]


def test_what_the_handler_raises_of_ours_is_still_its_error(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        raise WorkflowIOError("by hand")

    assert bench.invoke(handler).error.type == "durable_core.WorkflowIOError"


def test_a_result_that_is_delivered_in_a_turn_of_its_own_is_no_failure_either(bench: Any) -> None:
    store = Store()

    async def both(context: DurableContext, store: Store) -> Any:
        first, _ = await asyncio.gather(context.step(one, serdes=store), context.step("b", one))
        return first

    handler = swallowing(both, store)
    bench.invoke(handler)
    bench.forward()
    store.reads_fail = True
    with pytest.raises(CheckpointError):
        bench.invoke(handler)
    store.reads_fail = False
    assert bench.result(handler) == 1
