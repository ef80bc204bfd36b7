"""Ctrl-C at any moment of `durable run`: a clean end, and how to go on."""

import signal
import subprocess
import sys

import pytest

START = "from durable_testing.cli.command import main; main()"


@pytest.fixture
def start(tmp_path):
    """Start a Python program in a process; what is still there in the end is killed."""
    started = []

    def begin(program, *arguments):
        child = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield begin
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()


def wait_for(child, text):
    """Read standard error until a line has the text."""
    for line in child.stderr:
        if text in line:
            return
    raise AssertionError(f"no {text!r}")


ASKS = """
async def handler(event, context):
    async def ask(callback_id):
        pass
    return await context.wait_for_callback("approve", ask)
"""


@pytest.mark.parametrize("count", [1, 2, 5])
def test_signals_close_together_are_one(start, durable, count):
    module = durable.module(ASKS)
    child = start(START, "run", f"{module}:handler", "--name", "x")
    wait_for(child, "answer with")
    for _ in range(count):
        child.send_signal(signal.SIGINT)
    stdout, stderr = child.communicate()
    resume = f"durable run {module}:handler --name x"
    *progress, last = stderr.splitlines()
    assert last == f"durable: interrupted; x is kept. To go on with it: {resume}"
    assert all(line.startswith("[") for line in progress), stderr
    assert (child.returncode, stdout) == (130, "")


def test_an_interrupt_while_the_command_is_imported_is_no_traceback(start):
    program = """
import os, signal, sys
from durable_testing.cli.command import main

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "durable_testing.cli.run":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
main()
"""
    child = start(program, "run", "nowhere:handler")
    assert child.communicate() == ("", "durable: interrupted\n")
    assert child.returncode == 130


def test_an_interrupt_while_the_workflow_is_imported_is_no_traceback(start, durable):
    module = durable.module(
        """
import signal, sys
print("importing", file=sys.stderr, flush=True)
signal.pause()
"""
    )
    child = start(START, "run", f"{module}:handler")
    wait_for(child, "importing")
    child.send_signal(signal.SIGINT)
    assert child.communicate() == (
        "",
        "durable: interrupted before it began; use the same command again\n",
    )
    assert child.returncode == 130


def test_a_workflow_that_blocks_everything_is_ended_by_a_second_interrupt(start, durable):
    module = durable.module(
        """
import signal, sys

async def handler(event, context):
    print("blocking", file=sys.stderr, flush=True)
    while True:
        signal.pause()
"""
    )
    child = start(START, "run", f"{module}:handler", "--name", "x")
    wait_for(child, "blocking")
    while child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(0.3)
        except subprocess.TimeoutExpired:
            continue
    assert child.returncode == 130
    assert "interrupted; x is kept. To go on with it: durable run" in child.stderr.read()
