"""Each example runs to the result its docstring promises."""

import asyncio
import json

import pytest

from durable_core.lowlevel import ErrorObject, ExecutionStatus
from durable_examples import approval, fan_out, order, quick_start
from durable_testing.engine import LocalEngine, VirtualClock, durable_function, in_memory


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Where the examples leave their traces, without taking their time."""
    path = tmp_path / "effects"
    monkeypatch.setenv("DURABLE_EXAMPLES_LOG", str(path))
    monkeypatch.setenv("DURABLE_EXAMPLES_SECONDS", "0")
    return path


async def run(handler, event, answer=None):
    """Run on a virtual clock; `answer` is given each callback before time goes on."""
    functions = [durable_function("example", handler)]
    clock = VirtualClock(patience_seconds=30, is_running=answer is None)
    async with LocalEngine(functions, in_memory(), clock=clock) as engine:
        arn = (await engine.start("example", json.dumps(event))).execution_arn
        if answer is not None:
            await engine.quiet()
            (callback,) = engine.model.open_callbacks(arn)
            await engine.apply(lambda model, now_ms: answer(model, callback.callback_id, now_ms))
            clock.run()
        outcome = await engine.outcome(arn)
    assert outcome.status is ExecutionStatus.SUCCEEDED, outcome.error
    return json.loads(outcome.result), outcome


def test_the_quick_start_greets_after_five_seconds():
    result, outcome = asyncio.run(run(quick_start.handler, {"user_id": "ann"}))
    assert result == {"greeting": "Hello, Ann!"}
    assert outcome.ended_at_ms - outcome.started_at_ms >= 5000


def test_an_order_is_reserved_charged_and_shipped(log):
    result, _ = asyncio.run(run(order.handler, {"order_id": "A-1"}))
    assert result == {
        "order_id": "A-1",
        "status": "shipped",
        "payment": "payment-A-1",
        "tracking": "tracking-reservation-A-1",
    }
    assert log.read_text().split("\n")[:-1] == ["reserve A-1", "charge A-1", "ship reservation-A-1"]


def test_a_declined_order_is_undone(log):
    result, _ = asyncio.run(run(order.handler, {"order_id": "A-declined"}))
    assert result["status"] == "cancelled"
    assert "card declined" in result["reason"]
    effects = ["reserve A-declined", "refund A-declined", "release reservation-A-declined"]
    assert log.read_text().split("\n")[:-1] == effects


EXPENSE = {"expense": "train", "amount": 120}


def test_an_approved_expense_is_paid(capsys):
    def approve(model, callback_id, now_ms):
        assert f"durable callback succeed {callback_id}" in capsys.readouterr().err
        model.callback_succeed(callback_id, '{"by": "ann"}', now_ms)

    result, _ = asyncio.run(run(approval.handler, EXPENSE, approve))
    assert result == {
        "status": "paid",
        "approval": {"by": "ann"},
        "receipt": "paid 120 for train",
    }


def test_a_refused_expense_is_not_paid():
    def refuse(model, callback_id, now_ms):
        model.callback_fail(callback_id, ErrorObject("too expensive"), now_ms)

    result, _ = asyncio.run(run(approval.handler, EXPENSE, refuse))
    assert result == {"status": "refused", "reason": "too expensive"}


def test_an_expense_that_nobody_looks_at_expires_after_three_days():
    result, outcome = asyncio.run(run(approval.handler, EXPENSE))
    assert result == {"status": "expired"}
    assert outcome.ended_at_ms - outcome.started_at_ms >= 3 * 86_400_000


def test_pages_that_fail_are_named_and_the_others_indexed(log):
    pages = ["a", "bb", "broken-c", "dddd"]
    result, _ = asyncio.run(run(fan_out.handler, {"pages": pages}))
    assert result == {
        "indexed": 3,
        "characters": 3 * len("<html></html>") + 7,
        "failed": ["broken-c"],
        "reason": "ALL_COMPLETED",
    }


def test_a_third_failure_ends_the_fan_out(log):
    pages = ["broken-1", "broken-2", "broken-3", "never"]
    result, _ = asyncio.run(run(fan_out.handler, {"pages": pages}))
    assert result["failed"] == ["broken-1", "broken-2", "broken-3"]
    assert result["reason"] == "FAILURE_TOLERANCE_EXCEEDED"
    assert not log.exists()
