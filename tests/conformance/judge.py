"""AWS's validators over an emulator: theirs unchanged, but for three stand-ins and the clock."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from conformance.handlers.deployed import REQUIREMENTS
from conformance.logs import log_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.faults import Faults
    from conformance.logs import Line
    from conformance.wheel import Suite


class Clock(Protocol):
    """What the validators use of `time`."""

    def time(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class Emulator(Protocol):
    """A durable execution service with the handlers deployed."""

    workers: int
    """How many requirements may be judged at once; 1: on the calling thread."""
    faults: Faults
    """What it is known to get wrong by itself."""
    client: Any
    """A boto3 client of its Lambda API."""
    clock: Clock
    lines: list[Line]
    """All that the functions wrote to standard output."""

    def invoke(self, function_name: str, payload: str) -> str:
        """Invoke and wait for the execution's end, as `RequestResponse` does; return its ARN."""
        ...

    def invoke_async(self, function_name: str, payload: str) -> str:
        """Invoke and do not wait, as `Event` does; return the execution's ARN."""
        ...


class Verdict(NamedTuple):
    """What the validators say of one requirement."""

    requirement_id: str
    suite: str
    function_name: str
    passed: bool
    errors: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What the validators take from an invocation."""

    output: str


class Invoker:
    """The first stand-in: invokes on the emulator what the suite would invoke on Lambda."""

    stack_name = "conformance"

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def invoke(self, function_name: str, event_file_path: str) -> Answer:
        """Invoke and wait."""
        return self._answer(self._emulator.invoke, function_name, event_file_path)

    def invoke_async(self, function_name: str, event_file_path: str) -> Answer:
        """Invoke and do not wait."""
        return self._answer(self._emulator.invoke_async, function_name, event_file_path)

    def _answer(
        self, invoke: Callable[[str, str], str], function_name: str, event_file_path: str
    ) -> Answer:
        event = json.loads(Path(event_file_path).read_text(encoding="utf-8"))
        arn = invoke(function_name, json.dumps(event["Input"]))
        return Answer(json.dumps({"DurableExecutionArn": arn}))


class Judge:
    """Judges requirements on one emulator."""

    def __init__(self, suite: Suite, emulator: Emulator) -> None:
        self._suite = suite
        self._emulator = emulator
        self._invoker = Invoker(emulator)
        # The second stand-in is the client; the third is where log lines come from.
        self._clients = {"lambda": emulator.client}
        suite.validate._validate_expected_logs = self._judge_logs
        suite.validate.time = emulator.clock

    def judge(self, requirement_id: str) -> Verdict:
        """Run the requirement's handler and let the validators look at what happened."""
        file = self._suite.files[requirement_id]
        suite = file.parent.name
        function_name = REQUIREMENTS.get(requirement_id)
        if function_name is None:
            return Verdict(requirement_id, suite, "", passed=False, errors=("no handler",))
        with TemporaryDirectory() as folder:
            result = self._suite.validate.validate_description(
                function_name=function_name,
                description_id=requirement_id,
                test_file=str(file),
                invoker=self._invoker,
                tmp_dir=folder,
                region="us-east-1",
                aws_clients=self._clients,
                output_dir=folder,
            )
        return Verdict(requirement_id, suite, function_name, result.passed, tuple(result.errors))

    def _judge_logs(
        self, *, description_data: dict, execution_arn: str, context: Any, **_: Any
    ) -> list[str]:
        expected = description_data.get("ExpectedLogs")
        if not expected:
            return []
        validator = self._suite.cloudwatch.CloudWatchLogValidator()
        events = log_events(self._emulator.lines, execution_arn)
        return validator.validate(expected, events, context=context).errors
