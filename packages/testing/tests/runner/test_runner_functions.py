"""Functions that are invoked under a version, an alias, or neither."""

from __future__ import annotations

from typing import Any

import pytest

from durable_core import DurableContext, InvokeError
from durable_testing import DurableTestRunner, ScriptError

LIVE_ARN = "arn:aws:lambda:us-east-1:123456789012:function:callee:live"


async def calling(event: Any, context: DurableContext) -> Any:
    return await context.invoke("c", event, {"n": 7})


async def durable(event: Any, context: DurableContext) -> Any:
    await context.wait("pause", 60)
    return event["n"] + 1


def plain(payload: Any) -> Any:
    return payload["n"] + 1


def runner_for(given: str, how: str) -> DurableTestRunner:
    if how == "functions":
        return DurableTestRunner(calling, functions={given: plain})
    runner = DurableTestRunner(calling)
    match how:
        case "returns":
            runner.function(given, returns=8)
        case "calls":
            runner.function(given, calls=plain)
        case "script":
            runner.function(given).returns_in_turn([8])
        case "plain":
            runner.function(given, plain)
        case _:
            runner.function(given, durable)
    return runner


@pytest.mark.parametrize("how", ["returns", "calls", "script", "plain", "durable", "functions"])
@pytest.mark.parametrize("given", ["callee", "callee:live", LIVE_ARN])
@pytest.mark.parametrize("asked", ["callee:live", LIVE_ARN])
def test_a_function_is_invoked_by_its_alias(given: str, how: str, asked: str) -> None:
    result = runner_for(given, how).run_sync(asked)

    assert result.value == 8
    assert result.unused == ()
    assert result.operation("c").function_name == asked


@pytest.mark.parametrize("qualifier", ["live", "beta", "1", "7", "$LATEST"])
@pytest.mark.parametrize("how", ["returns", "durable"])
def test_a_function_without_a_qualifier_serves_every_qualifier(how: str, qualifier: str) -> None:
    assert runner_for("callee", how).run_sync(f"callee:{qualifier}").value == 8


@pytest.mark.parametrize("qualifier", ["live", "7", "$LATEST"])
def test_a_function_with_a_qualifier_serves_that_one_alone(qualifier: str) -> None:
    runner = runner_for(f"callee:{qualifier}", "durable")

    assert runner.run_sync(f"callee:{qualifier}").value == 8
    for asked in ("callee:other", "callee:1", "callee"):
        with pytest.raises(ScriptError, match=f"calls the function '{asked}'.*Known: callee:"):
            runner.run_sync(asked)


def test_each_qualifier_has_code_of_its_own() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        names = ("callee:live", "callee:1", "callee:beta", "callee:$LATEST", "callee:2")
        return [await context.invoke(name, name, {}) for name in names]

    async def said(text: str, context: DurableContext) -> str:
        await context.wait("pause", 1)
        return text

    async def live(event: Any, context: DurableContext) -> str:
        return await said("live", context)

    async def one(event: Any, context: DurableContext) -> str:
        return await said("one", context)

    async def other(event: Any, context: DurableContext) -> str:
        return await said("other", context)

    runner = DurableTestRunner(
        handler, functions={"callee:live": live, "callee:1": one, "callee": other}
    )

    assert runner.run_sync().value == ["live", "one", "other", "other", "other"]


def test_a_workflow_is_not_invoked_without_a_qualifier_as_the_service_has_it() -> None:
    async def handler(event: Any, context: DurableContext) -> Any:
        try:
            return await context.invoke("c", "callee", {"n": 7})
        except InvokeError as error:
            return [error.error_type, error.message]

    runner = DurableTestRunner(handler, functions={"callee": durable})

    assert runner.run_sync().value == [
        "InvalidParameterValueException",
        (
            "You cannot invoke a durable function using an unqualified ARN. Name a version or an "
            "alias, as 'callee:live' does."
        ),
    ]


def test_a_function_is_a_workflow_under_all_its_qualifiers_or_under_none() -> None:
    runner = DurableTestRunner(calling, functions={"callee:live": durable, "callee:beta": plain})

    with pytest.raises(Exception, match="'callee' is given as a workflow and as a plain function"):
        runner.run_sync("callee:live")


def test_the_workflow_itself_may_have_the_name_of_a_function_with_an_alias() -> None:
    assert runner_for("calling:live", "returns").run_sync("calling:live").value == 8


def test_a_function_is_given_once() -> None:
    runner = DurableTestRunner(calling, functions={"callee": plain})

    with pytest.raises(ValueError, match="'callee' has been given its code already"):
        runner.function("callee", returns=1)
    with pytest.raises(ValueError, match="'callee' has been given already"):
        runner.function("callee", durable)
    with pytest.raises(ValueError, match="give its code, or what it does; not both"):
        runner.function("other", plain, returns=1)
    with pytest.raises(ValueError, match="already does something in all further calls"):
        runner.function("another", plain).returns(1)
