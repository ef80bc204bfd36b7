from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from durable_core.lowlevel import OperationStatus
from durable_testing.store.errors import ExecutionInUseError
from durable_testing.store.outside import OutsideRequest, RequestKind
from durable_testing.store.reader import open_reader

HOLDER = Path(__file__).with_name("holding_writer.py")


@contextmanager
def holding(path):
    """Another process that holds an execution; gives the process and what it said first."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, HOLDER, path], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process, process.stdout.readline().split()
        finally:
            process.kill()


def test_a_callback_reaches_the_process_that_waits_for_it_and_its_heir(path, desk, run):
    def succeed(callback_id):
        return OutsideRequest(RequestKind.CALLBACK_SUCCEED, callback_id, result="1")

    async def play():
        with holding(path) as (holder, (arn, first, second)):
            async with desk(path) as d:
                with pytest.raises(ExecutionInUseError):
                    await d.start()
                with open_reader(path) as model:
                    assert len(model.open_callbacks(arn)) == 2
                await d.service.deliver(succeed(first))
                assert holder.stdout.readline() == "Invoke\n"
                holder.kill()
                holder.wait()
                await d.service.deliver(succeed(second))
                records = d.model.operations(arn)[1:]
                assert {record.status for record in records} == {OperationStatus.SUCCEEDED}
                assert d.invoked() == [arn]  # the one its holder had been asked for

    run(play())


def test_many_may_make_the_database_at_once(path, desk):
    def make(number):
        async def play():
            async with desk(path) as d:
                return await d.start(f"run-{number}")

        return asyncio.run(play())

    with ThreadPoolExecutor(6) as threads:
        arns = set(threads.map(make, range(6)))
    with open_reader(path) as model:
        assert set(model.arns()) == arns
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]
