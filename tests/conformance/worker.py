"""A Lambda execution environment: a process that runs handlers, one invocation at a time."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.handlers.deployed import FUNCTIONS
from conformance.logs import JsonFormatter, Line, LogStream

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LOGGING_LEVEL = logging.INFO


class LambdaContext(NamedTuple):
    """What handlers are given beside the event."""

    function_name: str
    aws_request_id: str
    invoked_function_arn: str
    deadline: float
    memory_limit_in_mb: int = 512
    tenant_id: str | None = None
    client_context: None = None
    identity: None = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


class Invocation(NamedTuple):
    """What the endpoint sends: one Invoke."""

    function_name: str
    request_id: str
    event: Any


class Answer(NamedTuple):
    """What comes back: the handler's result, or its exception as Lambda shows it."""

    payload: Any
    is_error: bool


class SentStream(LogStream):
    """Standard output whose lines reach the endpoint at once: a dying process loses none."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(lambda: int(time.time() * 1000))
        self._connection = connection

    def write(self, text: str) -> int:
        written = super().write(text)
        for line in self.lines:
            self._connection.send(line)
        self.lines.clear()
        return written


def serve(connection: Connection) -> None:
    """Run what the endpoint sends until it hangs up."""
    sys.stdout = SentStream(connection)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=LOGGING_LEVEL, handlers=[handler])
    with suppress(EOFError):
        while True:
            connection.send(run(connection.recv()))


def run(invocation: Invocation) -> Answer:
    """Run one invocation."""
    context = LambdaContext(
        invocation.function_name,
        invocation.request_id,
        f"arn:aws:lambda:us-east-1:123456789012:function:{invocation.function_name}:$LATEST",
        time.monotonic() + 60,
    )
    try:
        return Answer(FUNCTIONS[invocation.function_name](invocation.event, context), False)
    except Exception as error:  # noqa: BLE001  as Lambda does
        payload = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        return Answer(payload, True)


__all__ = ("Answer", "Invocation", "Line", "serve")
