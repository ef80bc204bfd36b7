from __future__ import annotations

import asyncio
import sqlite3

import pytest

from durable_core.lowlevel import (
    CheckpointError,
    CheckpointRequest,
    ExecutionStatus,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import ListQuery, ServiceError, StartRequest
from durable_testing.store.errors import StoreError
from durable_testing.store.reader import open_reader
from durable_testing.store.schema import connect


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


STEP = up("s", "STEP", "SUCCEED", payload="1")
WAIT = up("w", "WAIT", "START", wait_seconds=60)
CALLBACK = up("c", "CALLBACK", "START", timeout_seconds=600, heartbeat_timeout_seconds=60)
INVOKE = up("i", "CHAINED_INVOKE", "START", function_name="plain", payload="[1]")


async def settle():
    """Let the loop go on as far as it can without the disk."""
    for _ in range(20):
        await asyncio.sleep(0)


class Blocked:
    """Another connection is writing: nothing can be committed."""

    def __init__(self, path):
        self._connection = connect(path)

    def __enter__(self):
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_):
        self._connection.execute("ROLLBACK")
        self._connection.close()


def committed(path, arn):
    """What the file says of an execution: status and its records' ids."""
    with open_reader(path) as model:
        return model.get_execution(arn).status, [r.id for r in model.operations(arn)][1:]


def commits(service):
    """Note each transaction from now on."""
    seen = []
    service._queue._connection.set_trace_callback(
        lambda sql: seen.append(sql) if sql == "COMMIT" else None
    )
    return seen


def test_answers_and_effects_come_after_the_commit(path, desk, run):
    async def play():
        async with desk(path) as d:
            with Blocked(path):
                request = StartRequest("f", "{}", "run")
                answer = d.service.apply(lambda m, now: m.start_execution(request, now))
                await settle()
                assert (answer.done(), d.effects) == (False, [])
                assert d.model.find_execution("f", "run")  # the machine is ahead of the disk
            started = await answer
            assert committed(path, started.execution_arn) == (ExecutionStatus.RUNNING, [])
            assert d.invoked() == [started.execution_arn]

    run(play())


def test_an_answer_waits_for_what_it_saw(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run()
            reading = d.service.apply(lambda m, _: m.get_execution(arn))
            assert reading.done()  # nothing is outstanding
            with Blocked(path):
                writing = asyncio.ensure_future(d.send(arn, STEP))
                await settle()
                reading = d.service.apply(lambda m, _: m.operations(arn))
                refusal = d.service.checkpoint(CheckpointRequest(arn, "YQ==", (), ""))
                await settle()
                assert [reading.done(), refusal.done()] == [False, False]
            assert [record.id for record in await reading][1:] == ["s"]
            with pytest.raises(CheckpointError, match="Invalid checkpoint token"):
                await refusal
            await writing

    run(play())


def test_calls_that_come_in_during_a_commit_share_the_next_one(path, desk, run):
    async def play():
        async with desk(path) as d:
            arns = [await d.run(name=f"run-{n}") for n in range(20)]
            seen = commits(d.service)
            with Blocked(path):
                first = asyncio.ensure_future(d.send(arns[0], STEP))
                await settle()
                rest = [asyncio.ensure_future(d.send(arn, STEP)) for arn in arns[1:]]
                await settle()
            await asyncio.gather(first, *rest)
            assert len(seen) == 2

    run(play())


def test_a_reopened_file_gives_back_all_there_was(path, desk, run, picture):
    async def play():
        async with desk(path) as d:
            arn = await d.run(STEP, WAIT, CALLBACK, INVOKE, up("o", "STEP", "START", name="n"))
            failed = up("s2", "STEP", "FAIL", error=None)
            retried = up("s3", "STEP", "RETRY", payload="é", next_attempt_delay_seconds=9)
            await d.send(arn, failed, retried)
            assert (await d.send(arn)).operations == ()
            before = picture(d.model, arn)
        with open_reader(path) as model:
            assert picture(model, arn) == before
            assert model.get_execution(arn).status is ExecutionStatus.RUNNING
            assert [f.name for f in model.functions()] == ["f", "child", "plain"]

    run(play())


def test_an_execution_goes_on_where_its_process_left_it(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run(STEP, WAIT, INVOKE)
        async with desk(path) as d:
            assert d.model.next_due_ms() is None  # loaded on demand
            d.now += 30_000
            assert await d.start() == arn
            dispatch, invoke = d.effects
            assert (dispatch.operation_id, dispatch.payload) == ("i", "[1]")
            assert invoke.execution_arn == arn
            assert d.model.next_operation_due_ms(arn) == d.model.operations(arn)[2].scheduled_end_ms
            events = [event.type.value for event in d.model.history(arn)]
            assert events[-1] == "InvocationCompleted"
            event = (await d.begin(arn)).input
            assert [record.id for record in event.operations][1:] == ["s", "w", "i"]
            await d.end(arn, "SUCCEEDED", Result="1")
        assert committed(path, arn)[0] is ExecutionStatus.SUCCEEDED

    run(play())


def test_recovery_takes_up_everything_unfinished(path, desk, run):
    async def play():
        async with desk(path) as d:
            arns = [await d.run(CALLBACK, name=name) for name in ("a", "b", "c")]
            await d.end(arns[0])
            await d.end(arns[1], "SUCCEEDED")
        async with desk(path) as d:
            assert sorted(await d.service.recover()) == sorted([arns[0], arns[2]])
            assert d.invoked() == [arns[2]]
            d.now += 61_000
            await d.service.apply(lambda m, now: m.fire_due(now))
            record = d.model.operations(arns[0])[1]
            assert record.status is OperationStatus.TIMED_OUT
            assert d.invoked() == [arns[0]]

    run(play())


def test_a_refused_batch_leaves_the_file_as_it_was(path, desk, run, picture):
    async def play():
        async with desk(path) as d:
            arn = await d.run(WAIT)
            before = picture(d.model, arn)
            seen = commits(d.service)
            with pytest.raises(CheckpointError, match="Cannot start a WAIT") as caught:
                await d.send(arn, STEP, WAIT)
            assert not caught.value.is_retryable
            assert (picture(d.model, arn), seen) == (before, [])
            await d.send(arn, STEP)
        assert committed(path, arn)[1] == ["w", "s"]

    run(play())


def test_pages_of_state_are_served(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run(STEP)
            with pytest.raises(CheckpointError, match="Invalid Marker"):
                await d.service.load_page(arn, d.tokens[arn], "nonsense")
            page = await d.service.load_page(arn, d.tokens[arn], "")
            assert [record.id for record in page.operations][1:] == ["s"]

    run(play())


def test_a_closed_execution_is_left_to_the_file(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run(CALLBACK)
            callback_id = d.model.operations(arn)[1].callback_id
            await d.end(arn, "SUCCEEDED", Result="1")
            assert d.model.state.executions == {}
            assert d.model.get_execution(arn).result == "1"
            assert d.model.find_execution("f", "run") == d.model.find_callback(callback_id) == arn
            assert d.model.arns() == [arn]
            assert await d.start() == arn  # the same name and input
            with pytest.raises(ServiceError, match="already completed"):
                await d.service.apply(lambda m, now: m.callback_succeed(callback_id, "", now))
            with pytest.raises(ServiceError, match="ResourceConflict"):
                await d.service.apply(lambda m, now: m.pause(arn, now))
            assert d.model.state.executions == {}
            assert await d.service.apply(lambda m, now: m.stop(arn, None, now)) < d.now + 100

    run(play())


def test_lists_hold_what_is_in_memory_and_what_is_not(path, desk, run):
    async def play():
        async with desk(path) as d:
            for name in ("a", "b", "c"):
                arn = await d.run(name=name)
                d.now += 1000
                if name != "b":
                    await d.end(arn, "SUCCEEDED")
            page = d.model.list_executions("f", ListQuery(oldest_first=True))
            assert [(s.name, s.status.value) for s in page.executions] == [
                ("a", "SUCCEEDED"),
                ("b", "RUNNING"),
                ("c", "SUCCEEDED"),
            ]
            assert d.model.list_executions("child").executions == ()

    run(play())


def test_deletion_and_retention_reach_the_file(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn, kept = [await d.run(CALLBACK, name=name) for name in ("run", "kept")]
            await d.end(arn, "SUCCEEDED")
            await d.end(kept, "FAILED")
            await d.service.apply(lambda m, now: m.delete(arn, now))
            d.now += 1001
            await d.service.apply(lambda m, now: m.fire_due(now))
            with pytest.raises(ServiceError, match="does not exist"):
                await d.service.apply(lambda m, _: m.get_execution(arn))
            again = await d.start()  # its name is free
            assert again != arn
            with open_reader(path) as model:
                assert sorted(model.arns()) == sorted([again, kept])
        async with desk(path) as d:  # what it does not hold expires, too
            d.now += 15 * 86_400_000
            await d.service.apply(lambda m, now: m.fire_due(now))
            assert d.model.arns() == [again]
            with sqlite3.connect(path) as connection:
                for table in ("operations", "events"):
                    (number,) = connection.execute(
                        f"SELECT count(DISTINCT execution) FROM {table}"  # noqa: S608
                    ).fetchone()
                    assert number == 1
            connection.close()

    run(play())


def test_a_deletion_in_the_making_survives_the_process(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run()
            await d.end(arn, "SUCCEEDED")
            await d.service.apply(lambda m, now: m.delete(arn, now))
        async with desk(path) as d:
            d.now += 999
            await d.service.apply(lambda m, now: m.fire_due(now))
            assert d.model.get_execution(arn).status is ExecutionStatus.DELETING
            d.now += 1
            await d.service.apply(lambda m, now: m.fire_due(now))
            assert d.model.arns() == []

    run(play())


def test_a_deleted_name_may_be_taken_before_the_deletion_is_on_the_disk(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run()
            await d.end(arn, "SUCCEEDED")
            d.now += 15 * 86_400_000
            with Blocked(path):
                gone = d.service.apply(lambda m, now: m.fire_due(now))
                assert (d.model.arns(), d.model.find_execution("f", "run")) == ([], None)
                starting = asyncio.ensure_future(d.start())
                await settle()
            await gone
            assert await starting != arn
        with open_reader(path) as model:
            assert model.arns() == [await starting]

    run(play())


def test_children_go_on_with_their_parent(path, desk, run):
    async def play():
        async with desk(path) as d:
            parent = await d.run(up("i", "CHAINED_INVOKE", "START", function_name="child:live"))
            await d.end(parent)
            child = next(arn for arn in d.model.arns() if arn != parent)
            await d.begin(child)
            await d.send(child, up("i", "CHAINED_INVOKE", "START", function_name="child"))
        async with desk(path) as d:
            (grandchild,) = set(d.model.arns()) - {parent, child}
            await d.service.apply(lambda m, now: m.hold(grandchild, now))
            assert sorted(d.invoked()) == sorted([child, grandchild])
            await d.begin(grandchild)
            await d.end(grandchild, "SUCCEEDED", Result="1")
            assert d.invoked() == []  # the child is asked for already
            await d.begin(child)
            await d.end(child, "SUCCEEDED", Result="2")
            assert d.invoked() == [parent]
            assert d.model.operations(parent)[1].result == "2"
            assert list(d.model.state.executions) == [parent]

    run(play())


def test_a_caller_that_went_away_disturbs_nobody(path, desk, run):
    async def play():
        async with desk(path) as d:
            arn = await d.run()
            with Blocked(path):
                leaving = asyncio.ensure_future(d.send(arn, STEP))
                await settle()
                staying = d.service.apply(lambda m, _: m.operations(arn))
                await settle()
                leaving.cancel()
                await settle()
            assert len(await staying) == 2
        assert committed(path, arn)[1] == ["s"]

    run(play())


def test_closing_waits_for_what_is_outstanding(path, desk, run):
    async def play():
        d = desk(path)
        arn = await d.run()
        answers = [asyncio.ensure_future(d.send(arn, STEP))]
        await asyncio.sleep(0)
        await d.service.close()
        await asyncio.gather(*answers)
        assert committed(path, arn)[1] == ["s"]
        with pytest.raises(StoreError, match="is closed"):
            await d.start("other")
        with pytest.raises(CheckpointError, match="is closed") as caught:
            await d.send(arn)
        assert caught.value.is_retryable
        await d.service.close()

    run(play())


def test_a_commit_is_on_the_disk_not_only_in_the_system(path, desk, run):
    async def play():
        async with desk(path) as d:
            connection = d.service._queue._connection
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL

    run(play())
