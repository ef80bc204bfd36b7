"""A recorded history is replayed against code: the one that wrote it, and changed ones."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from durable_core import DurableContext, create_wait_strategy
from durable_core.lowlevel import OperationType
from durable_testing import DurableTestRunner, HistoryError, replay
from durable_testing.cli.main import app
from durable_testing.replays import event_from_wire, read_history, records_of

if TYPE_CHECKING:
    from pathlib import Path


async def one() -> int:
    return 1


async def ask(callback_id: str) -> None: ...


async def order(event: Any, context: DurableContext) -> Any:
    await context.step("reserve", one)
    await context.step("charge", one)
    await context.wait("cool-off", hours=1)
    approved = await context.wait_for_callback("approve", ask, timeout=timedelta(days=1))
    await context.invoke("ship", "shipping", {"by": approved})
    return {"status": "shipped"}


async def reordered(event: Any, context: DurableContext) -> Any:
    await context.step("charge", one)
    await context.step("reserve", one)


async def shortened(event: Any, context: DurableContext) -> Any:
    await context.step("reserve", one)


def recorded(handler: Any = order, **options: Any) -> Any:
    runner = DurableTestRunner(handler, **options)
    runner.callback("approve").succeeds_with("ann", after=timedelta(hours=2))
    runner.function("shipping", returns={"tracking": "1Z"})
    runner.step("charge").fails_with(ValueError("no"), times=1)
    return runner.run_sync({"n": 1})


def in_the_form_of_the_aws_cli(result: Any) -> dict[str, Any]:
    """Timestamps as ISO texts, no ARN, and nothing the service does not tell."""

    def told(event: dict[str, Any]) -> dict[str, Any]:
        kind = event["EventType"] + "Details"
        details = {key: at(key, value) for key, value in event[kind].items()}
        details.pop("ReplayChildren", None)
        stamp = at("EventTimestamp", event["EventTimestamp"])
        return event | {"EventTimestamp": stamp, kind: details}

    def at(key: str, value: Any) -> Any:
        if not key.endswith("Timestamp"):
            return value
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")

    return {"Events": [told(event) for event in result.history()]}


def test_code_replays_the_history_it_wrote() -> None:
    report = replay(order, recorded())

    assert report.ok
    assert report.operations == 7
    assert str(report) == "order replays its 7 recorded operations"
    report.assert_ok()


def test_steps_do_not_run_in_a_replay() -> None:
    ran: list[int] = []

    async def body() -> None:
        ran.append(1)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(body)
        await context.step(body)

    result = DurableTestRunner(handler).run_sync()
    assert ran == [1, 1]
    assert replay(handler, result).ok
    assert ran == [1, 1]


def test_a_changed_order_is_reported_with_file_and_line() -> None:
    report = replay(reordered, recorded())

    assert not report.ok
    assert report.divergence is not None
    assert "recorded  Step 'reserve'  SUCCEEDED" in report.divergence
    assert "called    Step 'charge'  at " in report.divergence
    assert "test_replay_history.py:" in report.divergence
    with pytest.raises(AssertionError, match="reordered does not replay its history: at operation"):
        report.assert_ok()


def test_operations_that_are_gone_are_reported() -> None:
    report = replay(shortened, recorded())

    assert report.divergence is not None
    assert "recorded, not called  Step 'charge'" in report.divergence


def test_code_that_goes_on_after_the_history_of_an_open_execution_is_fine() -> None:
    events = recorded().history()
    cut = next(n for n, event in enumerate(events) if event["EventType"] == "CallbackStarted")

    report = replay(order, events[: cut + 1])

    assert report.ok
    assert report.operations == 5


def test_every_prefix_of_a_history_can_be_replayed() -> None:
    events = recorded().history()

    assert all(replay(order, events[:count]).ok for count in range(1, len(events) + 1))


def test_a_history_comes_from_a_file_of_ours_or_of_the_aws_cli(tmp_path: Path) -> None:
    result = recorded()
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    result.save_history(ours)
    theirs.write_text(json.dumps(in_the_form_of_the_aws_cli(result)), encoding="utf-8")

    for file in (ours, str(theirs)):
        assert replay(order, file).ok
        assert not replay(reordered, file).ok


def test_the_records_of_a_history_are_those_of_the_service() -> None:
    async def child(context: DurableContext) -> str:
        return await context.step("large", large)

    async def large() -> str:
        return "x" * 200_000

    async def handler(event: Any, context: DurableContext) -> Any:
        await order(event, context)
        strategy = create_wait_strategy(should_continue_polling=lambda state: state < 3)
        await context.wait_for_condition("poll", poll, initial_state=0, wait_strategy=strategy)
        parts = await context.map("parts", range(3), lambda c, n, i: child(c))
        whole = await context.run_in_child_context("whole", doubled)
        try:
            async with asyncio.timeout(3):
                await context.wait("long", hours=3)
        except TimeoutError:
            pass
        return [len(parts.results()), len(whole)]

    async def doubled(context: DurableContext) -> str:
        return await context.step("a", large) + await context.step("b", large)

    async def poll(state: int) -> int:
        return state + 1

    result = recorded(handler)
    assert result.value == [3, 400_000]
    told = in_the_form_of_the_aws_cli(result)["Events"]

    for events in (result.history(), told):
        found = records_of(event_from_wire(event) for event in events)
        expected = result._recorded.records
        assert [each.id for each in found] == [each.id for each in expected]
        for ours, theirs in zip(found[1:], expected[1:], strict=True):
            assert ours == theirs, (ours.name, ours.type)
        assert replay(handler, events).ok


def test_a_context_with_a_summary_is_replayed_over_its_children() -> None:
    async def parts(context: DurableContext) -> list[str]:
        return [await context.step(f"part-{n}", large) for n in range(3)]

    async def large() -> str:
        return "x" * 150_000

    def handler_with(summary: str) -> Any:
        async def handler(event: Any, context: DurableContext) -> None:
            found = await context.run_in_child_context("parts", parts, summary=lambda _: summary)
            await context.step(f"{len(found)} parts of {len(found[0])}", one)

        return handler

    in_words = handler_with("three large parts")
    result = recorded(in_words)
    assert replay(in_words, result).ok
    assert replay(in_words, in_the_form_of_the_aws_cli(result)).ok

    as_json = handler_with('{"count": 3}')
    assert replay(as_json, recorded(as_json)).ok


def test_random_numbers_need_the_arn_that_our_own_files_hold(tmp_path: Path) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        await context.step(f"step-{context.random.randrange(10**6)}", one)

    result = DurableTestRunner(handler).run_sync()
    file = tmp_path / "history.json"
    result.save_history(file)

    assert replay(handler, file).ok
    assert not replay(handler, result.history()).ok
    assert replay(handler, result.history(), execution_arn=result.execution_arn).ok


def test_a_replay_may_be_made_within_a_running_loop() -> None:
    async def main() -> None:
        result = await DurableTestRunner(shortened).run()
        assert replay(shortened, result).ok
        assert not replay(reordered, result).ok

    asyncio.run(main())


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ({"Events": 3}, 'a history is JSON with a list of "Events"'),
        ({"Events": [], "NextMarker": "x"}, "further pages"),
        ([], "the history has no events"),
        ([{"EventType": "Nonsense"}], "this is no event of a durable execution"),
        ("missing.json", "missing.json cannot be read: No such file"),
    ],
)
def test_what_is_no_history_is_refused(history: Any, said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        replay(order, history)


def test_a_history_without_its_data_is_refused() -> None:
    events = recorded().history()
    for event in events:
        for member in event[event["EventType"] + "Details"].values():
            if isinstance(member, dict) and "Payload" in member:
                del member["Payload"]
                member["Truncated"] = True

    with pytest.raises(HistoryError, match="--include-execution-data"):
        replay(order, events)


def test_a_history_that_lacks_its_beginning_is_refused() -> None:
    with pytest.raises(HistoryError, match="does not begin with ExecutionStarted"):
        replay(order, recorded().history()[1:])


def nested(step: str, items: int = 3) -> Any:
    """Return a workflow whose steps lie in a map's items and in a child."""

    async def item(child: DurableContext, n: int, index: int) -> int:
        return await child.step(step if n == 1 else "work", one)

    async def inner(child: DurableContext) -> int:
        await child.step("first", one)
        return await child.step(step, one)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.map("items", range(items), item, max_concurrency=2)
        await context.run_in_child_context("child", inner)

    return handler


@pytest.mark.parametrize("in_words_of_the_aws_cli", [False, True])
def test_a_change_within_what_is_finished_is_found(*, in_words_of_the_aws_cli: bool) -> None:
    result = DurableTestRunner(nested("work")).run_sync()
    told = in_the_form_of_the_aws_cli(result) if in_words_of_the_aws_cli else result.history()

    unchanged, changed = replay(nested("work"), told), replay(nested("toil"), told)

    assert unchanged.ok
    assert unchanged.asked_for == unchanged.operations == 10
    assert changed.divergence is not None
    assert changed.divergence.startswith("cut after event ")
    assert "name 'work' became 'toil'" in changed.divergence


def test_a_change_within_a_finished_child_alone_is_found() -> None:
    def handler_with(name: str) -> Any:
        async def inner(child: DurableContext) -> int:
            return await child.step(name, one)

        async def handler(event: Any, context: DurableContext) -> None:
            await context.run_in_child_context("child", inner)

        return handler

    result = DurableTestRunner(handler_with("box")).run_sync()

    assert not replay(handler_with("bax"), result).ok


def test_a_report_counts_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    result = DurableTestRunner(nested("work", items=100)).run_sync()
    monkeypatch.setattr("durable_testing.replays.replaying.RECORDED_OPERATIONS", 300)

    some = replay(nested("work", items=100), result)
    every = replay(nested("work", items=100), result, every=True)

    assert some.ok
    assert some.operations == every.operations == every.asked_for == 204
    assert some.asked_for < 204
    assert str(some) == (
        f"handler replays {some.asked_for} of its 204 recorded operations; "
        f"{204 - some.asked_for} were not asked for"
    )


WORKFLOWS = """
async def one():
    return 1

async def order(event, context):
    await context.step("reserve", one)
    await context.step("charge", one)

async def changed(event, context):
    await context.step("reserve", one)
    await context.step("bill", one)
"""


def test_the_command_tells_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "replayed_orders.py").write_text(WORKFLOWS, encoding="utf-8")
    module = import_module("replayed_orders")
    DurableTestRunner(module.order).run_sync().save_history("a.json")
    (tmp_path / "b.json").write_text("{}", encoding="utf-8")

    def durable(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["replay", *arguments])
        return result.exit_code, result.output

    assert durable("replayed_orders:order", "a.json", "a.json") == (
        0,
        "✓ a.json: order replays its 2 recorded operations\n" * 2,
    )
    code, output = durable("replayed_orders:changed", "a.json")
    assert code == 1
    assert "called    Step 'bill'" in output
    assert "replayed_orders.py:11" in output
    assert durable("replayed_orders:order", "b.json")[0] == 2
    code, output = durable("replayed_orders:order", "replayed_orders.py")
    assert code == 2
    assert output.startswith("durable: replayed_orders.py is no JSON, so no history (")
    assert output.count("replayed_orders.py") == 1
    assert "`durable history NAME --json` prints one" in output
    assert durable("replayed_orders:missing", "a.json")[0] == 2
    assert durable("replayed_orders:order")[0] == 2


def test_reading_a_history_keeps_the_order_of_event_ids() -> None:
    events = recorded().history()

    assert read_history(events[::-1]) == read_history(events)
    assert records_of(read_history(events).events)[0].type is OperationType.EXECUTION
