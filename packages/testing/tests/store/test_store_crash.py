from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from durable_testing.store.reader import open_reader

KILLS = 15
WRITER = Path(__file__).with_name("crashing_writer.py")


def acknowledged(process):
    """What the writer says it was answered, line by line: `ARN number`."""
    for line in process.stdout:
        if line.endswith("\n"):
            arn, number = line.split()
            yield arn, int(number)


def test_after_a_kill_every_acknowledged_checkpoint_is_there_and_none_is_half_there(path):
    random_kills = random.Random(20_251_202)  # noqa: S311
    answered: dict[str, int] = {}
    for _ in range(KILLS):
        left = random_kills.randint(1, 120)
        with subprocess.Popen(  # noqa: S603
            [sys.executable, WRITER, path], stdout=subprocess.PIPE, text=True
        ) as process:
            for arn, number in acknowledged(process):
                assert number > answered.get(arn, -1)  # it goes on where it was
                answered[arn] = number
                left -= 1
                if not left:
                    process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        with open_reader(path) as model:
            assert set(answered) <= set(model.arns())
            for arn in model.arns():
                check(model, arn, answered.get(arn, -1))


def check(model, arn, answered):
    """Each checkpoint wrote a step and a context with one number: both are there or neither."""
    records = [record.id for record in model.operations(arn)[1:]]
    numbers = [int(name[1:]) for name in records]
    assert max(numbers, default=-1) >= answered
    assert records == [f"{kind}{number}" for number in numbers[::2] for kind in "sc"]
    assert numbers[::2] == list(range(len(numbers) // 2))
    events = model.history(arn)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert sum(event.type == "StepSucceeded" for event in events) == len(numbers) // 2
