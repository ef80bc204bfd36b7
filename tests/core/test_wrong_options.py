"""A wrong option, shape or answer is told at once, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from durable_core import JsonSerDes, RetryPresets

if TYPE_CHECKING:
    from durable_core import DurableContext


async def one() -> int:
    return 1


def failing(ran: Any, *parts: str) -> None:
    assert ran.status == "FAILED"
    for part in parts:
        assert part in ran.error.message, ran.error.message


def test_semantics_may_be_given_by_value_and_hold(execute: Any, crashing: Any) -> None:
    runs: list[int] = []

    async def charge() -> str:
        runs.append(1)
        return "charged"

    async def workflow(event: Any, context: DurableContext) -> str:
        try:
            return await context.step(
                charge,
                semantics="AT_MOST_ONCE_PER_RETRY",  # type: ignore[arg-type]
                retry_strategy=RetryPresets.none(),
            )
        except Exception as error:  # noqa: BLE001
            return type(error).__name__

    ran = execute(workflow, hooks=crashing(lambda call, request: call == 1))
    assert ran.result == "StepInterruptedError"
    assert runs == []


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"semantics": "at_most_once"}, ["semantics must be one of StepSemantics.AT_LEAST_ONCE"]),
        ({"retry_strategy": 3}, ["retry_strategy must be a function", "found 3"]),
        ({"serdes": "json"}, ["serdes must be an object with serialize() and deserialize()"]),
        ({"serdes": JsonSerDes}, ["such as JsonSerDes()"]),
        ({"x": 1}, ["step() takes the options retry_strategy, semantics, serdes; found x="]),
    ],
)
def test_a_step_with_a_wrong_option(execute: Any, options: Any, parts: list[str]) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        return await context.step("one", one, **options)

    ran = execute(workflow)
    failing(ran, *parts)
    assert ran.operations == []


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"completion": 3}, "completion of map() must be a CompletionConfig; found 3"),
        ({"nesting": "flat"}, "nesting must be one of NestingType.NESTED, NestingType.FLAT"),
        ({"item_serdes": "json"}, "item_serdes must be an object"),
    ],
)
def test_a_map_with_a_wrong_option(execute: Any, options: Any, part: str) -> None:
    async def item(child: DurableContext, number: int, index: int) -> int:
        return number

    async def workflow(event: Any, context: DurableContext) -> Any:
        return (await context.map("all", [1], item, **options)).results()

    failing(execute(workflow), part)


def test_a_map_over_a_function_of_another_shape(execute: Any) -> None:
    async def item(child: DurableContext, number: int) -> int:
        return number

    async def workflow(event: Any, context: DurableContext) -> Any:
        return (await context.map("all", [1], item)).results()  # type: ignore[arg-type]

    failing(execute(workflow), "map() calls", "item(child, item, index)", "does not take")


def test_a_branch_of_another_shape(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        return (await context.parallel("all", [one])).results()  # type: ignore[list-item]

    failing(execute(workflow), "parallel() calls one(child)")


def test_a_body_that_is_not_async(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        return (await context.map("all", [1], lambda child, item, index: item)).results()

    failing(execute(workflow), "must be `async def`", "<lambda> is not")


def test_a_coroutine_where_a_function_should_be(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        return await context.step("one", one())  # type: ignore[call-overload]

    failing(execute(workflow), "found the coroutine that one() made", "pass the function")


def test_a_handle_returned_instead_of_its_result(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        return {"x": context.step("one", one)}

    failing(execute(workflow), "$.x is the handle of Step 'one'", "not its result: await it")


def test_a_batch_result_returned_as_it_is(execute: Any) -> None:
    async def item(child: DurableContext, number: int, index: int) -> int:
        return number

    async def workflow(event: Any, context: DurableContext) -> Any:
        return await context.map("all", [1], item)

    failing(execute(workflow), "record its results()")


def test_an_answer_that_the_serdes_cannot_read(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        return await context.wait_for_callback("approve", lambda _: None, serdes=JsonSerDes())

    ran = execute(
        workflow,
        answers={
            "approve create callback id": lambda model, callback_id, now: model.callback_succeed(
                callback_id, "ann", now
            )
        },
    )
    failing(ran, "callback 'approve' was answered with 'ann'", "JsonSerDes", "in quotes")


def test_a_text_where_the_duration_of_a_wait_should_be(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> None:
        await context.wait("5s")

    failing(execute(workflow), "wait('5s') is a wait called '5s' with no duration", "seconds=5")


def test_a_handle_taken_for_its_result(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        user = context.step("user", one)
        return user["title"]  # type: ignore[index]

    ran = execute(workflow)
    failing(ran, "this is the handle of Step 'user' (", "test_wrong_options.py:", "await it first")


def test_a_callback_taken_apart_before_it_is_awaited(execute: Any) -> None:
    async def workflow(event: Any, context: DurableContext) -> Any:
        result, _callback_id = context.create_callback("approve")  # type: ignore[misc]
        return await result

    failing(execute(workflow), "this is the handle of Callback 'approve'", "await it first")
