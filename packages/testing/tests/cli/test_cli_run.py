"""`durable run`: results, errors, names, inputs."""

from importlib.metadata import version

import pytest

from durable_testing.cli.main import SUBCOMMANDS

ECHO = """
async def handler(event, context):
    print("the handler talks")
    return event
"""
STEPS = """
runs = []

async def handler(event, context):
    async def one():
        runs.append(1)
        return len(runs)
    return await context.step("one", one)
"""


def test_the_result_alone_is_on_standard_output(durable):
    module = durable.module(ECHO)
    result = durable("run", f"{module}:handler", '{"a": 1}')
    assert result.exit_code == 0
    assert result.stdout == '{"a":1}\n'
    assert "the handler talks" in result.stderr


def test_no_input_is_null(durable):
    module = durable.module(ECHO)
    assert durable("run", f"{module}:handler").stdout == "null\n"


def test_input_comes_from_a_file_or_from_standard_input(durable):
    module = durable.module(ECHO)
    (durable.directory / "input.json").write_text("[1, 2]")
    assert durable("run", f"{module}:handler", "@input.json").stdout == "[1,2]\n"
    assert durable("run", f"{module}:handler", "-", stdin='{"ü": 1}').stdout == '{"ü":1}\n'


def test_each_transition_is_a_line_on_standard_error(durable):
    module = durable.module(STEPS)
    lines = durable("run", f"{module}:handler", "--name", "x").stderr.splitlines()
    words = [" ".join(line.split("]")[1].split()) for line in lines]
    assert words == [
        "execution x started",
        "one step started",
        "one step succeeded",
        "execution x succeeded",
    ]


def test_without_a_name_one_is_made_and_told_with_how_to_go_on(durable):
    module = durable.module(ECHO)
    result = durable("run", f"{module}:handler", "--db", "other.db")
    (line,) = [line for line in result.stderr.splitlines() if "is called" in line]
    name = line.split("is called ")[1].split(";")[0]
    assert line.endswith(f"durable run {module}:handler --name {name} --db other.db")
    assert durable("run", f"{module}:handler", "--name", name, "--db", "other.db").exit_code == 0


def test_a_finished_execution_gives_its_stored_result_for_the_same_input(durable):
    module = durable.module(STEPS)
    first = durable("run", f"{module}:handler", '{"a": 1, "b": 2}', "--name", "x")
    again = durable("run", f"{module}:handler", '{"b":2,"a":1}', "--name", "x")
    without = durable("run", f"{module}:handler", "--name", "x")
    assert first.stdout == again.stdout == without.stdout == "1\n"
    assert again.exit_code == 0
    assert "stored outcome" in again.stderr


def test_another_input_for_a_name_is_an_error(durable):
    module = durable.module(STEPS)
    durable("run", f"{module}:handler", "1", "--name", "x")
    result = durable("run", f"{module}:handler", "2", "--name", "x")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "x was started with another input: 1; leave INPUT out" in result.stderr


def test_a_name_of_another_workflow_is_an_error(durable):
    one, other = durable.module(ECHO), durable.module(ECHO)
    durable("run", f"{one}:handler", "--name", "x")
    result = durable("run", f"{other}:handler", "--name", "x")
    assert result.exit_code == 2
    assert f"x is an execution of {one}, not of {other}" in result.stderr


FAILING = """
async def handler(event, context):
    def refuse():
        raise PermissionError("card declined")
    from durable_core import RetryPresets
    await context.step("charge", refuse, retry_strategy=RetryPresets.none())
"""


def test_a_failure_is_told_with_its_traceback_and_exit_code_1(durable):
    module = durable.module(FAILING)
    result = durable("run", f"{module}:handler", "--name", "x")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "x failed at 'charge': " in result.stderr
    assert "card declined" in result.stderr
    assert f"{module}.py" in result.stderr
    again = durable("run", f"{module}:handler", "--name", "x")
    assert again.exit_code == 1
    assert "card declined" in again.stderr


NESTED = """
from durable_core import RetryPresets

async def handler(event, context):
    async def refuse():
        raise PermissionError("card declined")
    async def checkout(child):
        await child.step("charge", refuse, retry_strategy=RetryPresets.none())
    await context.run_in_child_context("checkout", checkout)

async def without(event, context):
    raise PermissionError("at once")
"""


def test_a_failure_names_the_operation_that_failed_where_there_is_one(durable):
    module = durable.module(NESTED)
    result = durable("run", f"{module}:handler", "--name", "x")
    assert "durable: x failed at 'checkout/charge': PermissionError: card declined" in result.stderr
    again = durable("run", f"{module}:handler", "--name", "x")
    assert "durable: x failed at 'checkout/charge': PermissionError: card declined" in again.stderr
    without = durable("run", f"{module}:without", "--name", "y")
    assert "durable: y failed: PermissionError: at once" in without.stderr


TALKING = """
import sys

async def handler(event, context):
    async def talk(child):
        async def say():
            print("the step talks")
        await child.step("say", say)
        await child.step("say again", lambda: print("a thread talks"))
    await context.run_in_child_context("talk", talk)
"""


def test_a_start_is_told_before_what_the_step_prints(durable):
    module = durable.module(TALKING)
    lines = durable("run", f"{module}:handler", "--name", "x").stderr.splitlines()
    words = [" ".join(line.rpartition("]")[2].split()) for line in lines]
    assert words == [
        "execution x started",
        "talk context started",
        "talk/say step started",
        "the step talks",
        "talk/say step succeeded",
        "talk/say again step started",
        "a thread talks",
        "talk/say again step succeeded",
        "talk context succeeded",
        "execution x succeeded",
    ]


POLLING = """
from durable_core import create_wait_strategy

async def handler(event, context):
    strategy = create_wait_strategy(should_continue_polling=lambda state: state < 2)
    return await context.wait_for_condition(
        "packed", lambda state: state + 1, initial_state=0, wait_strategy=strategy
    )
"""


def test_a_condition_that_is_not_met_has_not_succeeded(durable):
    module = durable.module(POLLING.replace("state < 2)", "state < 2, initial_delay=1)"))
    lines = durable("run", f"{module}:handler", "--name", "x").stderr.splitlines()
    words = [" ".join(line.split("]")[1].split()) for line in lines]
    assert words[1:-1] == [
        "packed condition started",
        "packed condition not met yet attempt 2 in 1 s",
        "packed condition started",
        "packed condition succeeded",
    ]


INTERRUPTED = """
import asyncio
import os
import signal
from pathlib import Path

async def handler(event, context):
    return await context.invoke("child", "kid:live")

async def once(event, context):
    async def interrupt():
        if Path("second").exists():
            return "done"
        Path("second").touch()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
    return await context.step("interrupt", interrupt)
"""


def test_ctrl_c_keeps_the_execution_and_says_how_to_go_on(durable):
    module = durable.module(INTERRUPTED)
    result = durable("run", f"{module}:once", "--name", "x")
    assert result.exit_code == 130
    assert result.stdout == ""
    resume = f"durable run {module}:once --name x"
    assert f"interrupted; x is kept. To go on with it: {resume}" in result.stderr
    again = durable(*resume.split()[1:])
    assert again.exit_code == 0
    assert again.stdout == '"done"\n'
    assert "going on with x" in again.stderr


def test_a_function_that_is_missing_when_an_execution_goes_on_is_asked_for(durable):
    module = durable.module(INTERRUPTED)
    arguments = ("run", f"{module}:handler", "--name", "x")
    option = ("--function", f"kid={module}:once")
    interrupted = durable(*arguments, *option)
    assert interrupted.exit_code == 130
    assert interrupted.stderr.rstrip().endswith(" ".join(("durable", *arguments, *option)))
    result = durable(*arguments)
    assert result.exit_code == 2
    assert "needs the workflow 'kid'; add --function kid=MODULE:HANDLER" in result.stderr
    assert durable(*arguments, *option).stdout == '"done"\n'


def test_a_failure_without_input_says_that_the_event_was_null(durable):
    module = durable.module("async def handler(event, context):\n    return event['who']\n")
    hint = "x was started with no INPUT, so the event is null"
    assert hint in durable("run", f"{module}:handler", "--name", "x").stderr
    given = durable("run", f"{module}:handler", "{}", "--name", "y")
    assert given.exit_code == 1
    assert "no INPUT" not in given.stderr


USAGE = [
    (["nowhere:handler"], "there is no module 'nowhere'"),
    (["{module}.py:handler"], "name the module, not its file: {module}:handler"),
    (["{module}"], "'{module}' is not MODULE:HANDLER, e.g. orders:handler"),
    (["{module}:nothing"], "{module} has no 'nothing'; its workflows: handler"),
    (["{module}:LIMIT"], "{module}:LIMIT is not a workflow"),
    (["{module}:handler", "{{"], "INPUT is not JSON: Expecting property name"),
    (["{module}:handler", '{{"a": }}'], "at line 1 column 7"),
    (["{module}:handler", "ann"], "a string is written with quotes: '\"ann\"'"),
    (["{module}:handler", "NaN"], "INPUT is not JSON: it has no NaN"),
    (["{module}:handler", "@nothing.json"], "cannot read nothing.json"),
    (["{module}:handler", "--name", "a/b"], "use 1 to 64 letters, digits, - and _"),
    (["{module}:handler", "--function", "x"], "write NAME=MODULE:HANDLER"),
    (["{module}:handler", "--function", "x={module}:LIMIT"], "function 'x' must be callable"),
    (["{module}:handler", "--function", "x y={module}:handler"], "cannot be a function's name"),
    (["{module}:handler", "--db", "missing/durable.db"], "cannot create the database"),
    (["{module}:handler", "--db", "{module}.py"], "is not a SQLite database"),
    ([], "Missing argument"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE)
def test_a_wrong_command_says_what_is_wrong(durable, arguments, message):
    module = durable.module(f"{ECHO}\nLIMIT = 3\n")
    result = durable("run", *(argument.format(module=module) for argument in arguments))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message.format(module=module) in result.stderr


BROKEN = [
    ("1 / 0", "ZeroDivisionError: division by zero", ":1)"),
    ("import nothing_of_that_name", "No module named 'nothing_of_that_name'", ":1)"),
    ("def f(:", "invalid syntax", ":1:"),
    ("raise SystemExit(3)", "SystemExit: 3", ":1)"),
]


@pytest.mark.parametrize(("source", "message", "place"), BROKEN)
def test_a_module_that_cannot_be_imported_is_named_with_the_place(durable, source, message, place):
    module = durable.module(source)
    result = durable("run", f"{module}:handler")
    assert result.exit_code == 2
    assert f"{module} cannot be imported" in result.stderr
    assert message in result.stderr
    assert place in result.stderr


CANDIDATES = """
from durable_core import DurableContext

async def reserve(shelf, book): ...
async def order(given: dict, durable: DurableContext): ...
async def ship(event, context): ...
"""


def test_of_functions_of_two_parameters_those_are_named_that_look_like_workflows(durable):
    module = durable.module(CANDIDATES)
    assert f"{module} has no 'nope'; its workflows: order, ship\n" in (
        durable("run", f"{module}:nope").stderr
    )
    other = durable.module("async def reserve(shelf, book): ...")
    assert "its workflows: reserve" in durable("run", f"{other}:nope").stderr


def test_a_module_without_a_workflow_says_so(durable):
    module = durable.module("x = 1")
    assert "it has no workflow" in durable("run", f"{module}:handler").stderr


TEXT = """
from durable_core import PassThroughSerDes
from durable_core.lowlevel import Workflow

async def words(event, context):
    return "plain words"

handler = Workflow(words, serdes=PassThroughSerDes())
"""


def test_a_result_that_is_no_json_is_printed_as_a_json_string(durable):
    module = durable.module(TEXT)
    assert durable("run", f"{module}:handler", '"x"').stdout == '"plain words"\n'


def test_help_names_the_commands(durable):
    result = durable("--help")
    for name in ("run", "list", "show", "history", "callback", "stop"):
        assert f"  {name}" in result.stdout


@pytest.mark.parametrize("command", [command.name for command in SUBCOMMANDS])
def test_the_help_of_a_command_is_plain_text_without_types_of_flags(durable, command):
    told = durable(command, "--help")
    assert told.exit_code == 0
    assert told.stdout.startswith(f"Usage: durable {command} ")
    assert "<bool>" not in told.stdout
    assert "╭" not in told.stdout


def test_the_version_is_told(durable):
    result = durable("--version")
    assert result.exit_code == 0
    assert result.stdout == f"durable {version('durable-testing')}\n"
