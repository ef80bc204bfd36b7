"""The outgoing queue: order, limits, who waits for what."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_core._engine.checkpoint import CheckpointQueue, size_of, without_cancels
from durable_core._protocol.limits import MAX_BATCH_BYTES, MAX_BATCH_UPDATES
from durable_core._protocol.records import (
    ErrorObject,
    OperationAction,
    OperationType,
    OperationUpdate,
)
from durable_core._protocol.wire import update_to_wire

START, SUCCEED, CANCEL = OperationAction.START, OperationAction.SUCCEED, OperationAction.CANCEL


def update(
    key: object,
    action: OperationAction = SUCCEED,
    payload: str | None = None,
    kind: OperationType = OperationType.STEP,
) -> OperationUpdate:
    return OperationUpdate(str(key), kind, action, payload=payload)


def wait(key: str, action: OperationAction) -> OperationUpdate:
    return update(key, action, kind=OperationType.WAIT)


def taken(queue: CheckpointQueue) -> list[list[str]]:
    batches: list[list[str]] = []
    while queue:
        batches.append([entry.id for entry in queue.take().updates])
    return batches


@pytest.mark.parametrize(("count", "sizes"), [(250, [250]), (251, [250, 1]), (501, [250, 250, 1])])
def test_a_batch_holds_at_most_250_updates(count: int, sizes: list[int]) -> None:
    queue = CheckpointQueue()
    for number in range(count):
        queue.add(update(number))
    assert [len(batch) for batch in taken(queue)] == sizes


def test_a_batch_holds_at_most_750_kilobytes() -> None:
    queue = CheckpointQueue()
    quarter = "x" * (250 * 1024 - 400)
    for number in range(4):
        queue.add(update(number, payload=quarter))
    assert taken(queue) == [["0", "1", "2"], ["3"]]


def test_an_update_over_the_limit_goes_alone() -> None:
    queue = CheckpointQueue()
    queue.add(update("small"))
    queue.add(update("large", payload="x" * MAX_BATCH_BYTES))
    queue.add(update("after"))
    assert taken(queue) == [["small"], ["large"], ["after"]]


@given(st.none() | st.text(max_size=40), st.none() | st.text(max_size=40))
def test_a_size_is_near_that_of_the_wire(payload: str | None, message: str | None) -> None:
    error = None if message is None else ErrorObject(message, "E", message, (message,))
    entry = OperationUpdate(
        "0" * 64, OperationType.CONTEXT, OperationAction.SUCCEED, "1" * 64, payload=payload
    )
    entry = entry._replace(error=error)
    wire = json.dumps(update_to_wire(entry), ensure_ascii=False)
    # A control character takes six bytes; other escapes take two, and are counted.
    controls = 6 * len(re.findall(r"\\[bfnrtu]", wire))
    assert len(wire.encode()) <= size_of(entry) + controls


@given(st.lists(st.integers(0, MAX_BATCH_BYTES // 2), max_size=12), st.data())
def test_updates_leave_once_in_the_order_they_came_within_the_limits(
    sizes: list[int], data: st.DataObject
) -> None:
    queue = CheckpointQueue()
    out: list[OperationUpdate] = []
    for number, size in enumerate(sizes):
        queue.add(update(number, payload="x" * size))
        if data.draw(st.booleans()):
            batch = queue.take()
            out.extend(batch.updates)
            assert batch.size_bytes == sum(map(size_of, batch.updates))
    while queue:
        batch = queue.take()
        assert 1 <= len(batch.updates) <= MAX_BATCH_UPDATES
        assert batch.size_bytes <= MAX_BATCH_BYTES
        out.extend(batch.updates)
    assert [entry.id for entry in out] == [str(number) for number in range(len(sizes))]


def test_taking_of_nothing_is_an_empty_batch() -> None:
    assert CheckpointQueue().take().updates == ()


# Who waits


def test_nobody_waits_for_what_is_only_added() -> None:
    queue = CheckpointQueue()
    assert not queue.is_awaited
    queue.add(update(1))
    assert not queue.is_awaited


def test_what_stands_behind_the_awaited_update_does_not_prolong_the_wait() -> None:
    queue = CheckpointQueue()
    queue.add(update(1))
    queue.add_and_wait(update(2))
    queue.add(update(3))
    assert queue.is_awaited
    assert [entry.id for entry in queue.take().updates] == ["1", "2", "3"]
    assert not queue.is_awaited


def test_the_wait_lasts_until_the_awaited_update_is_taken() -> None:
    queue = CheckpointQueue()
    for number in range(MAX_BATCH_UPDATES):
        queue.add(update(number))
    queue.add_and_wait(update("last"))
    queue.take()
    assert queue.is_awaited
    queue.take()
    assert not queue.is_awaited


def test_everything_queued_may_be_awaited_later() -> None:
    queue = CheckpointQueue()
    queue.add(update(1))
    queue.await_all()
    assert queue.is_awaited
    queue.take()
    queue.add(update(2))
    assert not queue.is_awaited


# Taking back and amending


def test_a_start_that_was_not_sent_can_be_taken_back() -> None:
    queue = CheckpointQueue()
    queue.add_and_wait(wait("a", START))
    queue.add_and_wait(wait("b", START))
    assert queue.take_back("b")
    assert [entry.id for entry in queue.take().updates] == ["a"]
    assert not queue.take_back("a")
    assert not queue.is_awaited


def test_taking_the_only_awaited_update_back_ends_the_wait() -> None:
    queue = CheckpointQueue()
    queue.add_and_wait(wait("a", START))
    assert queue.take_back("a")
    assert len(queue) == 0
    assert not queue.is_awaited


def test_an_update_can_be_amended_until_it_is_sent() -> None:
    queue = CheckpointQueue()
    queue.add(update("a", START))
    queue.add(update("a", SUCCEED, "old"))
    queue.add(update("b", SUCCEED, "other"))
    assert queue.amend("a", SUCCEED, payload="new", replay_children=True)
    batch = queue.take()
    assert [entry.payload for entry in batch.updates] == [None, "new", "other"]
    assert batch.updates[1].replay_children
    assert batch.size_bytes == sum(map(size_of, batch.updates))
    assert not queue.amend("a", SUCCEED, payload="late")


def test_the_size_of_an_amended_update_counts() -> None:
    queue = CheckpointQueue()
    queue.add(update("a"))
    queue.add(update("b"))
    queue.amend("a", SUCCEED, payload="x" * MAX_BATCH_BYTES)
    assert taken(queue) == [["a"], ["b"]]


# CANCEL


def test_a_cancel_does_not_share_a_call_with_its_own_start() -> None:
    queue = CheckpointQueue()
    queue.add(wait("a", START))
    queue.add(wait("b", START))
    queue.add(wait("a", CANCEL))
    queue.add(update("c"))
    assert taken(queue) == [["a", "b"], ["a", "c"]]


def test_a_cancel_shares_a_call_with_others() -> None:
    queue = CheckpointQueue()
    queue.add(wait("a", CANCEL))
    queue.add(wait("b", START))
    queue.add(wait("c", CANCEL))
    assert taken(queue) == [["a", "b", "c"]]


def test_a_batch_can_be_sent_without_its_cancels() -> None:
    queue = CheckpointQueue()
    queue.add(update(1))
    queue.add(wait("a", CANCEL))
    queue.add(update(2))
    assert [entry.id for entry in without_cancels(queue.take()).updates] == ["1", "2"]


def test_an_error_counts_by_all_its_texts() -> None:
    bare = size_of(update(1))
    error = ErrorObject('a"', "not counted", "\\", ("é", "x"))
    failed = OperationUpdate("1", OperationType.STEP, OperationAction.FAIL, error=error)
    assert size_of(failed) - bare == 3 + 2 + 2 + 1
    assert size_of(failed._replace(error=ErrorObject())) == bare
