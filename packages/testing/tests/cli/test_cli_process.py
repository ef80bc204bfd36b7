"""`durable run` as a process: its streams, its end, and others that answer it."""

import os
import pty
import re
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from durable_testing.cli.command import main; main()"]


class Process:
    """A `durable` process, to be read line by line."""

    def __init__(self, directory, *arguments):
        self.child = subprocess.Popen(  # noqa: S603  our own command
            [*COMMAND, *arguments],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = []

    def until(self, text):
        """Read standard error until a line has the text."""
        for line in self.child.stderr:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError("".join(self.lines))

    def end(self):
        """Return exit code, standard output, and what was left of standard error."""
        stdout, stderr = self.child.communicate()
        return self.child.returncode, stdout, stderr


@pytest.fixture
def process(tmp_path):
    """Start `durable` in a process; what is still there in the end is killed."""
    started = []

    def start(*arguments):
        started.append(Process(tmp_path, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.child.poll() is None:
            each.child.kill()
        each.child.communicate()


def test_what_child_processes_print_does_not_reach_standard_output(process, durable):
    module = durable.module(
        """
import subprocess

async def handler(event, context):
    await context.step("shout", lambda: subprocess.run(["echo", "from a child"]).returncode)
    return 1
"""
    )
    assert process("run", f"{module}:handler").end()[:2] == (0, "1\n")


def test_what_the_workflow_logs_is_shown_once(process, durable):
    module = durable.module(
        """
from datetime import timedelta

async def handler(event, context):
    context.logger.info("before the wait")
    await context.wait(timedelta(seconds=1))
    context.logger.info("after the wait")
"""
    )
    code, _, stderr = process("run", f"{module}:handler").end()
    assert code == 0
    assert stderr.count("INFO before the wait") == 1
    assert stderr.count("INFO after the wait") == 1


def test_a_thread_that_is_left_behind_does_not_keep_the_process(process, durable):
    module = durable.module(
        """
import time
from datetime import timedelta

async def handler(event, context):
    slow = context.step("slow", time.sleep, 3600)
    return await context.promise.race([slow, context.wait(timedelta(seconds=1))])
"""
    )
    assert process("run", f"{module}:handler").end()[:2] == (0, "null\n")


ASKS = """
async def handler(event, context):
    async def ask(callback_id):
        pass
    return await context.wait_for_callback("approve", ask)
"""


def test_a_callback_is_answered_while_another_process_waits_for_it(process, durable):
    module = durable.module(ASKS)
    waiting = process("run", f"{module}:handler", "--name", "x")
    callback_id = waiting.until("answer with").split()[-1]
    assert durable("callback", "succeed", callback_id, "yes").exit_code == 0
    code, stdout, _ = waiting.end()
    assert (code, stdout) == (0, '"yes"\n')


def test_an_execution_that_another_process_runs_is_waited_for(process, durable):
    module = durable.module(ASKS)
    first = process("run", f"{module}:handler", "--name", "x")
    callback_id = first.until("answer with").split()[-1]
    second = process("run", f"{module}:handler", "--name", "x")
    second.until("x is run by another process; waiting for it")
    assert durable("callback", "succeed", callback_id, "yes").exit_code == 0
    assert first.end()[:2] == second.end()[:2] == (0, '"yes"\n')


def test_an_execution_whose_process_is_killed_is_taken_over_by_one_that_waits(process, durable):
    module = durable.module(ASKS)
    first = process("run", f"{module}:handler", "--name", "x")
    callback_id = first.until("answer with").split()[-1]
    second = process("run", f"{module}:handler", "--name", "x")
    second.until("waiting for it")
    first.child.kill()
    second.until("going on with x")
    assert durable("callback", "succeed", callback_id, "yes").exit_code == 0
    assert second.end()[:2] == (0, '"yes"\n')


def test_an_execution_is_stopped_while_another_process_runs_it(process, durable):
    module = durable.module(ASKS)
    waiting = process("run", f"{module}:handler", "--name", "x")
    waiting.until("answer with")
    assert durable("stop", "x").exit_code == 0
    code, stdout, stderr = waiting.end()
    assert (code, stdout) == (1, "")
    assert "x stopped" in stderr


def test_sigterm_keeps_the_execution_like_ctrl_c(process, durable):
    module = durable.module(ASKS)
    waiting = process("run", f"{module}:handler", "--name", "x")
    waiting.until("answer with")
    waiting.child.terminate()
    code, _, stderr = waiting.end()
    assert code == 130
    assert "x is kept" in stderr


def test_on_a_terminal_the_tree_is_drawn_and_waits_count_down(durable):
    module = durable.module(
        """
import asyncio
from datetime import timedelta
from pathlib import Path

async def watched():
    while not Path("seen").exists():
        await asyncio.sleep(0.02)

async def handler(event, context):
    await context.step("first", lambda: print("the step talks"))
    pause = context.wait("pause", timedelta(minutes=5))
    await context.promise.race([pause, context.step("watched", watched)])
    return "done"
"""
    )
    terminal, ours = pty.openpty()
    child = subprocess.Popen(  # noqa: S603  our own command
        [*COMMAND, "run", f"{module}:handler", "--name", "x"],
        cwd=durable.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=ours,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(ours)
    drawn = b""
    while True:
        try:
            drawn += os.read(terminal, 65536)
        except OSError:  # how a terminal says that nobody writes to it any more
            break
        if len(set(seconds_left(drawn))) > 1:
            (durable.directory / "seen").touch()
    os.close(terminal)
    assert child.communicate()[0] == b'"done"\n'
    text = without_controls(drawn)
    assert "the step talks" in text
    counted = seconds_left(drawn)
    assert len(set(counted)) > 1, text
    assert counted == sorted(counted, reverse=True)
    assert "✓ x  succeeded" in text


def without_controls(drawn):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn.decode(errors="ignore"))


def seconds_left(drawn):
    """What each drawing of the wait says to be left of it."""
    row = r"◷ pause +wait +\d[^\n]*?  (\d+) m (\d+) s left"
    return [60 * int(m) + int(s) for m, s in re.findall(row, without_controls(drawn))]
