"""Runs the `durable` command in children of its own, and kills them when it is told to.

A child is forked from a process that has imported everything, so that the moments of the kills fall
into the run and not into the imports. One JSON object a line comes in on standard input:
`{"arguments": [...], "log": path, "kill_after": seconds or null, "stdout": path, "stderr": path}`;
the exit code goes out, negative for a signal.
"""

import contextlib
import io
import json
import os
import signal
import sys
import time

import durable_aws_lambda
import durable_examples.order
import durable_testing.cli.run
from durable_testing.cli.main import app

PRELOADED = (durable_aws_lambda, durable_examples.order, durable_testing.cli.run)


def run_child(job):
    """Become `durable`."""
    for path, number in ((job["stdout"], 1), (job["stderr"], 2)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
    os.environ["DURABLE_EXAMPLES_LOG"] = job["log"]  # noqa: TID251  of this child
    try:
        app(job["arguments"], prog_name="durable")
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code or 0)
    os._exit(99)


def warm_up():
    """Import what the command line imports when it first reads arguments."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        app(["run", "--help"], prog_name="durable")


def main():
    """Do one job after another."""
    warm_up()
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            run_child(job)
        if job["kill_after"] is not None:
            time.sleep(job["kill_after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


main()
