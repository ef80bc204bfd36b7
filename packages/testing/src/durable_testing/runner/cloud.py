"""Runs a deployed workflow: the same results, over boto3."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from durable_core.lowlevel import (
    ErrorObject,
    ExecutionStatus,
    OperationStatus,
    error_from_wire,
    error_to_wire,
    parse_timestamp,
)
from durable_testing.model import EventType
from durable_testing.replays import event_from_wire, records_of
from durable_testing.runner.announcing import announce
from durable_testing.runner.callbacks import (
    NOW,
    Answer,
    CallbackPlay,
    CallbackScript,
    OpenedCallback,
    callback_text,
    outside_error,
)
from durable_testing.runner.durations import Duration, positive_span
from durable_testing.runner.errors import ScriptError
from durable_testing.runner.outside import plain_name
from durable_testing.runner.payloads import event_text
from durable_testing.runner.result import ExecutionResult, Recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_testing.model import HistoryEvent
    from durable_testing.runner.operations import RecordedOperation

UNCOUNTED: Final = -1
_OPEN: Final = (ExecutionStatus.RUNNING, ExecutionStatus.PAUSING, ExecutionStatus.PAUSED)


class CloudTestRunner:
    """Runs a workflow where it is deployed, and gives the same result as `DurableTestRunner`.

    Time is real here, and steps and functions are those that are deployed; callbacks are answered
    by script or by hand. Replays are not checked: take `result.save_history` to `durable replay`.

    Args:
        function_arn: The function, with version or alias.
        client: A boto3 Lambda client.
        poll_seconds: How often to look at the execution.
        timeout: How long to wait for its end, or for what a test waits for.
        sleep: Waits so many seconds.
        now: The time in seconds since the epoch: answers `after` a while go by it.
    """

    def __init__(
        self,
        function_arn: str,
        client: Any,
        *,
        poll_seconds: float = 1.0,
        timeout: Duration = timedelta(minutes=15),
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._function_arn = function_arn
        self._client = client
        self._poll_seconds = poll_seconds
        self._timeout = positive_span(timeout, "timeout")
        self._sleep = sleep
        self._now = now
        self._scripts: dict[str, CallbackScript] = {}

    def callback(self, name: str) -> CallbackScript:
        """Return the script of the callbacks of that name; `"*"` is for those without their own."""
        script = self._scripts.setdefault(name, CallbackScript(name))
        script.close()
        return script

    def run(self, event: Any = None, *, name: str | None = None) -> ExecutionResult:
        """Start an execution and wait for its end.

        Raises:
            TimeoutError: It did not end in time; the message shows how it stands.
        """
        return self.start(event, name=name).result()

    def start(self, event: Any = None, *, name: str | None = None) -> CloudExecution:
        """Start an execution."""
        named = {} if name is None else {"DurableExecutionName": name}
        answer = self._client.invoke(
            FunctionName=self._function_arn,
            InvocationType="Event",
            Payload=(event_text(event) or "").encode(),
            **named,
        )
        return self.attach(answer["DurableExecutionArn"])

    def attach(self, execution_arn: str) -> CloudExecution:
        """Take up an execution that was started elsewhere."""
        return CloudExecution(
            self._client,
            execution_arn,
            [CallbackPlay(script) for script in self._scripts.values()],
            poll_seconds=self._poll_seconds,
            timeout_seconds=self._timeout.total_seconds(),
            sleep=self._sleep,
            now=self._now,
        )


class CloudExecution:
    """An execution somewhere else."""

    def __init__(
        self,
        client: Any,
        execution_arn: str,
        plays: list[CallbackPlay],
        *,
        poll_seconds: float,
        timeout_seconds: float,
        sleep: Callable[[float], object],
        now: Callable[[], float],
    ) -> None:
        self.execution_arn = execution_arn
        self._client = client
        self._plays = {play.name: play for play in plays}
        self._poll_seconds = poll_seconds
        self._timeout_seconds = timeout_seconds
        self._sleep = sleep
        self._now = now
        self._asked: set[str] = set()
        self._planned: list[tuple[int, str, Answer]] = []

    def snapshot(self) -> ExecutionResult:
        """Return the execution as it stands."""
        return self._look()[0]

    def result(self) -> ExecutionResult:
        """Wait for its end.

        Raises:
            TimeoutError: It did not end in time; the message shows how it stands.
        """
        result = self._wait(lambda result: result.status not in _OPEN)
        announce(result)
        return result

    def run_until(
        self, name: str, status: OperationStatus | str | None = None
    ) -> RecordedOperation:
        """Wait until an operation of that name has a status, or, without one, has ended."""

        def found(result: ExecutionResult) -> list[RecordedOperation]:
            reached = (OperationStatus.STARTED,) if status == OperationStatus.STARTED else ()
            return result.find(
                lambda each: (
                    each.name == name
                    and (
                        each.record.is_terminal
                        if status is None
                        else each.status == status or reached
                    )
                )
            )

        return found(self._wait(found))[0]

    def send_callback_success(self, callback: str, value: Any = None) -> None:
        """Answer a callback, given by its id or its name: a text as it is, the rest as JSON."""
        self._send(self._callback_id(callback), Answer("succeed", NOW, callback_text(value)))

    def send_callback_failure(self, callback: str, error: BaseException | str) -> None:
        """Answer a callback, given by its id or its name, with a failure."""
        self._send(self._callback_id(callback), Answer("fail", NOW, error=outside_error(error)))

    def send_callback_heartbeat(self, callback: str) -> None:
        """Give a sign of life for a callback, given by its id or its name."""
        self._send(self._callback_id(callback), Answer("heartbeat", NOW))

    def stop(self, error: BaseException | str | None = None) -> None:
        """Stop the execution."""
        said = {} if error is None else {"Error": error_to_wire(outside_error(error))}
        self._client.stop_durable_execution(DurableExecutionArn=self.execution_arn, **said)

    def pause(self) -> None:
        """Pause it."""
        self._client.pause_durable_execution(DurableExecutionArn=self.execution_arn)

    def resume(self) -> None:
        """Resume it."""
        self._client.resume_durable_execution(DurableExecutionArn=self.execution_arn)

    # Looking

    def _wait(self, is_enough: Callable[[ExecutionResult], object]) -> ExecutionResult:
        left = self._timeout_seconds
        while True:
            result, events = self._look()
            if is_enough(result):
                return result
            if left <= 0 or result.status not in _OPEN:
                said = "ended first" if result.status not in _OPEN else "is not that far in time"
                raise TimeoutError(f"the execution {said}\n\n{result.tree()}")
            self._answer(events)
            self._sleep(self._poll_seconds)
            left -= self._poll_seconds

    def _look(self) -> tuple[ExecutionResult, tuple[HistoryEvent, ...]]:
        arn = self.execution_arn
        events = self._events()
        # After the events: an end that they do not show yet is seen the next time.
        seen = self._client.get_durable_execution(DurableExecutionArn=arn)
        started_ms = parse_timestamp(seen["StartTimestamp"]) or 0
        ended_ms = parse_timestamp(seen.get("EndTimestamp"))
        if ended_ms is not None:
            events = self._events()
        recorded = Recorded(
            arn.split(":function:")[-1].split(":")[0],
            arn,
            seen["DurableExecutionName"],
            ExecutionStatus(seen["Status"]),
            started_ms,
            ended_ms or max((event.at_ms for event in events), default=started_ms),
            seen.get("Result"),
            error_from_wire(seen.get("Error")),
            records_of(events) if events else (),
            events,
            sum(event.type is EventType.INVOCATION_COMPLETED for event in events),
            UNCOUNTED,
            UNCOUNTED,
            UNCOUNTED,
            UNCOUNTED,
        )
        return ExecutionResult(recorded), events

    def _events(self) -> tuple[HistoryEvent, ...]:
        wires: list[Any] = []
        marker: dict[str, str] = {}
        while True:
            page = self._client.get_durable_execution_history(
                DurableExecutionArn=self.execution_arn, IncludeExecutionData=True, **marker
            )
            wires += page["Events"]
            if not page.get("NextMarker"):
                return tuple(event_from_wire(wire) for wire in wires)
            marker = {"Marker": page["NextMarker"]}

    # Callbacks

    def _answer(self, events: tuple[HistoryEvent, ...]) -> None:
        """Answer what is open, as the script says; times count from the opening."""
        for event in events:
            if event.type is EventType.CALLBACK_STARTED:
                self._plan(event)
        now_ms = self._now() * 1000
        due = [planned for planned in self._planned if planned[0] <= now_ms]
        self._planned = [planned for planned in self._planned if planned[0] > now_ms]
        for _, callback_id, answer in due:
            self._send(callback_id, answer)

    def _plan(self, event: HistoryEvent) -> None:
        callback_id: str = event.details["CallbackId"]
        if callback_id in self._asked:
            return
        self._asked.add(callback_id)
        name = plain_name(event.name)
        play = self._plays.get(name or "") or self._plays.get("*")
        if play is None:
            return
        seconds = (event.details.get("Timeout"), event.details.get("HeartbeatTimeout"))
        timeout, heartbeat = (timedelta(seconds=each) if each else None for each in seconds)
        for answer in play.answer(OpenedCallback(name, callback_id, timeout, heartbeat)):
            due_ms = event.at_ms + round(answer.after.total_seconds() * 1000)
            self._planned.append((due_ms, callback_id, answer))

    def _send(self, callback_id: str, answer: Answer) -> None:
        client = self._client
        match answer.kind:
            case "succeed":
                result = (answer.result or "").encode()
                client.send_durable_execution_callback_success(
                    CallbackId=callback_id, Result=result
                )
            case "fail":
                error = error_to_wire(answer.error or ErrorObject())
                client.send_durable_execution_callback_failure(CallbackId=callback_id, Error=error)
            case _:
                client.send_durable_execution_callback_heartbeat(CallbackId=callback_id)

    def _callback_id(self, callback: str) -> str:
        """Return the id of an open callback of that name; a text that is no name is an id."""
        for operation in self.snapshot().all_operations():
            if operation.callback_id is None or operation.record.is_terminal:
                continue
            if callback in (operation.callback_id, operation.name, plain_name(operation.name)):
                return operation.callback_id
        raise ScriptError(f"no callback {callback!r} is open\n\n{self.snapshot().tree()}")
