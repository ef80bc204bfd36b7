"""A run that the test takes forward step by step."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import CallbackFailedError, CallbackTimeoutError, DurableContext
from durable_testing import (
    DurableTestRunner,
    ExecutionBlockedError,
    ExecutionFailedError,
    OperationNotFoundError,
    ReplayCheckError,
    ScriptError,
    VirtualClock,
)
from durable_testing.model import ServiceError

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def one() -> int:
    return 1


async def ask(callback_id: str) -> None: ...


async def order(event: Any, context: DurableContext) -> Any:
    await context.step("reserve", one)
    await context.wait("cool-off", hours=1)
    try:
        return await context.wait_for_callback(
            "approve", ask, timeout=timedelta(days=1), heartbeat_timeout=timedelta(hours=2)
        )
    except CallbackTimeoutError as error:
        return "no sign of life" if error.heartbeat else "no answer"
    except CallbackFailedError as error:
        return error.message


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_no_time_passes_but_by_the_test() -> None:
    async def main() -> None:
        run = DurableTestRunner(order).start({"n": 1})
        result = await run.run_until_suspended()
        began = run.now
        assert [each.path for each in result.operations] == ["reserve", "cool-off"]
        await run.advance(timedelta(minutes=59))
        assert run.operation("cool-off").status == "STARTED"
        assert run.now - began == timedelta(minutes=59)
        await run.advance(61)
        assert run.operation("cool-off").status == "SUCCEEDED"
        assert run.operation("approve").status == "STARTED"
        await run.send_callback_success("approve", "ann")
        assert (await run.result()).value == "ann"

    run(main())


def test_a_run_goes_until_an_operation_has_a_status() -> None:
    async def main() -> None:
        async with DurableTestRunner(order).start() as run:
            assert (await run.run_until("cool-off", "STARTED")).status == "STARTED"
            assert (await run.run_until("cool-off")).succeeded
            assert (await run.run_until("approve", "STARTED")).callback_id is not None
            assert (await run.run_until("approve create callback id", "TIMED_OUT")).error
            with pytest.raises(OperationNotFoundError, match="ended before an operation 'ship'"):
                await run.run_until("ship")

    run(main())


def test_callbacks_are_answered_by_name_and_by_id() -> None:
    async def main() -> None:
        by_id = await DurableTestRunner(order).start()
        callback_id = (await by_id.run_until("approve", "STARTED")).callback_id
        assert callback_id is not None
        await by_id.send_callback_failure(callback_id, ValueError("no way"))
        with pytest.raises(ServiceError, match="timed out or already completed"):
            await by_id.send_callback_success(callback_id, "too late")
        assert (await by_id.result()).value == "no way"

        by_name = await DurableTestRunner(order).start()
        with pytest.raises(ScriptError, match="no callback 'approve' is open; open: none"):
            await by_name.send_callback_success("approve")
        await by_name.run_until("approve", "STARTED")
        with pytest.raises(ScriptError, match="no callback 'aprove' is open; open: 'approve'"):
            await by_name.send_callback_success("aprove")
        await by_name.send_callback_success("approve", {"by": "ann"})
        assert (await by_name.result()).value == '{"by":"ann"}'

    run(main())


def test_heartbeats_by_hand_keep_a_callback_open() -> None:
    async def main() -> None:
        run = DurableTestRunner(order).start()
        await run.run_until("approve", "STARTED")
        for _ in range(3):
            await run.advance(timedelta(minutes=100))
            await run.send_callback_heartbeat("approve")
        assert run.operation("approve").status == "STARTED"
        await run.advance(timedelta(hours=2))
        assert (await run.result()).value == "no sign of life"

    run(main())


def test_scripted_answers_come_in_their_time() -> None:
    async def main() -> None:
        runner = DurableTestRunner(order)
        runner.callback("approve").succeeds_with("ann", after=timedelta(minutes=30))
        run = runner.start()
        await run.run_until("approve", "STARTED")
        await run.advance(timedelta(minutes=29))
        assert run.operation("approve").status == "STARTED"
        await run.advance(timedelta(minutes=2))
        assert run.snapshot().value == "ann"

    run(main())


def test_an_execution_is_stopped() -> None:
    async def main() -> None:
        run = DurableTestRunner(order).start()
        await run.run_until_suspended()
        await run.stop("enough")
        result = await run.result()
        assert result.status == "STOPPED"
        assert result.error is not None
        assert result.error.message == "enough"

    run(main())


def test_a_paused_execution_goes_on_only_when_it_is_resumed() -> None:
    async def main() -> None:
        run = DurableTestRunner(order).start()
        await run.run_until_suspended()
        await run.pause("maintenance")
        await run.advance(timedelta(hours=2))
        assert run.snapshot().status == "PAUSED"
        assert run.operation("cool-off").status == "SUCCEEDED"
        assert len(run.snapshot().operations) == 2
        with pytest.raises(ExecutionBlockedError, match="PAUSED: resume it"):
            await run.result()
        await run.resume()
        await run.run_until("approve", "STARTED")
        await run.send_callback_success("approve", "ann")
        assert (await run.result()).value == "ann"

    run(main())


def test_waiting_for_what_nobody_brings_says_so() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.wait_for_callback("approve", ask)

    async def main() -> None:
        run = DurableTestRunner(handler).start()
        with pytest.raises(ExecutionBlockedError, match="callback 'approve' is open"):
            await run.run_until("approve")
        await run.close()

    run(main())


def test_the_replays_of_a_run_by_hand_are_checked() -> None:
    numbers = iter(range(100))

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(f"step-{next(numbers)}", one)

    async def main() -> None:
        run = DurableTestRunner(handler).start()
        await run.run_until_suspended()
        with pytest.raises(ReplayCheckError, match="step-0"):
            await run.result()

    run(main())


def test_a_handle_that_was_not_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="await the handle first"):
        DurableTestRunner(order).start().snapshot()


def test_plain_step_functions_run_in_threads_and_hold_the_time() -> None:
    def plain() -> int:
        return sum(range(100_000))

    async def handler(event: Any, context: DurableContext) -> int:
        results = await asyncio.gather(*(context.step(plain) for _ in range(3)))
        await context.wait(hours=1)
        return len(results)

    async def main() -> None:
        clock = VirtualClock(patience_seconds=60)
        run = DurableTestRunner(handler, clock=clock).start()
        result = await run.run_until_suspended()
        assert [each.kind for each in result.operations] == ["step"] * 3 + ["wait"]
        assert (await run.result()).value == 3

    run(main())


def test_a_running_attempt_counts() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("slow", hanging)

    async def hanging() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        clock = VirtualClock(patience_seconds=0.01)
        async with DurableTestRunner(handler, clock=clock).start() as run:
            await run.run_until_suspended()
            await run.advance(60)
            slow = run.operation("slow")
            assert (slow.status, slow.attempts) == ("STARTED", 1)
            with pytest.raises(ExecutionFailedError, match="'slow' has no value, it is STARTED"):
                _ = slow.value

    run(main())


def test_a_clock_that_runs_stands_still_for_a_run_by_hand() -> None:
    async def main() -> None:
        clock = VirtualClock()
        run = DurableTestRunner(order, clock=clock).start()
        result = await run.run_until_suspended()
        for _ in range(100):
            await asyncio.sleep(0)
        assert run.operation("cool-off").status == "STARTED"
        assert result.virtual_duration < timedelta(seconds=1)
        await run.close()
        runner = DurableTestRunner(order, clock=clock)
        runner.callback("approve").succeeds_with("ann")
        assert (await runner.run()).value == "ann"

    run(main())
