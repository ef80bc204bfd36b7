"""What a run leaves behind to look at."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_core import DurableContext, create_wait_strategy
from durable_core.lowlevel import ExecutionStatus, OperationStatus
from durable_testing import (
    DurableTestRunner,
    ExecutionFailedError,
    ExecutionResult,
    HistoryChangedError,
    OperationNotFoundError,
    VirtualClock,
)


class CardDeclinedError(Exception):
    pass


MILLISECOND = timedelta(milliseconds=1)


async def one() -> int:
    return 1


async def ask(callback_id: str) -> None: ...


async def order(event: Any, context: DurableContext) -> Any:
    await context.step("reserve", one)
    await context.step("charge", one)
    await context.wait_for_callback("approve", ask)
    await context.run_in_child_context("ship", shipping)
    return {"status": "shipped"}


async def shipping(context: DurableContext) -> Any:
    await context.wait("load", days=1, hours=3)
    await asyncio.gather(*(context.step("notify", one) for _ in range(2)))
    return await context.invoke("call", "carrier", {"to": "Bern"})


def runner(**options: Any) -> DurableTestRunner:
    runner = DurableTestRunner(order, **options)
    runner.step("charge").fails_with(CardDeclinedError("no funds"), times=1).returns("paid")
    runner.callback("approve").succeeds_with("ann", after=timedelta(hours=2))
    runner.function("carrier", returns={"tracking": "1Z"})
    return runner


@pytest.fixture(scope="module")
def result() -> ExecutionResult:
    return runner().run_sync({"order_id": "A-1"}, name="order-1")


def test_how_it_ended(result: ExecutionResult) -> None:
    assert result.succeeded
    assert not result.failed
    assert result.status is ExecutionStatus.SUCCEEDED
    assert result.value == {"status": "shipped"}
    assert result.error is None
    assert result.name == "order-1"
    assert ":function:order:" in result.execution_arn
    assert result.started_at == datetime(2026, 1, 1, tzinfo=UTC)
    result.assert_succeeded()


def test_what_it_cost(result: ExecutionResult) -> None:
    assert result.invocations == 5
    assert result.checkpoint_calls == 9
    assert result.billed_operations == 12  # itself, ten operations, one retry
    assert result.bytes_written > 0


def test_the_tree_has_no_ids_and_no_times_of_day(result: ExecutionResult) -> None:
    assert result.tree() == (
        "✓ order                                      1 d 5 h 0 m 4 s · 5 invocations\n"
        "├─ ✓ reserve            step        1 attempt\n"
        "├─ ✓ charge             step        2 attempts  CardDeclinedError: no funds\n"
        "├─ ✓ approve            callback    2 h\n"
        "└─ ✓ ship               context\n"
        "   ├─ ✓ load            wait        1 d 3 h\n"
        "   ├─ ✓ notify          step        1 attempt\n"
        "   ├─ ✓ notify          step        1 attempt\n"
        "   └─ ✓ call            invoke      carrier"
    )


def test_operations_are_found_by_name_index_path_and_predicate(result: ExecutionResult) -> None:
    assert result.operation("reserve").path == "reserve"
    assert result.operation("notify", index=1).path == "ship/notify[1]"
    assert result.operation("notify", index=-1) is result.operation("notify", index=1)
    assert result.operation_at("ship/notify").name == "notify"
    assert result.operation_at("approve/approve submitter").kind == "step"
    waits = result.find(lambda operation: operation.wait_seconds)
    assert [each.path for each in waits] == ["ship/load"]
    assert [each.name for each in result.operations] == ["reserve", "charge", "approve", "ship"]
    ship = result.operation("ship")
    assert [each.parent is ship for each in ship.children] == [True] * 4


def test_an_operation_tells_what_it_did(result: ExecutionResult) -> None:
    charge = result.operation("charge")
    assert (charge.status, charge.succeeded) == (OperationStatus.SUCCEEDED, True)
    assert (charge.value, charge.attempts, charge.error) == ("paid", 2, None)
    assert [error.message for error in charge.attempt_errors] == ["no funds"]
    assert (charge.type, charge.subtype, charge.kind) == ("STEP", "Step", "step")

    load = result.operation("load")
    assert (load.wait_seconds, load.attempts, load.value) == (27 * 3600, 0, None)
    assert load.ended_at is not None
    assert load.ended_at - load.started_at == load.duration == timedelta(hours=27)

    call = result.operation("call")
    assert (call.function_name, call.payload) == ("carrier", {"to": "Bern"})
    assert call.value == {"tracking": "1Z"}
    approve = result.operation("approve")
    assert approve.callback_id == approve.children[0].callback_id is not None
    assert repr(call) == "<invoke 'ship/call' SUCCEEDED>"


def test_an_operation_that_is_not_there_is_missed_with_what_is(result: ExecutionResult) -> None:
    with pytest.raises(OperationNotFoundError) as missing:
        result.operation("notfy")
    assert "there is no operation 'notfy'; did you mean 'notify'" in str(missing.value)
    assert "├─ ✓ reserve" in str(missing.value)
    with pytest.raises(OperationNotFoundError, match="'notify' with index 2"):
        result.operation("notify", index=2)
    with pytest.raises(OperationNotFoundError, match="no operation at 'ship/lod'"):
        result.operation_at("ship/lod")


def test_a_failed_execution_tells_why_wherever_a_value_is_asked_of_it() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("fine", one)
        raise CardDeclinedError("no funds")

    result = DurableTestRunner(handler).run_sync()

    assert result.failed
    assert result.error is not None
    assert result.error.message == "no funds"
    with pytest.raises(ExecutionFailedError) as failure:
        assert result.value == 7
    message = str(failure.value)
    assert "it is FAILED" in message
    assert "CardDeclinedError: no funds" in message
    assert "raise CardDeclinedError" in message
    assert "├─" in message or "└─ ✓ fine" in message
    assert "· CardDeclinedError: no funds" in repr(result).splitlines()[1]


def test_an_operation_that_failed_has_no_value() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step("charge", one)

    runner = DurableTestRunner(handler)
    runner.step("charge").fails_with(CardDeclinedError("no funds"))
    charge = runner.run_sync().operation("charge")

    assert charge.error is not None
    assert charge.error.message == "no funds"
    assert len(charge.attempt_errors) == charge.attempts == 6
    with pytest.raises(ExecutionFailedError, match="'charge' has no value, it is FAILED: CardDec"):
        _ = charge.value


def test_the_same_seed_gives_the_same_history_byte_for_byte() -> None:
    first, again = (json.dumps(runner(seed=7).run_sync().history()) for _ in range(2))
    other = json.dumps(runner(seed=8).run_sync().history())

    assert first == again
    assert first != other
    arns = {runner(seed=seed).run_sync().execution_arn for seed in (7, 8)}
    assert len(arns) == 2


def test_histories_do_not_depend_on_what_else_runs() -> None:
    async def together() -> list[ExecutionResult]:
        return await asyncio.gather(*(runner(seed=7).run({"n": 1}) for _ in range(5)))

    alone = runner(seed=7).run_sync({"n": 1}).history()

    assert [result.history() for result in asyncio.run(together())] == [alone] * 5


def test_values_of_classes_come_back_as_their_class() -> None:
    @dataclasses.dataclass
    class Receipt:
        total: int

    async def handler(event: Receipt, context: DurableContext) -> Receipt:
        return Receipt(event.total + await context.step("one", one))

    handler.__annotations__.update({"event": Receipt, "return": Receipt})

    assert DurableTestRunner(handler).run_sync(Receipt(1)).value == Receipt(2)
    assert DurableTestRunner(handler).run_sync({"total": 2}).value == Receipt(3)


def test_the_signature_is_kept_in_a_file(result: ExecutionResult, tmp_path: Any) -> None:
    file = tmp_path / "new" / "order.txt"
    with pytest.raises(HistoryChangedError, match="--durable-update-history to write it"):
        result.assert_history(file)
    result.assert_history(file, update=True)
    result.assert_history(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert "StepSucceeded           Step                ship/notify" in lines
    file.write_text("\n".join(lines[:-3]), encoding="utf-8")

    with pytest.raises(HistoryChangedError, match=r"\+ExecutionSucceeded"):
        result.assert_history(file)


def test_a_timeline_is_printed(
    result: ExecutionResult, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    result.print()
    drawn = capsys.readouterr().out

    assert "✓ order  1 d 5 h 0 m 4 s · 5 invocations" in drawn
    assert drawn.count("━") > 20
    assert "CardDeclinedError: no funds" in drawn


def test_a_run_says_where_it_stands_while_it_is_open() -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        strategy = create_wait_strategy(should_continue_polling=lambda state: True)
        both = [
            context.wait_for_condition("poll", keep, initial_state=0, wait_strategy=strategy),
            context.create_callback("approve"),
        ]
        await asyncio.gather(*both)

    async def keep(state: int) -> int:
        return state

    async def main() -> str:
        run = DurableTestRunner(handler).start()
        return (await run.run_until_suspended()).tree()

    assert asyncio.run(main()).splitlines()[1:] == [
        "├─ ◷ poll               condition   1 attempt",
        "└─ ▸ approve            callback    open",
    ]


def test_a_clock_of_ones_own_sets_the_time() -> None:
    clock = VirtualClock(1_900_000_000_000)

    result = runner(clock=clock).run_sync()

    assert result.started_at.year == 2030
    assert clock.now_ms() >= 1_900_000_000_000 + timedelta(days=1, hours=5) // MILLISECOND
