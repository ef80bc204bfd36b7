"""Child contexts: ids of their own, one result, large ones by running the body again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from durable_core import (
    ChildContextError,
    ContextScopeError,
    DurableContext,
    JsonSerDes,
    SerDesError,
    ValidationError,
)
from durable_core._journal.ids import operation_id
from durable_core.lowlevel import OperationStatus

LARGE = "x" * 262_144


async def one() -> int:
    return 1


async def adds(context: DurableContext, number: int) -> int:
    return number + await context.step("s", one)


def test_a_child_runs_its_body_with_ids_of_its_own(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        result = await context.run_in_child_context("c", adds, 41)
        await context.wait(1)
        return result

    assert cut.result(handler) == 42
    child, step = cut.service.named("c"), cut.service.named("s")
    assert (child.id, step.id) == (operation_id("1"), operation_id(f"{operation_id('1')}-1"))
    assert (step.parent_id, child.result, child.subtype) == (child.id, "42", "RunInChildContext")


def test_a_finished_child_is_not_entered_again(bench: Any) -> None:
    entered: list[int] = []

    async def body(context: DurableContext) -> str:
        entered.append(bench.invocations)
        return await context.step("s", one) and "done"

    async def handler(event: Any, context: DurableContext) -> str:
        result = await context.run_in_child_context(body)
        await context.wait(1)
        return result

    assert bench.result(handler) == "done"
    assert entered == [1]


def test_an_unfinished_child_is_entered_again_over_its_records(bench: Any) -> None:
    entered: list[int] = []
    stepped: list[int] = []

    async def step() -> int:
        stepped.append(bench.invocations)
        return 1

    async def body(context: DurableContext) -> int:
        entered.append(bench.invocations)
        first = await context.step("s", step)
        await context.wait(5)
        return first + await context.step("t", step)

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.run_in_child_context(body)

    assert bench.result(handler) == 2
    assert (entered, stepped) == ([1, 2], [1, 2])


def test_nested_children_cost_no_calls_of_their_own(bench: Any) -> None:
    async def nest(context: DurableContext, depth: int) -> int:
        if depth == 0:
            return await context.step("s", one)
        return await context.run_in_child_context(f"c{depth}", nest, depth - 1)

    async def handler(event: Any, context: DurableContext) -> int:
        return await context.run_in_child_context("c5", nest, 4)

    assert bench.result(handler) == 1
    assert len(bench.service.requests) == 2
    assert bench.service.sent[1] == [f"SUCCEED c{n}" for n in (1, 2, 3, 4)] + ["SUCCEED c5"]


def test_a_failed_child_raises_what_its_body_raised_live_and_replayed(cut: Any) -> None:
    seen: list[Any] = []

    async def fails(context: DurableContext) -> None:
        await context.step("s", one)
        raise LookupError("not here")

    async def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(ChildContextError) as raised:
            await context.run_in_child_context("c", fails)
        error = raised.value
        seen.append(
            (error.error_type, error.message, error.stack_trace, error.operation_id, str(error))
        )
        assert error.is_caused_by(LookupError)
        await context.wait(1)

    cut.result(handler)
    assert len(seen) >= 2
    assert len(set(seen)) == 1
    assert seen[0][:2] == ("LookupError", "not here")
    assert any("not here" in line for line in seen[0][2])
    assert cut.service.named("c").status is OperationStatus.FAILED


def test_the_cause_is_seen_through_nested_children(cut: Any) -> None:
    async def fails() -> None:
        raise LookupError("deep down")

    async def inner(context: DurableContext) -> None:
        await context.step("s", fails, retry_strategy=never)

    async def outer(context: DurableContext) -> None:
        await context.run_in_child_context("inner", inner)

    def never(error: Exception, attempt: int) -> Any:
        from durable_core import RetryDecision  # noqa: PLC0415

        return RetryDecision.stop()

    async def handler(event: Any, context: DurableContext) -> list[Any]:
        try:
            await context.run_in_child_context("outer", outer)
        except ChildContextError as error:
            caught = [error.is_caused_by("LookupError"), error.is_caused_by(KeyError), str(error)]
        await context.wait(1)
        return caught

    assert cut.result(handler) == [True, False, "LookupError: deep down"]


# Large results


def test_a_large_result_is_brought_back_by_running_the_body_again(cut: Any) -> None:
    steps: list[int] = []

    async def step() -> str:
        steps.append(1)
        return "y"

    async def body(context: DurableContext) -> str:
        return LARGE + await context.step("s", step)

    async def handler(event: Any, context: DurableContext) -> list[Any]:
        result = await context.run_in_child_context("c", body)
        await context.wait(1)
        return [len(result), result[-1]]

    assert cut.result(handler) == [262_145, "y"]
    assert steps == [1]
    record = cut.service.named("c")
    assert (record.result, record.replay_children) == ("", True)


def test_a_result_at_the_limit_is_recorded(bench: Any) -> None:
    async def body(context: DurableContext) -> str:
        return "x" * (262_144 - 2)

    async def handler(event: Any, context: DurableContext) -> int:
        return len(await context.run_in_child_context("c", body))

    assert bench.result(handler) == 262_142
    assert not bench.service.named("c").replay_children


def test_a_summary_stands_for_a_large_result_and_for_no_other(cut: Any) -> None:
    async def large(context: DurableContext) -> list[str]:
        await context.step("s", one)
        return [LARGE]

    async def small(context: DurableContext) -> list[str]:
        return ["small"]

    def summary(value: list[str]) -> str:
        return f"{len(value)} text "

    async def handler(event: Any, context: DurableContext) -> list[int]:
        first = await context.run_in_child_context("large", large, summary=summary)
        second = await context.run_in_child_context("small", small, summary=summary)
        await context.wait(1)
        return [len(first[0]), len(second[0])]

    assert cut.result(handler) == [262_144, 5]
    assert cut.service.named("large").result == "1 text"
    assert cut.service.named("small").result == '["small"]'


def test_a_summary_that_raises_fails_the_child(bench: Any) -> None:
    async def large(context: DurableContext) -> str:
        return LARGE

    def summary(value: str) -> str:
        raise LookupError("no words")

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ChildContextError) as raised:
            await context.run_in_child_context("c", large, summary=summary)
        return str(raised.value)

    assert bench.result(handler) == "LookupError: no words"


def test_a_large_child_that_ends_otherwise_on_replay_is_a_divergence(bench: Any) -> None:
    async def body(context: DurableContext) -> str:
        await context.step("s", one)
        if bench.invocations > 1:
            raise LookupError("changed")
        return LARGE

    async def handler(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context("c", body)
        await context.wait(1)

    output = bench.finish(handler)
    assert output.error.type == "durable_core.NonDeterministicExecutionError"
    assert "recorded as succeeded, but its body, run again over its" in output.error.message


def test_a_large_child_that_does_not_end_on_replay_is_a_divergence(bench: Any) -> None:
    async def body(context: DurableContext) -> str:
        await context.step("s", one)
        if bench.invocations > 1:
            await asyncio.get_running_loop().create_future()
        return LARGE

    async def handler(event: Any, context: DurableContext) -> None:
        await context.run_in_child_context("c", body)
        await context.wait(1)

    output = bench.finish(handler)
    assert output.error.type == "durable_core.NonDeterministicExecutionError"
    assert "but its body, run again over its operations, still waits" in output.error.message


def test_a_large_child_whose_body_runs_something_meanwhile_is_waited_for(bench: Any) -> None:
    async def body(context: DurableContext) -> str:
        await context.step("s", one)
        await context.unrecorded(one)
        return LARGE

    async def handler(event: Any, context: DurableContext) -> int:
        result = await context.run_in_child_context("c", body)
        await context.wait(1)
        return len(result)

    assert bench.result(handler) == 262_144


def test_a_value_that_cannot_be_written_fails_the_child(bench: Any) -> None:
    async def body(context: DurableContext) -> Any:
        return object()

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(SerDesError) as raised:
            await context.run_in_child_context("c", body)
        return str(raised.value)

    assert "'c'" in bench.result(handler)


def test_a_serdes_of_the_childs_own_is_used(cut: Any) -> None:
    class Doubled:
        def serialize(self, value: str, context: Any) -> str:
            return value * 2

        def deserialize(self, data: str | None, context: Any) -> str:
            text = data or ""
            return text[: len(text) // 2]

    async def body(context: DurableContext) -> str:
        return "ab"

    async def handler(event: Any, context: DurableContext) -> str:
        result = await context.run_in_child_context("c", body, serdes=Doubled())
        await context.wait(1)
        return result

    assert cut.result(handler) == "ab"
    assert cut.service.named("c").result == "abab"


def test_a_default_serdes_is_inherited_by_children_started_from_then_on(bench: Any) -> None:
    seen: list[Any] = []

    async def returns(context: DurableContext) -> Any:
        return await context.step("s", one)

    async def handler(event: Any, context: DurableContext) -> Any:
        before = await context.run_in_child_context("before", returns)
        context.configure_serdes(Shouts())
        after = await context.run_in_child_context("after", returns)
        seen.append([before, after])

    class Shouts(JsonSerDes):
        def serialize(self, value: Any, context: Any) -> str:
            return super().serialize(f"{value}!", context)

    assert bench.finish(handler).result == '"None!"'
    assert seen == [[1, "1!!"]]


# Virtual ones


def test_a_virtual_child_leaves_no_record_and_its_operations_hang_above(cut: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> int:
        result = await context.run_in_child_context("v", adds, 1, virtual=True)
        await context.wait(1)
        return result

    assert cut.result(handler) == 2
    step = cut.service.named("s")
    assert step.parent_id is None
    assert step.id == operation_id(f"{operation_id('1')}-1")
    assert not any("v" in entry.split()[1] for call in cut.service.sent for entry in call)


def test_a_virtual_child_in_a_real_one_hangs_its_operations_there(cut: Any) -> None:
    async def real(context: DurableContext) -> int:
        return await context.run_in_child_context("v", adds, 1, virtual=True)

    async def handler(event: Any, context: DurableContext) -> int:
        result = await context.run_in_child_context("c", real)
        await context.wait(1)
        return result

    assert cut.result(handler) == 2
    assert cut.service.named("s").parent_id == cut.service.named("c").id


def test_a_virtual_child_raises_its_bodys_error_unchanged(cut: Any) -> None:
    error = LookupError("as it is")

    async def fails(context: DurableContext) -> None:
        await context.step("s", one)
        raise error

    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(LookupError) as raised:
            await context.run_in_child_context("v", fails, virtual=True)
        assert raised.value is error
        await context.wait(1)
        return "caught"

    assert cut.result(handler) == "caught"


# Ends


def test_what_a_child_leaves_open_is_closed_with_it(bench: Any) -> None:
    seen: list[str] = []

    async def late(context: DurableContext) -> None:
        try:
            await context.wait("late", 60)
        finally:
            seen.append("closed")

    async def body(context: DurableContext) -> str:
        asyncio.create_task(late(context))  # noqa: RUF006
        context.run_in_child_context("open", late)
        await context.step("s", one)
        return "done"

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.run_in_child_context("c", body)

    output = bench.invoke(handler)
    assert output.status in {"SUCCEEDED", "FAILED"}
    assert "closed" in seen or output.status == "FAILED"


def test_a_child_that_has_ended_takes_no_further_operation(bench: Any) -> None:
    kept: list[DurableContext] = []
    refused: list[str] = []

    async def late(context: DurableContext, ended: asyncio.Event) -> None:
        await ended.wait()
        try:
            context.step("late", one)
        except ContextScopeError as error:
            refused.append(str(error))

    async def body(context: DurableContext, ended: asyncio.Event) -> None:
        kept.append(context)
        asyncio.create_task(late(context, ended))  # noqa: RUF006

    async def handler(event: Any, context: DurableContext) -> int:
        ended = asyncio.Event()
        await context.run_in_child_context("c", body, ended)
        ended.set()
        return await context.step("s", one)

    assert bench.result(handler) == 1
    (message,) = refused
    assert message.startswith("Step was called in context 'c', which has already ended (")


def test_a_result_that_nobody_awaits_is_reported_with_its_place(bench: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> None:
        context.run_in_child_context("c", adds, 1)
        await context.step("t", one)

    output = bench.invoke(handler)
    assert output.error.type == "RuntimeWarning"
    assert output.error.message.startswith("RunInChildContext 'c' was started but never awaited")


@pytest.mark.parametrize("args", [(), ("c",), ("c", 5), (5,), (None,), ("c", adds(None, 1))])  # type: ignore[arg-type]
def test_what_is_no_function_is_refused(bench: Any, args: Any) -> None:
    async def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError) as raised:
            context.run_in_child_context(*args)
        return str(raised.value)

    message = bench.result(handler)
    assert "run_in_child_context('name', fn, *args)" in message
    for arg in args:
        if asyncio.iscoroutine(arg):
            arg.close()
