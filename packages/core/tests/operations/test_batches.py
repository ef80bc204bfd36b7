"""map and parallel: admission, completion, and the same result on every replay."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from durable_core import (
    BatchError,
    BatchItemStatus,
    BatchResult,
    Branch,
    ChildContextError,
    CompletionConfig,
    CompletionDecision,
    CompletionStatus,
    DurableContext,
    NestingType,
    NonDeterministicExecutionError,
    RetryPresets,
    SerDesError,
    ValidationError,
)
from durable_core._journal.ids import operation_id
from durable_core._operations.batch_codec import read_short, read_whole
from durable_core.lowlevel import Event, OperationStatus

FAILED, STARTED, SUCCEEDED = (
    BatchItemStatus.FAILED,
    BatchItemStatus.STARTED,
    BatchItemStatus.SUCCEEDED,
)


async def ends(how: str) -> str:
    if how == "F":
        raise LookupError("no")
    return how


async def item(context: DurableContext, how: str, index: int) -> Any:
    """An item that succeeds, fails, or waits long."""
    if how == "-":
        await context.wait("long", 1000)
    return await context.step(f"s{index}", ends, how, retry_strategy=RetryPresets.none())


def shown(result: BatchResult[Any]) -> list[Any]:
    """The result as JSON."""
    letters = {SUCCEEDED: "S", FAILED: "F", STARTED: "-"}
    return ["".join(letters[i.status] for i in result.all), str(result.completion_reason)]


def mapped(items: str, **options: Any) -> Any:
    async def handler(event: Any, context: DurableContext) -> Any:
        first = await context.map("m", list(items), item, **options)
        await context.wait("after", 2000)
        second = shown(first)
        assert await context.step("still", ends, str(second)) == str(second)
        return second

    return handler


RULES: list[tuple[str, CompletionConfig | None, list[str]]] = [
    ("SSS", None, ["SSS", "ALL_COMPLETED"]),
    ("SFS", None, ["SF", "FAILURE_TOLERANCE_EXCEEDED"]),
    ("SFS", CompletionConfig.all_successful(), ["SF", "FAILURE_TOLERANCE_EXCEEDED"]),
    ("FFS", CompletionConfig.all_completed(), ["FFS", "ALL_COMPLETED"]),
    ("FSS", CompletionConfig.first_successful(), ["FS", "MIN_SUCCESSFUL_REACHED"]),
    ("FFF", CompletionConfig.first_successful(), ["FFF", "ALL_COMPLETED"]),
    ("SSS", CompletionConfig(min_successful=2), ["SS", "MIN_SUCCESSFUL_REACHED"]),
    ("SFSF", CompletionConfig(tolerated_failure_count=1), ["SFSF", "FAILURE_TOLERANCE_EXCEEDED"]),
    ("SFSS", CompletionConfig(tolerated_failure_count=1), ["SFSS", "ALL_COMPLETED"]),
    ("FFSS", CompletionConfig(tolerated_failure_percentage=50), ["FFSS", "ALL_COMPLETED"]),
    (
        "FFFS",
        CompletionConfig(tolerated_failure_percentage=50),
        ["FFF", "FAILURE_TOLERANCE_EXCEEDED"],
    ),
    (
        "FS",
        CompletionConfig(min_successful=1, tolerated_failure_count=0),
        ["F", "FAILURE_TOLERANCE_EXCEEDED"],
    ),
]


@pytest.mark.parametrize(("items", "completion", "expected"), RULES)
def test_a_batch_ends_by_its_rule_one_after_another(
    cut: Any, items: str, completion: CompletionConfig | None, expected: list[str]
) -> None:
    handler = mapped(items, completion=completion, max_concurrency=1)
    assert cut.result(handler) == expected


@pytest.mark.parametrize("nesting", NestingType)
def test_what_has_not_ended_when_the_batch_does_stands_as_started(
    cut: Any, nesting: NestingType
) -> None:
    completion = CompletionConfig(min_successful=2)
    handler = mapped("-S-S", completion=completion, nesting=nesting)
    assert cut.result(handler) == ["-S-S", "MIN_SUCCESSFUL_REACHED"]


def test_never_started_items_are_left_out(bench: Any) -> None:
    handler = mapped("-SSS", completion=CompletionConfig(min_successful=2), max_concurrency=2)
    assert bench.result(handler) == ["-SS", "MIN_SUCCESSFUL_REACHED"]


def test_items_are_admitted_in_order_and_a_suspended_one_keeps_its_place(bench: Any) -> None:
    async def slow(context: DurableContext, seconds: int, index: int) -> int:
        await context.wait(seconds)
        return index

    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map("m", [30, 5, 10, 1], slow, max_concurrency=2)
        return batch.results()

    assert bench.result(handler) == [0, 1, 2, 3]
    started = [entry for call in bench.service.sent for entry in call if "START map" in entry]
    assert started == [f"START map-item-{index}" for index in range(4)]
    assert bench.service.sent[0] == [
        "START m",
        "START map-item-0",
        "START map-item-1",
        "START Wait",
        "START Wait",
    ]
    assert (bench.clock.ms - bench.service.execution.started_at_ms) // 1000 == 30


def test_an_empty_batch_starts_and_succeeds(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        first = await context.map("m", [], item)
        second = await context.parallel("p", [])
        await context.wait(1)
        assert first.status is second.status is SUCCEEDED
        return [*shown(first), *shown(second)]

    assert cut.result(handler) == ["", "ALL_COMPLETED"] * 2
    assert cut.service.named("m").status is OperationStatus.SUCCEEDED


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_a_concurrency_below_one_is_refused(bench: Any, value: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> list[str]:
        messages: list[str] = []
        for call in (
            lambda: context.map("m", [1], item, max_concurrency=value),
            lambda: context.parallel("p", [], max_concurrency=value),
        ):
            with pytest.raises(ValidationError) as raised:
                call()
            messages.append(str(raised.value))
        return messages

    for_map, for_parallel = bench.result(handler)
    assert for_map == (
        f"max_concurrency of map() must be at least 1, or None for all at once; found {value!r}"
    )
    assert for_parallel.startswith("max_concurrency of parallel()")


# Names, ids, arguments


def test_items_have_names_and_ids_of_their_place(bench: Any) -> None:
    async def returns(context: DurableContext, value: int, index: int) -> int:
        return await context.step(str, value) and index

    async def handler(event: Any, context: DurableContext) -> Any:
        plain = await context.map([7, 8], returns)
        named = await context.map("m", [7], returns, item_namer=lambda value, i: f"{value}@{i}")
        return [[i.name for i in plain.all], [i.name for i in named.all]]

    assert bench.result(handler) == [["map-item-0", "map-item-1"], ["7@0"]]
    batch = bench.service.named("returns")
    assert (batch.subtype, bench.service.named("map-item-1").subtype) == ("Map", "MapIteration")
    for place in (0, 1):
        record = bench.service.named(f"map-item-{place}")
        assert record.id == operation_id(f"{batch.id}-{place}")
        assert record.parent_id == batch.id


def test_branches_have_names_of_their_own_or_of_their_place(bench: Any) -> None:
    async def left(context: DurableContext) -> str:
        return "L"

    async def right(context: DurableContext) -> str:
        return "R"

    async def handler(event: Any, context: DurableContext) -> Any:
        one = await context.parallel("p", [left, Branch("right", right)])
        two = await context.parallel([left])
        return [one.results(), [i.name for i in one.all], two.results()]

    assert bench.result(handler) == [["L", "R"], ["parallel-branch-0", "right"], ["L"]]
    assert bench.service.named("p").subtype == "Parallel"
    assert bench.service.named("right").subtype == "ParallelBranch"


@pytest.mark.parametrize(
    "args", [(), ([1],), ("name", [1]), ("items", item), ("m", [1], 5), ([1], None), (1, 2, 3, 4)]
)
def test_any_other_call_of_map_is_refused(bench: Any, args: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.map(*args)
        return str(raised.value)

    assert bench.result(handler).startswith("map() takes")


@pytest.mark.parametrize("args", [([5],), ("p", [ends, "branch"]), (), ("p", [], 1)])
def test_any_other_call_of_parallel_is_refused(bench: Any, args: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.parallel(*args)
        return str(raised.value)

    assert bench.result(handler).startswith("parallel() takes")


def test_a_name_that_the_service_does_not_take_is_refused(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        with pytest.raises(ValidationError):
            context.map("m", [1], item, item_namer=lambda value, index: "ü")
        with pytest.raises(ValidationError):
            context.parallel("p", [Branch("", item)])
        return 1

    assert bench.result(handler) == 1


def test_flat_items_leave_no_record_of_their_own(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map("m", ["S", "T"], item, nesting=NestingType.FLAT)
        await context.wait(1)
        return [batch.results(), [i.name for i in batch.all]]

    assert cut.result(handler) == [["S", "T"], ["map-item-0", "map-item-1"]]
    batch = cut.service.named("m")
    assert cut.service.named("s1").parent_id == batch.id
    assert cut.service.named("s1").id == operation_id(f"{operation_id(f'{batch.id}-1')}-1")


# A predicate


def test_a_predicate_decides_instead_of_thresholds(cut: Any) -> None:
    seen: list[CompletionStatus] = []

    def both_ends(status: CompletionStatus) -> CompletionDecision | None:
        seen.append(status)
        done = [place for place, how in status.statuses.items() if how is SUCCEEDED]
        return CompletionDecision.SUCCEED if {0, 2} <= set(done) else None

    handler = mapped("SFS-", completion=CompletionConfig(should_complete=both_ends))
    assert cut.result(handler) == ["SFS-", "CUSTOM_COMPLETION_SUCCEEDED"]
    assert (seen[0].total_count, seen[0].started_count) == (4, 3)


def test_a_predicate_may_fail_the_batch_or_let_it_run_out(bench: Any) -> None:
    def fails(status: CompletionStatus) -> CompletionDecision | None:
        return CompletionDecision.FAIL if status.failure_count else None

    handler = mapped("SFS", completion=CompletionConfig(should_complete=fails), max_concurrency=1)
    assert bench.result(handler) == ["SF", "CUSTOM_COMPLETION_FAILED"]
    other = type(bench)()
    assert other.result(mapped("SS", completion=CompletionConfig(should_complete=fails))) == [
        "SS",
        "ALL_COMPLETED",
    ]


def test_a_predicate_that_raises_fails_the_batch(bench: Any) -> None:
    def broken(status: CompletionStatus) -> CompletionDecision | None:
        raise LookupError("no rule")

    async def handler(event: Any, context: DurableContext) -> Any:
        seen: list[str] = []
        completion = CompletionConfig(should_complete=broken)
        with pytest.raises(ChildContextError) as raised:
            await context.map("m", ["S", "S"], item, completion=completion)
        seen.append(str(raised.value))
        await context.wait(1)
        return seen

    assert bench.result(handler) == ["LookupError: no rule"]


# Results and errors


def test_errors_are_the_items_live_and_replayed(cut: Any) -> None:
    seen: list[Any] = []

    async def handler(event: Any, context: DurableContext) -> None:
        completion = CompletionConfig.all_completed()
        batch = await context.map("m", ["S", "F"], item, completion=completion)
        (error,) = batch.errors()
        seen.append((type(error), error.error_type, error.message, error.data, error.stack_trace))
        assert batch.has_failure
        with pytest.raises(BatchError) as raised:
            batch.throw_if_error()
        seen[-1] = (*seen[-1], str(raised.value), raised.value.operation_name)
        await context.wait(1)

    cut.result(handler)
    assert len(seen) >= 2
    assert len(set(seen)) == 1
    assert seen[0][:3] == (ChildContextError, "LookupError", "no")


@dataclass
class Point:
    x: int


async def pointed(context: DurableContext, x: int, index: int) -> Point:
    await context.step("s", ends, "S")
    return Point(x)


def test_results_have_the_type_of_the_annotation(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map("m", [1, 2], pointed)
        await context.wait(1)
        assert batch.results() == [Point(1), Point(2)]
        return [point.x for point in batch.results()]

    assert cut.result(handler) == [1, 2]


class Marked:
    """A serdes that shows where it was."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def serialize(self, value: Any, context: Any) -> str:
        if isinstance(value, BatchResult):
            value = ",".join(value.results())
        return f"{self.mark}{value}"

    def deserialize(self, data: str | None, context: Any) -> Any:
        return (data or "").removeprefix(self.mark)


def test_items_may_have_a_serdes(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map("m", ["a", "b"], item, item_serdes=Marked("i:"))
        await context.wait(1)
        return batch.results()

    assert cut.result(handler) == ["a", "b"]
    assert cut.service.named("map-item-0").result == "i:a"
    assert '"result":"i:a"' in cut.service.named("m").result


def test_a_whole_result_may_have_a_serdes(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        whole = await context.map("m", ["a", "b"], item, serdes=Marked("w:"))
        await context.wait(1)
        return whole

    assert cut.result(handler) == "a,b"
    assert cut.service.named("m").result == "w:a,b"


def test_a_serdes_that_raises_fails_the_batch(bench: Any) -> None:
    class Broken(Marked):
        def serialize(self, value: Any, context: Any) -> str:
            raise LookupError("no ink")

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(SerDesError) as raised:
            await context.map("m", ["a"], item, serdes=Broken(""))
        return str(raised.value)

    assert "no ink" in bench.result(handler)


@pytest.mark.parametrize("nesting", NestingType)
@pytest.mark.parametrize("has_serdes", [False, True])
def test_a_large_result_is_brought_back_from_the_items_records(
    cut: Any,
    nesting: NestingType,
    has_serdes: bool,  # noqa: FBT001
) -> None:
    stepped: list[str] = []

    async def body(how: str) -> str:
        stepped.append(how)
        return await ends(how)

    async def large(context: DurableContext, how: str, index: int) -> str:
        if how == "-":
            await context.wait(1000)
        return "x" * 100_000 + await context.step("s", body, how, retry_strategy=never)

    never = RetryPresets.none()

    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map(
            "m",
            list("ab-Fc"),
            large,
            completion=CompletionConfig(min_successful=3, tolerated_failure_count=1),
            nesting=nesting,
            item_serdes=Marked("i:") if has_serdes else None,
        )
        await context.wait(2000)
        return [
            *shown(batch),
            [r[-1] for r in batch.results()],
            [e.message for e in batch.errors()],
        ]

    assert cut.result(handler) == ["SS-FS", "MIN_SUCCESSFUL_REACHED", ["a", "b", "c"], ["no"]]
    record = cut.service.named("m")
    assert record.replay_children
    assert record.result == '{"completionReason":"MIN_SUCCESSFUL_REACHED","statuses":"SS-FS"}'
    assert sorted(stepped) == ["F", "a", "b", "c"]


def test_a_large_item_is_run_again_for_a_result_that_is_not(cut: Any) -> None:
    async def large(context: DurableContext, size: int, index: int) -> str:
        await context.step("s", ends, "S")
        return "x" * size

    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map("m", [262_144, 1], large)
        await context.wait(1)
        return [len(text) for text in batch.results()]

    assert cut.result(handler) == [262_144, 1]
    assert cut.service.named("map-item-0").replay_children


def test_a_large_batch_with_nothing_but_started_items_comes_back(bench: Any) -> None:
    async def large(context: DurableContext, how: str, index: int) -> str:
        return await item(context, how, index)

    def name(value: str, index: int) -> str:
        return f"{index}" + "n" * 250

    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map(
            "m",
            ["-"] * 1200 + ["S"],
            large,
            item_namer=name,
            completion=CompletionConfig.first_successful(),
        )
        await context.wait("after", 1)
        return [batch.started_count, batch.results(), batch.all[7].name == name("", 7)]

    assert bench.result(handler) == [1200, ["S"], True]
    assert bench.service.named("m").replay_children


# Early completion


def test_a_result_stands_whatever_abandoned_items_come_to_later(bench: Any) -> None:
    async def asks(context: DurableContext, name: str, index: int) -> str:
        result, _ = await context.create_callback(name)
        return await result

    async def handler(event: Any, context: DurableContext) -> Any:
        batch = await context.map(
            "m", ["a", "b"], asks, completion=CompletionConfig.first_successful()
        )
        await context.wait(10)
        return [*shown(batch), batch.results()]

    bench.invoke(handler)
    bench.service.happen("b", Event.COMPLETE, result="B")
    assert bench.invoke(handler).status == "PENDING"
    bench.service.happen("a", Event.COMPLETE, result="A")
    assert bench.invoke(handler).status == "PENDING"
    assert bench.result(handler) == ["-S", "MIN_SUCCESSFUL_REACHED", ["B"]]


def test_what_an_early_end_leaves_running_is_cancelled_and_sends_nothing_more(bench: Any) -> None:
    seen: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("cancelled")

    async def branch(context: DurableContext) -> str:
        await context.step("endless", endless)
        return "not reached"

    async def quick(context: DurableContext) -> str:
        return await context.step("quick", ends, "Q")

    async def handler(event: Any, context: DurableContext) -> Any:
        completion = CompletionConfig.first_successful()
        batch = await context.parallel("p", [branch, quick], completion=completion)
        await context.step("after", ends, "S")
        return batch.results()

    assert bench.result(handler) == ["Q"]
    assert seen == ["cancelled"]
    assert bench.service.named("endless").status == "STARTED"
    assert bench.service.named("parallel-branch-0").status == "STARTED"


# What is recorded


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        '{"statuses":"S","completionReason":"?"}',
        '{"statuses":"?","completionReason":"ALL_COMPLETED"}',
        '{"statuses":"SS","indexes":[1],"completionReason":"ALL_COMPLETED"}',
        '{"items":[{"index":0}],"completionReason":"ALL_COMPLETED"}',
        '{"items":"' + "x" * 200 + '"}',
    ],
)
def test_a_record_of_another_form_is_refused(text: str | None) -> None:
    with pytest.raises(SerDesError, match="is not one that this version wrote"):
        read_short(text)
    with pytest.raises(SerDesError, match="is not one that this version wrote"):
        read_whole(text, lambda index, item: item, lambda error: error)


def test_a_short_record_may_name_its_places() -> None:
    text = '{"completionReason":"ALL_COMPLETED","statuses":"SF","indexes":[1,4]}'
    assert read_short(text).statuses == {1: SUCCEEDED, 4: FAILED}


def test_an_item_whose_error_is_no_operations_error_can_be_thrown_too(cut: Any) -> None:
    seen: list[Any] = []

    async def unwritable(context: DurableContext, value: int, index: int) -> Any:
        await context.step("s", ends, "S")
        return object()

    async def handler(event: Any, context: DurableContext) -> None:
        completion = CompletionConfig.all_completed()
        batch = await context.map("m", [1], unwritable, completion=completion)
        (error,) = batch.errors()
        with pytest.raises(BatchError) as raised:
            batch.throw_if_error()
        thrown = raised.value
        seen.append((type(error), str(error), thrown.error_type, thrown.message))
        assert thrown.operation_name == "map-item-0"
        await context.wait(1)

    assert cut.finish(handler).status == "SUCCEEDED"
    assert len(set(seen)) == 1
    assert seen[0][0] is SerDesError
    assert seen[0][2:] == ("durable_core.SerDesError", seen[0][1])


class Kept:
    """A serdes whose payload stands for the very value."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def serialize(self, value: Any, context: Any) -> str:
        self.values.append(value)
        return str(len(self.values) - 1)

    def deserialize(self, data: str, context: Any) -> Any:
        return self.values[int(data)]


async def large_item(context: DurableContext, how: str, index: int) -> str:
    return "x" * 100_000


@pytest.mark.parametrize(
    ("before", "after"), [("SSS", "SSSSS"), ("SSSS", "SSS"), ("", "S"), ("S", "")]
)
@pytest.mark.parametrize("kind", ["whole", "with a serdes", "large"])
def test_a_finished_batch_over_another_number_of_items_fails_the_execution(
    bench: Any, before: str, after: str, kind: str
) -> None:
    serdes = Kept() if kind == "with a serdes" else None
    body = large_item if kind == "large" else item

    async def handler(event: Any, context: DurableContext) -> int:
        items = before if bench.invocations == 1 else after
        try:
            batch = await context.map("orders", list(items), body, serdes=serdes)
        except NonDeterministicExecutionError:
            return -1  # catching it changes nothing
        await context.wait("after", 5)
        return batch.total_count

    output = bench.finish(handler)
    assert output.status == "FAILED"
    assert output.error.type == "durable_core.NonDeterministicExecutionError"
    message = f"the journal has Map 'orders' over {len(before)} item(s), the code gives it"
    assert output.error.message.startswith(f"{message} {len(after)} ({__file__}:")
    assert "undo the change" in output.error.message


@pytest.mark.parametrize("kind", ["whole", "large"])
def test_a_batch_that_ended_early_fails_the_execution_when_recorded_items_are_gone(
    bench: Any, kind: str
) -> None:
    completion = CompletionConfig(min_successful=3)
    body = large_item if kind == "large" else item

    async def handler(event: Any, context: DurableContext) -> Any:
        items = "SSSSS" if bench.invocations == 1 else "SS"
        batch = await context.map("m", list(items), body, completion=completion, max_concurrency=1)
        await context.wait("after", 5)
        return shown(batch)

    output = bench.finish(handler)
    assert output.status == "FAILED"
    assert "over at least 3 item(s), the code gives it 2" in output.error.message


def test_a_batch_that_ended_early_may_have_more_items_that_were_never_started(bench: Any) -> None:
    completion = CompletionConfig(min_successful=2)

    async def handler(event: Any, context: DurableContext) -> Any:
        items = "SSS" if bench.invocations == 1 else "SSSSS"
        batch = await context.map("m", list(items), item, completion=completion, max_concurrency=1)
        await context.wait("after", 5)
        return shown(batch)

    assert bench.result(handler) == ["SS", "MIN_SUCCESSFUL_REACHED"]
