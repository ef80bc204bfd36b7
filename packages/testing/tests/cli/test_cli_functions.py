"""`durable run --function`: what a workflow invokes."""

import json

import pytest

INVOKING = """
from durable_aws_lambda import durable_execution

async def handler(event, context):
    return [await context.invoke("plain", "adder", [1, 2]), await context.invoke("child", event)]

def adder(payload):
    return sum(payload)

@durable_execution
async def child(event, context):
    return "from the child"
"""


def test_functions_that_are_named_can_be_invoked(durable):
    module = durable.module(INVOKING)
    options = ("--function", f"adder={module}:adder", "--function", f"kid:live={module}:child")
    result = durable("run", f"{module}:handler", '"kid:live"', *options)
    assert json.loads(result.stdout) == [3, "from the child"], result.stderr


CALLING = """
from pathlib import Path

from durable_aws_lambda import durable_execution

async def handler(event, context):
    async def count():
        with Path("runs").open("a") as file:
            file.write("x")
        return len(Path("runs").read_text())
    runs = await context.step("count", count)
    return [runs, await context.invoke("call", event)]

@durable_execution
async def callee(event, context):
    return await context.step("work", work)

@durable_execution
async def beta(event, context):
    return "beta"

async def work():
    return "done"

def plain(payload):
    return "plain"
"""


@pytest.mark.parametrize("target", ["kid:live", "kid"])
def test_a_function_that_is_missing_is_asked_for_where_it_is_invoked(durable, target):
    module = durable.module(CALLING)
    arguments = ("run", f"{module}:handler", f'"{target}"', "--name", "x")
    first, second = durable(*arguments), durable(*arguments)
    for result in (first, second):
        assert result.exit_code == 2
        assert result.stdout == ""
        assert (
            f"the invoke 'call' calls the function '{target}', which was not given; add "
            f"--function kid=MODULE:HANDLER. x is kept; to go on with it: durable run "
            f"{module}:handler --name x --function kid=MODULE:HANDLER"
        ) in result.stderr
    for _ in range(5):
        durable(*arguments)
    assert durable(*arguments, "--function", f"kid={module}:plain").stdout == '[1,"plain"]\n'


BESIDE = """
import asyncio
from pathlib import Path

async def handler(event, context):
    return await asyncio.gather(context.step("count", count), context.invoke("call", "kid"))

async def count():
    with Path("runs").open("a") as file:
        file.write("x")
    return len(Path("runs").read_text())

async def unawaited(event, context):
    context.invoke("call", "kid")
    return "over"

def plain(payload):
    return "plain"
"""


def test_what_was_done_beside_a_missing_function_is_kept(durable):
    module = durable.module(BESIDE)
    arguments = ("run", f"{module}:handler", "--name", "x")
    assert durable(*arguments).exit_code == durable(*arguments).exit_code == 2
    assert durable(*arguments, "--function", f"kid={module}:plain").stdout == '[1,"plain"]\n'


@pytest.mark.filterwarnings("ignore:.*never awaited:RuntimeWarning")
def test_an_execution_does_not_end_over_a_missing_function(durable):
    module = durable.module(BESIDE)
    arguments = ("run", f"{module}:unawaited", "--name", "x")
    assert durable(*arguments).exit_code == 2
    assert durable("show", "x").stdout.startswith("▸ x")
    assert durable(*arguments, "--function", f"kid={module}:plain").stdout == '"over"\n'


def test_functions_are_invoked_under_their_alias_or_under_every_one(durable):
    module = durable.module(CALLING)
    every = ("--function", f"kid={module}:callee")
    both = (*every, "--function", f"kid:beta={module}:beta")
    run = f"{module}:handler"
    assert durable("run", run, '"kid:live"', *every).stdout == '[1,"done"]\n'
    assert durable("run", run, '"kid:7"', *both).stdout == '[2,"done"]\n'
    assert durable("run", run, '"kid:beta"', *both).stdout == '[3,"beta"]\n'
    alone = durable("run", run, '"kid:live"', *both[2:])
    assert alone.exit_code == 2
    assert "add --function kid=MODULE:HANDLER" in alone.stderr


def test_a_workflow_is_not_invoked_without_a_qualifier_as_on_lambda(durable):
    module = durable.module(CALLING)
    result = durable("run", f"{module}:handler", '"kid"', "--function", f"kid={module}:callee")
    assert result.exit_code == 1
    assert (
        "You cannot invoke a durable function using an unqualified ARN. Name a version or an "
        "alias, as 'kid:live' does."
    ) in result.stderr


def test_a_function_is_given_once(durable):
    module = durable.module(CALLING)
    options = ("--function", f"kid={module}:callee") * 2
    result = durable("run", f"{module}:handler", *options)
    assert result.exit_code == 2
    assert "--function kid is given more than once" in result.stderr
    mixed = ("--function", f"kid={module}:callee", "--function", f"kid:live={module}:plain")
    result = durable("run", f"{module}:handler", *mixed)
    assert result.exit_code == 2
    assert "'kid' is given as a workflow and as a plain function" in result.stderr
