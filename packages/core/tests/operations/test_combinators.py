"""promise.all, all_settled, any, race: what is decided is recorded, and decides every replay."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from durable_core import (
    CallbackFailedError,
    ChildContextError,
    ContextScopeError,
    DurableContext,
    DurableOperationError,
    PromiseError,
    RetryPresets,
    SerDesError,
    Settled,
    StepError,
    ValidationError,
)
from durable_core.lowlevel import ErrorObject, Event

NEVER = RetryPresets.none()


async def value(result: Any) -> Any:
    return result


async def fails(message: str) -> Any:
    raise LookupError(message)


def good(context: DurableContext, result: Any) -> Any:
    return context.step(f"good {result}", value, result)


def bad(context: DurableContext, message: str) -> Any:
    return context.step(f"bad {message}", fails, message, retry_strategy=NEVER)


def fields(error: Any) -> list[Any]:
    return [type(error).__name__, error.error_type, error.message, error.data, str(error)]


# Values


def test_all_gives_every_value_in_the_order_given(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        late = context.wait("late", 5)
        result = await context.promise.all("p", [late, good(context, 1), good(context, [2])])
        await context.wait(1)
        return result

    assert cut.result(handler) == [None, 1, [2]]
    assert cut.service.named("p").result == "[null,1,[2]]"


def test_all_raises_the_first_error(cut: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(StepError) as raised:
            await context.promise.all("p", [good(context, 1), bad(context, "no")])
        seen.append([*fields(raised.value), raised.value.stack_trace])
        await context.wait(1)

    cut.result(handler)
    assert len(seen) >= 2
    assert all(entry == seen[0] for entry in seen)
    assert seen[0][:4] == ["StepError", "LookupError", "no", None]


def test_all_settled_tells_how_each_ended(cut: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        settled = await context.promise.all_settled("p", [bad(context, "no"), good(context, 1)])
        assert all(isinstance(entry, Settled) for entry in settled)
        seen.append([fields(settled[0].error), settled[0].value, settled[1]])
        await context.wait(1)

    cut.result(handler)
    assert len(seen) >= 2
    assert all(entry == seen[0] for entry in seen)
    assert seen[0] == [
        ["StepError", "LookupError", "no", None, "LookupError: no"],
        None,
        Settled(1),
    ]


def test_any_gives_the_first_success_and_race_the_first_end(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        slow = context.wait("slow", 60)
        first = await context.promise.any([bad(context, "a"), good(context, 1), slow])
        second = await context.promise.race([context.wait("w", 5), slow])
        with pytest.raises(StepError):
            await context.promise.race([bad(context, "b"), slow])
        await context.wait(100)
        return [first, second]

    assert cut.result(handler) == [1, None]


def test_any_with_no_success_raises_every_error_live_and_replayed(cut: Any) -> None:
    seen: list[Any] = []

    async def child(context: DurableContext) -> None:
        raise KeyError("c")

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(PromiseError) as raised:
            await context.promise.any(
                "p", [bad(context, "a"), context.run_in_child_context("child", child)]
            )
        error = raised.value
        assert isinstance(error.errors[0], StepError)
        assert isinstance(error.errors[1], ChildContextError)
        seen.append([str(error), error.operation_name, *map(fields, error.errors)])
        await context.wait(1)

    cut.result(handler)
    assert len(seen) >= 2
    assert all(entry == seen[0] for entry in seen)
    assert seen[0][2:] == [
        ["StepError", "LookupError", "a", None, "LookupError: a"],
        ["ChildContextError", "KeyError", "'c'", None, "KeyError: 'c'"],
    ]


def test_an_error_keeps_its_class_and_data_through_a_race(bench: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        result, _ = await context.create_callback("ok")
        with pytest.raises(CallbackFailedError) as raised:
            await context.promise.race("p", [result])
        seen.append(fields(raised.value))
        await context.wait(1)

    bench.invoke(handler)
    bench.service.happen("ok", Event.FAIL, error=ErrorObject("m", "Denied", '{"by":"ann"}'))
    bench.result(handler)
    assert seen == [["CallbackFailedError", "Denied", "m", '{"by":"ann"}', "Denied: m"]] * 2


def test_nothing_to_combine(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        for method in (context.promise.any, context.promise.race):
            with pytest.raises(ValidationError, match="needs at least one awaitable"):
                method("p", [])
        found = [await context.promise.all([]), await context.promise.all_settled("s", [])]
        await context.wait(1)
        return found

    assert cut.result(handler) == [[], []]


@pytest.mark.parametrize("args", [(), ("p",), ("p", [1]), ("p", [value]), ("p", [], 1)])
def test_what_cannot_be_awaited_is_refused(bench: Any, args: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        with pytest.raises((ValidationError, TypeError)):
            context.promise.all(*args)
        return 1

    assert bench.result(handler) == 1


# Inputs of other kinds


def test_tasks_and_futures_may_be_combined(cut: Any) -> None:
    async def part(context: DurableContext, seconds: int) -> int:
        await context.wait(seconds)
        return seconds

    async def handler(event: Any, context: DurableContext) -> Any:
        tasks = [asyncio.ensure_future(part(context, seconds)) for seconds in (3, 2)]
        result = await context.promise.all("p", tasks)
        future = asyncio.get_running_loop().create_future()
        future.set_result("there")
        raced = await context.promise.race([future])
        await context.wait(9)
        return [result, raced]

    assert cut.result(handler) == [[3, 2], "there"]


def test_a_task_that_is_cancelled_has_failed(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        task = asyncio.ensure_future(asyncio.sleep(50))
        settled = context.promise.all_settled("p", [task, good(context, 1)])
        await asyncio.sleep(0)
        task.cancel()
        entries = await settled
        await context.wait(1)
        return [type(entries[0].error).__name__, entries[0].error.error_type, entries[1].value]

    assert bench.result(handler) == ["StepError", "asyncio.exceptions.CancelledError", 1]


def test_plain_coroutines_run_as_part_of_the_step_and_not_again(bench: Any) -> None:
    ran: list[int] = []

    async def plain(number: int) -> int:
        ran.append(number)
        await asyncio.sleep(0)
        return number

    async def handler(event: Any, context: DurableContext) -> Any:
        result = await context.promise.all("p", [plain(1), plain(2), good(context, 3)])
        await context.wait(1)
        return result

    assert bench.result(handler) == [1, 2, 3]
    assert ran == [1, 2]


def test_a_plain_coroutine_that_raises(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(StepError) as raised:
            await context.promise.race("p", [fails("plainly")])
        await context.wait(1)
        return fields(raised.value)[1:3]

    assert bench.result(handler) == ["LookupError", "plainly"]


def test_operations_in_a_plain_coroutine_are_refused(bench: Any) -> None:
    async def misuse(context: DurableContext) -> Any:
        return await context.step("s", value, 1)

    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(ContextScopeError) as raised:
            await context.promise.all("p", [misuse(context)])
        return str(raised.value)

    assert "was used inside a promise combinator 'p'" in bench.result(handler)


def test_an_unfinished_combinator_watches_its_inputs_again(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        return await context.promise.all("p", [context.wait("a", 5), context.wait("b", 9)])

    assert bench.result(handler) == [None, None]
    assert bench.invocations == 3
    assert bench.service.sent == [["START a", "START b", "START p"], ["SUCCEED p"]]


# Losers


def test_losers_run_on_until_the_handler_returns(bench: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> Any:
        slow = context.run_in_child_context("slow", slowly)
        winner = await context.promise.race("p", [good(context, 1), slow])
        await context.wait(60)
        return winner

    async def slowly(context: DurableContext) -> str:
        await context.wait(10)
        seen.append("ran on")
        return "late"

    assert bench.result(handler) == 1
    assert seen[-1] == "ran on"


def test_losers_are_cancelled_on_demand_at_the_same_place_on_every_replay(cut: Any) -> None:
    seen: list[list[str]] = []

    async def part(context: DurableContext, log: list[str]) -> None:
        try:
            await context.wait("long", 100)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def handler(event: Any, context: DurableContext) -> Any:
        log: list[str] = []
        task = asyncio.ensure_future(part(context, log))
        loser = context.wait("loser", 100)
        winner = await context.promise.race(
            "p", [task, loser, good(context, 1)], cancel_losers=True
        )
        await context.wait("after", 1)
        with pytest.raises(asyncio.CancelledError):
            await loser
        seen.append(log)
        return winner

    assert cut.result(handler) == 1
    assert seen[-1] == ["cancelled"]


def test_a_coroutine_that_lost_is_stopped_on_demand(bench: Any) -> None:
    seen: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("stopped")

    async def handler(event: Any, context: DurableContext) -> Any:
        winner = await context.promise.race("p", [endless(), value("first")], cancel_losers=True)
        seen.append("decided")
        await context.step("after", value, 1)
        return winner

    assert bench.result(handler) == "first"
    assert sorted(seen) == ["decided", "stopped"]


def test_a_coroutine_runs_on_without_effect_when_its_group_ends(bench: Any) -> None:
    seen: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("stopped")

    async def group(context: DurableContext) -> None:
        combined = context.promise.all("p", [endless()])
        await asyncio.gather(combined, bad(context, "b"))

    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(ChildContextError):
            await context.run_in_child_context("group", group)
        return await context.step("after", value, "went on")

    assert bench.result(handler) == "went on"
    assert seen == ["stopped"]
    assert bench.service.named("p").status == "STARTED"


# Replay


def test_the_record_decides_whatever_the_inputs_did_later(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        answers = [await context.create_callback(name) for name in ("a", "b")]
        first = await context.promise.race("p", [result for result, _ in answers])
        await context.wait(10)
        return first

    bench.invoke(handler)
    bench.service.happen("b", Event.COMPLETE, result="B")
    assert bench.invoke(handler).status == "PENDING"
    bench.service.happen("a", Event.COMPLETE, result="A")
    assert bench.result(handler) == "B"


def test_a_plain_coroutine_is_closed_when_the_record_decides(bench: Any) -> None:
    made: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> Any:
        coroutine = value("plain")
        made.append(coroutine)
        result = await context.promise.race("p", [coroutine], cancel_losers=True)
        await context.wait(1)
        return result

    assert bench.result(handler) == "plain"
    assert [coroutine.cr_frame for coroutine in made] == [None, None]


# Values that only an annotation brings back


@dataclass
class Point:
    x: int


async def point(x: int) -> Point:
    return Point(x)


@pytest.mark.parametrize("method", ["all", "all_settled", "any", "race"])
def test_a_value_of_a_class_is_kept_by_reference_to_its_operation(cut: Any, method: str) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        points = [context.step(f"s{x}", point, x) for x in (1, 2)]
        result = await getattr(context.promise, method)("p", points)
        await context.wait(1)
        match method:
            case "all":
                assert result == [Point(1), Point(2)]
            case "all_settled":
                assert result == [Settled(Point(1)), Settled(Point(2))]
            case _:
                assert result == Point(1)
        return "kept"

    assert cut.result(handler) == "kept"
    assert "$operation" in cut.service.named("p").result


@pytest.mark.parametrize("method", ["all", "all_settled", "any", "race"])
def test_a_value_of_a_class_from_a_plain_coroutine_cannot_be_kept(bench: Any, method: str) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        with pytest.raises(SerDesError) as raised:
            await getattr(context.promise, method)("p", [point(1)])
        message = str(raised.value)
        await context.wait(1)
        return message

    assert "Point" in bench.result(handler)


def test_values_that_are_larger_together_than_the_service_keeps(cut: Any) -> None:
    async def large(size: int) -> str:
        return "x" * size

    async def handler(event: Any, context: DurableContext) -> Any:
        parts = [context.step(f"s{n}", large, 150_000 + n) for n in range(2)]
        result = await context.promise.all("p", parts)
        await context.wait(1)
        return [len(part) for part in result]

    assert cut.result(handler) == [150_000, 150_001]


def test_an_error_of_the_outside_that_looks_like_ours_is_read_as_it_is(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        result, _ = await context.create_callback("ok")
        with pytest.raises(DurableOperationError) as raised:
            await context.promise.all("p", [result])
        await context.wait(1)
        return fields(raised.value)

    bench.invoke(handler)
    bench.service.happen("ok", Event.FAIL, error=ErrorObject("m", "T", '{"class": "Nobody"}'))
    assert bench.result(handler) == [
        "CallbackFailedError",
        "T",
        "m",
        '{"class": "Nobody"}',
        "T: m",
    ]
