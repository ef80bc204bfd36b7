"""The operation matrix through the real path: awslambdaric ⇄ Runtime API ⇄ the emulator's HTTP API.

Each variant is an emulator and a runtime process of its own. All cases of a variant run at once, so
their waits overlap; the tests then look at how each ended.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from durable_testing.model import ServiceConfig

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_SECONDS = 240
PAGED = ServiceConfig(first_page_operations=0, state_page_operations=3)
VARIANTS: dict[str, dict[str, str]] = {
    "lean": {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"},
    "lean, paged": {},
    "boto3": {"DURABLE_MATRIX_CLIENT": "boto3"},
}
SYNCHRONOUS = "handler_too_large_for_the_response"
APART = {"dies_once", "many_short_steps", "noted_steps", "waits_for_a_file"}

NO_FUNDS = ("matrix.CardDeclinedError", "no funds")
EXPECTED: dict[str, Any] = {
    "step_succeeds": {"ü": [1, 2.5, None]},
    "step_in_a_thread": "from a thread",
    "step_fails": NO_FUNDS,
    "step_retries": 2,
    "step_exhausts": NO_FUNDS,
    "step_large": 100_000,
    "step_too_large": ("durable_core.SerDesError", "the result of Step 'too-large' takes 300,002"),
    "step_fails_at_length": ("matrix.CardDeclinedError", "üüü"),
    "name_too_long": ("durable_core.ValidationError", "1 to 256 printable ASCII"),
    "invoke_too_large": ("durable_core.ValidationError", "takes 1,100,002 bytes"),
    "step_at_most_once": "done",
    "wait_suspends": "done",
    "sleep_beside_a_step": "done",
    "invoke_succeeds": 3,
    "invoke_fails": ("KeyError", "'b'"),
    "invoke_unqualified": ("InvalidParameterValueException", "using an unqualified ARN"),
    "invoke_durable": "done",
    "invoke_large": 900_000,
    "callback_succeeds": '"yes"',
    "callback_fails": ("Refused", "no"),
    "callback_times_out": ("Callback.Timeout", "timed out"),
    "wait_for_callback_succeeds": '"yes"',
    "wait_for_callback_fails": ("Refused", "no"),
    "wait_for_callback_times_out": ("Callback.Timeout", "timed out"),
    "wait_for_callback_cannot_submit": NO_FUNDS,
    "condition_succeeds": 2,
    "condition_fails": NO_FUNDS,
    "condition_exhausts": ("durable_core.WaitForConditionError", "not met after 3 attempts"),
    "child_succeeds": 42,
    "child_fails": NO_FUNDS,
    "child_suspends": "done",
    "child_large": 300_000,
    "map_succeeds": [1, 4, 9],
    "map_fails": NO_FUNDS,
    "map_tolerates": {"ok": 2, "failed": 1},
    "map_suspends": [1, 2, 3],
    "map_large": 300_000,
    "parallel_succeeds": [1, 2],
    "parallel_fails": NO_FUNDS,
    "parallel_suspends": ["rested", "rested"],
    "promise_all": [0, 1, 2],
    "promise_all_settled": ["SUCCEEDED", "FAILED"],
    "promise_any": "done",
    "promise_any_fails": ("durable_core.PromiseError", "none of the awaitables succeeded"),
    "promise_race_with_a_wait": None,
    "group_retries": "in the second attempt",
    "group_exhausts": ("matrix.CardDeclinedError", "never"),
    "handler_fails": ("matrix.CardDeclinedError", "the handler's own"),
    "handler_large": "ä" * 500_000,
    SYNCHRONOUS: "x" * (6 * 1024 * 1024 - 20),
    "log_lines": None,
}


class Ended(NamedTuple):
    """How one execution ended, and what it recorded: by operation, its events in order."""

    description: dict[str, Any]
    operations: dict[str, tuple[Any, ...]]
    invocation_errors: list[Any]

    @property
    def outcome(self) -> Any:
        if self.description["Status"] == "SUCCEEDED":
            return json.loads(self.description["Result"])
        error = self.description["Error"]
        return self.description["Status"], error["ErrorType"], error["ErrorMessage"]


def read(emulator: Any, arn: str) -> Ended:
    events: dict[str, list[str]] = {}
    labels: dict[str, tuple[Any, ...]] = {}
    errors = []
    for event in emulator.history(arn):
        kind = event["EventType"]
        if kind == "InvocationCompleted":
            errors.append(event["InvocationCompletedDetails"].get("Error"))
        elif not kind.startswith("Execution"):
            labels[event["Id"]] = tuple(map(event.get, ("Name", "SubType", "ParentId")))
            events.setdefault(event["Id"], []).append(kind)
    operations = {key: (*labels[key], *events[key]) for key in labels}
    return Ended(emulator.describe(arn), operations, errors)


def answer_callbacks(emulator: Any, arn: str, answered: set[str]) -> None:
    for event in emulator.history(arn):
        name = event.get("Name") or ""
        if event["EventType"] != "CallbackStarted" or not name.startswith(("answer", "refuse")):
            continue
        callback_id = event["CallbackStartedDetails"]["CallbackId"]
        if callback_id in answered:
            continue
        answered.add(callback_id)
        if name.startswith("answer"):
            emulator.client.send_durable_execution_callback_success(
                CallbackId=callback_id, Result=b'"yes"'
            )
        else:
            emulator.client.send_durable_execution_callback_failure(
                CallbackId=callback_id, Error={"ErrorMessage": "no", "ErrorType": "Refused"}
            )


def finish(emulator: Any, arns: dict[str, str], closed: set[str]) -> None:
    """Wait until all are closed, answering callbacks as they open."""
    ends = time.monotonic() + PATIENCE_SECONDS
    answered: set[str] = set()
    waiting = dict(arns)
    while waiting and time.monotonic() < ends:
        for name, arn in list(waiting.items()):
            if emulator.describe(arn)["Status"] in closed:
                del waiting[name]
            elif "callback" in name:
                answer_callbacks(emulator, arn, answered)
        time.sleep(0.2)
    assert not waiting, f"still open: {sorted(waiting)}"


def run_all(
    emulator: Any, cases: list[str], variant: str, log: Path, closed: set[str]
) -> dict[str, Ended]:
    emulator.start_runtime("matrix.handler", log=str(log), **VARIANTS[variant])
    arns = {
        name: emulator.invoke(json.dumps({"case": name}).encode(), asynchronous=name != SYNCHRONOUS)
        for name in cases
    }
    finish(emulator, arns, closed)
    return {name: read(emulator, arn) for name, arn in arns.items()}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runtime-logs")
    return {variant: folder / f"{index}.log" for index, variant in enumerate(VARIANTS)}


@pytest.fixture(scope="module")
def ended(emulators, cases, logs):
    """All variants at once: they mostly wait."""
    names = [name for name in cases if name not in APART]
    with ExitStack() as stack:
        started = {}
        for variant in VARIANTS:
            config = PAGED if "paged" in variant else None
            started[variant] = emulators.Emulator("matrix", config=config)
            stack.callback(started[variant].stop)
        threads = stack.enter_context(ThreadPoolExecutor(len(VARIANTS)))
        runs = {
            variant: threads.submit(
                run_all, emulator, names, variant, logs[variant], emulators.CLOSED
            )
            for variant, emulator in started.items()
        }
        return {variant: run.result() for variant, run in runs.items()}


def test_every_case_is_expected_somehow(cases):
    assert set(EXPECTED) | APART == set(cases)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", EXPECTED)
def test_a_case_ends_as_expected(ended, variant, name):
    expected, outcome = EXPECTED[name], ended[variant][name].outcome
    if isinstance(expected, tuple):
        status, error_type, message = outcome
        assert (status, error_type) == ("FAILED", expected[0])
        assert expected[1] in message
    else:
        assert outcome == expected


@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if variant != "lean"])
@pytest.mark.parametrize("name", EXPECTED)
def test_every_variant_records_the_same_operations(ended, variant, name):
    assert ended[variant][name].operations == ended["lean"][name].operations


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_invocation_was_lost_on_the_way(ended, variant):
    failed = {
        name: [error for error in each.invocation_errors if error]
        for name, each in ended[variant].items()
        if each.description["Status"] == "SUCCEEDED"
    }
    assert not any(failed.values()), failed


def test_json_lines_carry_the_documented_fields_and_none_is_written_twice(ended, logs):
    assert ended["lean"]["log_lines"].outcome is None
    lines = [json.loads(line) for line in logs["lean"].read_text().splitlines()]
    ours = [
        line
        for line in lines
        if line["message"] in {"in a step", "declined", "after the pause"}
        or line.get("case") == "log_lines"
    ]
    begins, step, declined, after = ours
    for line in ours:
        assert line["executionArn"] == ended["lean"]["log_lines"].description["DurableExecutionArn"]
        assert line["requestId"]
        assert line["timestamp"]
    assert (begins["level"], begins["message"]) == ("INFO", "case log_lines begins")
    assert (step["level"], step["operationName"], step["attempt"], step["amount"]) == (
        "WARNING",
        "talk",
        1,
        3,
    )
    assert step["operationId"] in ended["lean"]["log_lines"].operations
    assert (declined["errorType"], declined["errorMessage"]) == ("CardDeclinedError", "no funds")
    assert "in decline" in declined["stackTrace"][-1]
    assert after["requestId"] != step["requestId"]


def test_text_lines_say_level_request_and_message(ended, logs):
    assert ended["boto3"]["log_lines"].outcome is None
    lines = logs["boto3"].read_text().splitlines()
    (step,) = [line for line in lines if line.endswith("\tin a step")]
    level, _, request_id, _ = step.split("\t")
    assert level == "[WARNING]"
    assert request_id
