"""Time, randomness and what a workflow may know of its execution."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from durable_core._engine.clock import PINNED_SUFFIX
from durable_core.lowlevel import Event, InvocationInput

if TYPE_CHECKING:
    from durable_core import DurableContext

STARTED = datetime(2026, 1, 1, tzinfo=UTC)


async def one() -> int:
    return 1


def took(bench: Any, ms: int) -> Any:
    """A step body that takes its time."""

    async def body() -> int:
        bench.clock.ms += ms
        return ms

    return body


def elapsed(context: DurableContext) -> int:
    return (context.now() - STARTED) // timedelta(milliseconds=1)


# Time


def test_time_is_when_the_latest_delivery_ended_on_every_replay(cut: Any) -> None:
    seen: list[list[int]] = []

    async def handler(event: Any, context: DurableContext) -> list[int]:
        times = [elapsed(context)]
        seen.append(times)
        await context.step("a", took(cut, 30))
        times.append(elapsed(context))
        await context.wait(5)
        times.append(elapsed(context))
        await context.step("b", took(cut, 7))
        times.append(elapsed(context))
        await context.wait(1)
        return times

    assert cut.result(handler) == [0, 30, 5030, 5037]
    assert all(times == seen[-1][: len(times)] for times in seen)


def test_loop_time_is_the_same_clock(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[bool]:
        same: list[bool] = []
        for _ in range(2):
            same.append(asyncio.get_running_loop().time() == context.now().timestamp())
            await context.wait(3)
        return same

    assert bench.result(handler) == [True, True]


def test_a_step_that_ends_earlier_than_one_delivered_does_not_turn_time_back(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[int]:
        times: list[int] = []

        async def note(awaitable: Any) -> None:
            await awaitable
            times.append(elapsed(context))

        await asyncio.gather(note(context.wait("w", 5)), note(context.step("s", took(cut, 9))))
        await context.wait(1)
        return times

    assert cut.result(handler) in ([9, 5000], [9, 5009])


def test_a_childs_clock_begins_where_its_parents_stands_and_goes_on_by_itself(cut: Any) -> None:
    async def child(context: DurableContext) -> list[int]:
        times = [elapsed(context)]
        await context.step("c", took(cut, 20))
        return [*times, elapsed(context)]

    async def handler(event: Any, context: DurableContext) -> Any:
        await context.step("a", took(cut, 10))
        inner = await context.run_in_child_context("child", child)
        after = elapsed(context)
        await context.wait(1)
        return [inner, after >= inner[1], elapsed(context)]

    inner, is_after, last = cut.result(handler)
    assert (inner, is_after) == ([10, 30], True)
    assert last >= 1030


def test_time_read_after_a_child_delivered_early_is_pinned_and_repeats(bench: Any) -> None:
    seen: list[list[int]] = []

    async def child(context: DurableContext, ms: int) -> int:
        return await context.step("c", took(bench, ms))

    async def handler(event: Any, context: DurableContext) -> None:
        times: list[int] = []
        seen.append(times)
        await context.run_in_child_context("first", child, 20)
        times.append(elapsed(context))
        bench.clock.ms += 500  # what the host's clock shows is nobody's business
        await context.run_in_child_context("second", child, 5)
        await context.run_in_child_context("third", child, 5)
        times.append(elapsed(context))
        await context.wait(1)

    assert bench.finish(handler).status == "SUCCEEDED"
    assert seen[0] == seen[1]
    first = bench.service.named("first")
    assert first.replay_children
    assert first.result == "20" + PINNED_SUFFIX
    assert bench.service.named("second").replay_children is False
    assert bench.service.named("third").result == "5" + PINNED_SUFFIX


def test_time_that_nobody_reads_pins_nothing(bench: Any) -> None:
    async def child(context: DurableContext) -> int:
        return await context.step("c", one)

    async def handler(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context("first", child)
        await context.step("s", one)
        context.now()
        await context.wait(1)

    assert bench.finish(handler).status == "SUCCEEDED"
    assert not bench.service.named("first").replay_children


def test_time_read_after_an_early_batch_or_retried_group_repeats(cut: Any) -> None:
    seen: list[list[int]] = []

    async def item(context: DurableContext, ms: int, index: int) -> int:
        return await context.step("c", took(cut, ms))

    async def group(context: DurableContext) -> int:
        return await context.step("g", took(cut, 3))

    async def handler(event: Any, context: DurableContext) -> None:
        times: list[int] = []
        seen.append(times)
        await context.map("m", [1, 2], item)
        times.append(elapsed(context))
        await context.with_retry("r", group)
        times.append(elapsed(context))
        await context.run_in_child_context("v", group, virtual=True)
        times.append(elapsed(context))
        await context.wait(1)
        times.append(elapsed(context))

    assert cut.finish(handler).status == "SUCCEEDED"
    whole = seen[-1]
    assert len(whole) == 4
    assert whole == sorted(whole)
    assert all(times == whole[: len(times)] for times in seen if len(times) > 2)


def test_a_callbacks_id_moves_time_to_its_start(bench: Any) -> None:
    seen: list[list[int]] = []

    async def handler(event: Any, context: DurableContext) -> None:
        times: list[int] = []
        seen.append(times)
        await context.step("a", took(bench, 40))
        result, _ = await context.create_callback("ok")
        times.append(elapsed(context))
        await result
        times.append(elapsed(context))
        await context.wait(1)

    bench.invoke(handler)
    bench.clock.ms += 960
    bench.service.happen("ok", Event.COMPLETE)
    bench.finish(handler)
    assert seen == [[40], [40, 1000], [40, 1000]]


# Randomness


async def draws(context: DurableContext) -> list[Any]:
    return [
        context.random.random(),
        context.random.randint(0, 10**9),
        str(context.uuid4()),
        str(context.uuid7()),
    ]


def test_random_numbers_and_uuids_are_the_same_on_every_replay(cut: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        first = await draws(context)
        inner = await context.run_in_child_context("c", draws)
        await context.wait(1)
        seen.append([first, inner, await draws(context)])

    cut.finish(handler)
    cut.finish(handler)
    assert seen[0] == seen[1]
    first, inner, later = seen[0]
    assert len({*first, *inner, *later}) == 12


def test_uuids_are_of_their_version_and_sort_by_journal_time(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        made = [str(context.uuid4()), str(context.uuid7())]
        await context.wait(1)
        return [*made, str(context.uuid7())]

    four, seven, later = (uuid.UUID(text) for text in bench.result(handler))
    assert (four.version, seven.version, later.version) == (4, 7, 7)
    assert {u.variant for u in (four, seven)} == {uuid.RFC_4122}
    assert seven.int >> 80 == int(STARTED.timestamp() * 1000)
    assert later > seven


def test_two_executions_draw_different_numbers(bench: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        seen.append(context.random.random())

    bench.invoke(handler)

    async def other() -> None:
        from durable_core.lowlevel import Environment, drive, workflow_of  # noqa: PLC0415

        arn = "arn:other/execution"
        given = InvocationInput(arn, "t", (bench.service.execution,))
        environment = Environment(clock=bench.clock)
        await drive(workflow_of(handler), given, bench.service, environment)

    asyncio.run(other())
    assert seen[0] != seen[1]


# The execution


def test_a_workflow_knows_its_execution_and_invocation(bench: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        info = context.execution
        seen.append((info.invocation_id, info.first_invocation, context.is_replaying))
        assert info.id.endswith("/order-1/e0")
        assert (info.name, info.started_at, info.tenant_id) == ("order-1", STARTED, "t")
        assert context.host is host
        await context.wait(1)
        seen.append(context.is_replaying)

    host = object()
    bench.environment |= {"host": host, "tenant_id": "t", "invocation_id": "i-1"}
    bench.invoke(handler)
    bench.forward()
    bench.environment["invocation_id"] = "i-2"
    bench.invoke(handler)
    assert seen == [("i-1", True, False), ("i-2", False, True), True]


def test_a_name_that_the_record_lacks_is_read_off_the_arn(bench: Any) -> None:
    seen: list[str] = []

    async def handler(event: Any, context: DurableContext) -> None:
        seen.append(context.execution.name)

    bench.service.execution = bench.service.execution._replace(name=None)
    bench.invoke(handler)
    given = bench.input()._replace(execution_arn="plain")
    bench.invoke(handler, given)
    assert seen == ["order-1", "plain"]
