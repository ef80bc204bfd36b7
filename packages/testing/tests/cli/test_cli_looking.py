"""`durable list`, `show`, `history`, `callback`, `stop`: seeing executions, answering them."""

import json

import pytest

MODULE = """
import asyncio
import os
import signal
from datetime import timedelta

from durable_core import RetryPresets

async def handler(event, context):
    return await context.step("greet", lambda: "hello")

async def failing(event, context):
    def refuse():
        raise PermissionError("card declined")
    await context.step("charge", refuse, retry_strategy=RetryPresets.none())

async def asks(event, context):
    async def leave(callback_id):
        os.kill(os.getpid(), signal.SIGINT)
    async def inner(child):
        return await child.wait_for_callback("approve", leave, timeout=timedelta(days=1))
    return await context.run_in_child_context("group", inner)
"""


@pytest.fixture
def filled(durable):
    """Three executions: one succeeded, one failed, one waits for a callback."""
    module = durable.module(MODULE)
    durable.asks = f"{module}:asks"
    assert durable("run", f"{module}:handler", '{"to": "ann"}', "--name", "good").exit_code == 0
    assert durable("run", f"{module}:failing", "--name", "bad").exit_code == 1
    assert durable("run", durable.asks, "--name", "open").exit_code == 130
    return durable


def callback_id(durable):
    operations = json.loads(durable("show", "open", "--json").stdout)["Operations"]
    (callback,) = [each for each in operations if each["Type"] == "CALLBACK"]
    return callback["CallbackDetails"]["CallbackId"]


def test_list_shows_the_newest_first(filled):
    lines = [line.split()[:2] for line in filled("list").stdout.splitlines()]
    assert lines == [
        ["NAME", "STATUS"],
        ["open", "running"],
        ["bad", "failed"],
        ["good", "succeeded"],
    ]


def test_list_can_be_narrowed_and_read_by_machines(filled):
    (execution,) = json.loads(filled("list", "--status", "failed", "--json").stdout)
    assert execution["DurableExecutionName"] == "bad"
    assert execution["Status"] == "FAILED"
    assert execution["EndTimestamp"] >= execution["StartTimestamp"]


def test_show_draws_the_operations_with_attempts_and_sizes(filled):
    head, operation, *facts = filled("show", "good").stdout.splitlines()
    assert head.startswith("✓ good  succeeded")
    assert head.endswith("1 invocation")
    assert operation.startswith("└── ✓ greet")
    assert operation.endswith("7 bytes")
    assert "input    12 bytes" in facts
    assert "result   7 bytes" in facts


def test_show_nests_operations_and_says_how_to_answer_a_callback(filled):
    text = filled("show", "open").stdout
    tree = [line for line in text.splitlines() if "─" in line]
    assert [line.split("─ ")[1].split()[1] for line in tree] == ["group", "approve"] + [
        "approve"
    ] * 2
    assert f"answer with: durable callback succeed {callback_id(filled)}" in text


def test_show_tells_errors(filled):
    text = filled("show", "bad").stdout
    assert "✗ charge" in text
    assert "PermissionError: card declined" in text


def test_show_takes_an_arn(filled):
    wire = json.loads(filled("show", "bad", "--json").stdout)
    again = json.loads(filled("show", wire["DurableExecutionArn"], "--json").stdout)
    assert again == wire
    assert wire["Error"]["ErrorType"] == "PermissionError"


def test_history_lists_the_events(filled):
    lines = filled("history", "good").stdout.splitlines()
    assert [" ".join(line.split("]")[1].split()) for line in lines] == [
        "execution good started",
        "greet step started",
        "greet step succeeded",
        "invocation ended",
        "execution good succeeded",
    ]


def test_history_can_be_read_by_machines(filled):
    events = json.loads(filled("history", "good", "--json").stdout)["Events"]
    assert [event["EventId"] for event in events] == [1, 2, 3, 4, 5]
    assert events[2]["StepSucceededDetails"]["Result"]["Payload"] == '"hello"'


def test_a_callback_is_answered_and_the_execution_goes_on_with_the_answer(filled):
    answered = filled("callback", "succeed", callback_id(filled), "yes")
    assert answered.exit_code == 0, answered.stderr
    assert filled("run", filled.asks, "--name", "open").stdout == '"yes"\n'


def test_a_callback_can_fail(filled):
    options = ("--type", "TooExpensive", "--data", "42")
    assert filled("callback", "fail", callback_id(filled), "no budget", *options).exit_code == 0
    result = filled("run", filled.asks, "--name", "open")
    assert result.exit_code == 1
    assert "no budget" in result.stderr


def test_a_heartbeat_is_taken(filled):
    assert filled("callback", "heartbeat", callback_id(filled)).exit_code == 0


def test_a_callback_that_is_not_open_is_refused(filled):
    answered = callback_id(filled)
    filled("callback", "succeed", answered, "yes")
    result = filled("callback", "succeed", answered, "again")
    assert result.exit_code == 2
    assert "already completed" in result.stderr
    assert "Invalid callback id" in filled("callback", "succeed", "!").stderr


def test_a_stopped_execution_does_not_go_on(filled):
    assert filled("stop", "open", "--reason", "no longer wanted").exit_code == 0
    result = filled("run", filled.asks, "--name", "open")
    assert result.exit_code == 1
    assert "open stopped: Stopped: no longer wanted" in result.stderr
    assert "open had already ended" in filled("stop", "open").stderr


def test_what_does_not_exist_is_said_so(filled):
    for command in ("show", "history", "stop"):
        result = filled(command, "nobody")
        assert result.exit_code == 2
        assert "there is no execution called 'nobody'" in result.stderr
        assert filled(command, "arn:aws:x").exit_code == 2
    assert "use one of running, succeeded" in filled("list", "--status", "odd").stderr


def test_a_database_that_does_not_exist_is_said_so(durable):
    for command in (["list"], ["show", "x"], ["stop", "x"], ["callback", "heartbeat", "x"]):
        result = durable(*command)
        assert result.exit_code == 2
        assert "there is no database durable.db" in result.stderr


def test_the_database_can_be_named_by_the_environment(durable, monkeypatch):
    monkeypatch.setenv("DURABLE_DB", "mine.db")
    module = durable.module(MODULE)
    durable("run", f"{module}:handler", "--name", "x")
    assert (durable.directory / "mine.db").exists()
    assert "x" in durable("list").stdout


LEFT_OPEN = """
import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

from durable_core import JitterStrategy, create_retry_strategy
from durable_testing.store.reader import open_reader

later = create_retry_strategy(
    max_attempts=3,
    initial_delay=timedelta(hours=1),
    max_delay=timedelta(hours=1),
    jitter=JitterStrategy.NONE,
)

def refuse():
    raise ConnectionError("away")

OPEN = {
    ("approve create callback id", "STARTED"), ("bare", "STARTED"), ("cool-off", "STARTED"),
    ("ship", "STARTED"), ("sleep", "STARTED"), ("charge", "PENDING"),
}

def recorded():
    with open_reader(Path("other.db")) as model:
        return {(each.name, each.status) for arn in model.arns() for each in model.operations(arn)}

async def interrupt_once_all_is_open():
    while not recorded() >= OPEN:
        await asyncio.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.Event().wait()

async def kid(event, context):
    await context.wait("sleep", timedelta(days=2))

async def item(child, n, index):
    async def leave(callback_id):
        pass
    return await child.wait_for_callback("approve", leave, timeout=timedelta(days=1))

async def handler(event, context):
    async with asyncio.TaskGroup() as group:
        group.create_task(wrap(context.map("orders", [1], item)))
        group.create_task(wrap(context.create_callback("bare")))
        group.create_task(wrap(context.wait("cool-off", timedelta(hours=5))))
        group.create_task(wrap(context.invoke("ship", "shipping:live")))
        group.create_task(wrap(context.step("charge", refuse, retry_strategy=later)))
        group.create_task(wrap(context.wait("soon", timedelta(seconds=3))))
        await context.wait("short", timedelta(seconds=1))
        await context.step("interrupt", interrupt_once_all_is_open)

async def wrap(handle):
    return await handle
"""


def test_going_on_tells_what_is_waited_for_and_how_to_answer(durable):
    module = durable.module(LEFT_OPEN)
    command = ("run", f"{module}:handler", "--name", "x", "--db", "other.db")
    function = ("--function", f"shipping={module}:kid")
    assert durable(*command, *function).exit_code == 130

    again = durable(*command, *function)

    said = [line for line in again.stderr.splitlines() if line.startswith("durable: waiting for ")]
    assert again.exit_code == 130
    told = {line.split("waiting for ")[1].split(" ")[1].strip(",;'"): line for line in said}
    approve = told["orders/map-item-0/approve"]
    assert ", 23 h 59 m left; answer with: durable callback succeed " in approve
    assert approve.endswith(" --db other.db")
    assert "waiting for callback 'bare'; answer with: durable callback succeed " in told["bare"]
    assert told["cool-off"].endswith("waiting for timer 'cool-off', 4 h 59 m left")
    ship, _, its_operations = told["ship"].partition("; its operations: ")
    assert ship.endswith("waiting for invoke 'ship'; shipping:live goes on by itself")
    assert durable(*its_operations.split()[1:]).stdout.splitlines()[0].startswith("▸ ")

    shown = durable("show", "x", "--db", "other.db").stdout
    (approve,) = [line for line in shown.splitlines() if "approve create callback id" in line]
    assert "  23 h 59 m left  answer with: durable callback succeed " in approve
    assert approve.endswith(" --db other.db")
    (ship,) = [line for line in shown.splitlines() if "ship " in line]
    assert ship.endswith(f"  its operations: {its_operations}")
    assert "waiting for step 'charge', attempt 2 in 59 m" in told["charge"]


def test_a_file_that_is_no_database_is_told_once_what_to_do(durable):
    module = durable.module("x = 1")
    result = durable("list", "--db", f"{module}.py")
    assert result.exit_code == 2
    assert result.stderr == (
        f"durable: {module}.py is not a SQLite database; it was left as it is; name the file with "
        "--db\n"
    )


def test_long_names_keep_their_columns(durable):
    module = durable.module(
        """
async def handler(event, context):
    await context.step("short", lambda: 1)
    await context.step("a-name-of-more-than-twenty-characters", lambda: 1)
    await context.step("short-again", lambda: 1)
    await context.step("x" * 61, lambda: 1)
"""
    )
    ran = durable("run", f"{module}:handler", "--name", "x")
    lines = [line for line in ran.stderr.splitlines() if " step " in line]
    columns = [line.index(" step ") - line.index("] ") for line in lines]
    assert columns == [22] * 2 + [39] * 4 + [63] * 2
    history = durable("history", "x").stdout.splitlines()
    lines = [line for line in history if " step " in line]
    columns = [line.index(" step ") - line.index("] ") for line in lines]
    assert columns == [39] * 6 + [63] * 2


def test_an_ended_execution_does_not_count_down(durable):
    module = durable.module(
        """
from datetime import timedelta

async def handler(event, context):
    return await context.promise.race(
        [context.step("quick", lambda: 1), context.wait("slow", timedelta(days=3))]
    )
"""
    )
    assert durable("run", f"{module}:handler", "--name", "x").exit_code == 0
    text = durable("show", "x").stdout
    (slow,) = [line for line in text.splitlines() if "slow" in line]
    assert slow.endswith("left unfinished")
