from __future__ import annotations

import asyncio

import pytest

from durable_core.lowlevel import (
    ErrorObject,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import FunctionConfig, ServiceError
from durable_testing.store.errors import ExecutionInUseError
from durable_testing.store.outside import OutsideRequest, RequestKind
from durable_testing.store.reader import open_reader

CALLBACK = OperationUpdate(
    "c", OperationType.CALLBACK, OperationAction.START, heartbeat_timeout_seconds=60
)


async def suspended(d, name="run"):
    """An execution that waits for a callback; returns its ARN and the callback's id."""
    arn = await d.run(CALLBACK, name=name)
    await d.end(arn)
    d.effects.clear()
    return arn, d.model.operations(arn)[1].callback_id


def ask(kind, target, **more):
    return OutsideRequest(RequestKind[kind], target, **more)


def test_one_process_runs_an_execution_and_all_may_read_it(path, desk, run):
    async def play():
        async with desk(path) as holder, desk(path) as other:
            arn = await holder.run(CALLBACK)
            with pytest.raises(ExecutionInUseError, match="'run' is in use by another process"):
                await other.start()
            with pytest.raises(ExecutionInUseError):
                await other.service.apply(lambda m, now: m.hold(arn, now))
            assert await other.service.recover() == []
            assert len(other.model.operations(arn)) == 2
            assert other.model.get_history(arn).events == holder.model.get_history(arn).events
            # What is refused is refused: it holds nothing, and works on.
            mine = await other.run(name="mine")
            await holder.end(arn, "SUCCEEDED")
            await other.end(mine, "SUCCEEDED")
            assert sorted(holder.model.arns()) == sorted([arn, mine])
            assert await other.start() == arn  # finished: anybody may ask for its outcome

    run(play())


def test_a_name_that_is_being_started_elsewhere_is_in_use(path, desk, run):
    async def play():
        async with desk(path) as first, desk(path) as second:
            arn = await first.start()
            with pytest.raises(ExecutionInUseError):
                await second.start()
            await first.service.close()
            assert await second.start() == arn
            assert second.invoked() == [arn]

    run(play())


@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.parametrize(
    "case",
    [
        ("CALLBACK_SUCCEED", {"result": '"é"'}, OperationStatus.SUCCEEDED, 1),
        ("CALLBACK_FAIL", {"error": ErrorObject("no", "E", "d", ("s",))}, "FAILED", 1),
        ("CALLBACK_FAIL", {}, "FAILED", 1),
        ("CALLBACK_HEARTBEAT", {}, OperationStatus.STARTED, 0),
    ],
)
def test_callbacks_are_answered_from_any_process(path, desk, run, is_held, case):
    kind, more, status, invokes = case

    async def play():
        holder, other = desk(path), desk(path)
        arn, callback_id = await suspended(holder)
        if not is_held:
            await holder.service.close()
        async with other:
            holder.now += 50_000
            other.now += 50_000
            assert await other.service.deliver(ask(kind, callback_id, **more)) is None
            record = other.model.operations(arn)[1]
            assert (record.status, record.result) == (status, more.get("result"))
            if kind == "CALLBACK_FAIL":
                assert record.error == more.get("error", ErrorObject())
            one_that_acts = holder if is_held else other
            assert len(one_that_acts.invoked()) == invokes
            assert other.model.state.archive.requests() == []
            if kind == "CALLBACK_HEARTBEAT":
                due = one_that_acts.model.next_operation_due_ms(arn)
                assert due == one_that_acts.now + 60_000
        await holder.service.close()

    run(play())


@pytest.mark.parametrize("is_held", [True, False])
def test_executions_are_stopped_paused_and_resumed_from_any_process(path, desk, run, is_held):
    async def play():
        holder, other = desk(path), desk(path)
        arn, _ = await suspended(holder)
        if not is_held:
            await holder.service.close()
        async with other:
            pause = ask("PAUSE", arn, reason="lunch", is_timeout_paused=False)
            await other.service.deliver(pause)
            details = other.model.get_execution(arn).pause
            assert (details.reason, details.is_timeout_paused) == ("lunch", False)
            with pytest.raises(ServiceError, match="ResourceConflict"):
                await other.service.deliver(pause)
            await other.service.deliver(ask("RESUME", arn))
            stopped = await other.service.deliver(ask("STOP", arn, error=ErrorObject("enough")))
            description = other.model.get_execution(arn)
            assert (description.ended_at_ms, description.error) == (stopped, ErrorObject("enough"))
            assert await other.service.deliver(ask("DELETE", arn)) == other.now
        await holder.service.close()

    run(play())


def test_a_refusal_of_the_holder_reaches_who_asked(path, desk, run):
    async def play():
        async with desk(path) as holder, desk(path) as other:
            _, callback_id = await suspended(holder)
            request = ask("CALLBACK_SUCCEED", callback_id, result="1")
            await other.service.deliver(request)
            for who in (other, holder):
                with pytest.raises(ServiceError, match="CallbackTimeoutException: The callback is"):
                    await who.service.deliver(request)
            with pytest.raises(ServiceError, match="Invalid callback id"):
                await other.service.deliver(ask("CALLBACK_SUCCEED", "nonsense"))
            with pytest.raises(ServiceError, match="does not exist"):
                await other.service.deliver(ask("STOP", "arn:nobody"))

    run(play())


def test_a_request_outlives_the_holder_that_did_not_answer_it(path, desk, run):
    async def play():
        holder, other = desk(path), desk(path)
        arn, callback_id = await suspended(holder)
        holder.service._serve = lambda: None  # it is busy to the end of its days
        request = ask("CALLBACK_SUCCEED", callback_id, result="1")
        delivery = asyncio.ensure_future(other.service.deliver(request))
        await asyncio.wait([delivery], timeout=0.12)
        assert not delivery.done()
        await holder.service.close()
        await delivery
        assert other.model.operations(arn)[1].result == "1"
        assert other.invoked() == [arn]
        await other.service.close()

    run(play())


def test_a_request_outlives_the_process_that_left_it(path, desk, run):
    async def play():
        async with desk(path) as holder, desk(path) as other:
            arn, callback_id = await suspended(holder)
            serve, holder.service._serve = holder.service._serve, lambda: None
            delivery = asyncio.ensure_future(
                other.service.deliver(ask("CALLBACK_SUCCEED", callback_id, result="1"))
            )
            while not holder.model.state.archive.requests():
                await other.service.apply(lambda m, _: m.arns())
                await asyncio.sleep(0)
            other.service._write = lambda _: None  # killed before it could take it back
            delivery.cancel()
            await asyncio.wait([delivery])
            serve()
            serve()  # once is enough
            await holder.service.apply(lambda m, _: m.operations(arn))
            assert holder.invoked() == [arn]
            assert holder.model.operations(arn)[1].result == "1"

    run(play())


def test_who_gives_up_takes_the_request_back(path, desk, run):
    async def play():
        async with desk(path) as holder, desk(path) as other:
            arn, callback_id = await suspended(holder)
            holder.service._serve = lambda: None
            delivery = asyncio.ensure_future(
                other.service.deliver(ask("CALLBACK_SUCCEED", callback_id, result="1"))
            )
            while not holder.model.state.archive.requests():
                await other.service.apply(lambda m, _: m.arns())
                await asyncio.sleep(0)
            delivery.cancel()
            await asyncio.wait([delivery])
            await other.service.apply(lambda m, _: m.arns())
            assert holder.model.state.archive.requests() == []
            assert holder.model.operations(arn)[1].status is OperationStatus.STARTED

    run(play())


def test_the_file_knows_the_functions_of_all_its_processes(path, desk, run):
    async def play():
        mine = FunctionConfig(name="mine", execution_timeout_seconds=5, aliases={"a": "1"})
        async with desk(path), desk(path, (mine,)) as second:
            assert second.model.function("mine") == mine
            assert second.model.function("f") is not None
        with open_reader(path) as model:
            assert model.function("mine") == mine
            assert [f.name for f in model.functions()] == ["f", "child", "plain", "mine"]

    run(play())


def test_two_processes_write_side_by_side(path, desk, run):
    async def write(d, name):
        arn = await d.start(name)
        await d.begin(arn)
        for number in range(30):
            step = OperationUpdate(f"{number}", OperationType.STEP, OperationAction.SUCCEED)
            await d.send(arn, step)
        return arn

    async def play():
        async with desk(path) as first, desk(path) as second:
            plays = [write(d, f"{n}-{id(d)}") for n in range(5) for d in (first, second)]
            arns = await asyncio.gather(*plays)
        with open_reader(path) as model:
            assert {len(model.operations(arn)) for arn in arns} == {31}

    run(play())
