"""What happens to executions when the process that runs them dies, or runs out of time."""

from __future__ import annotations

import json
import signal
import time

import pytest

PATIENCE_SECONDS = 120


@pytest.fixture
def start(emulators):
    """Start emulators; they are stopped at the end."""
    started = []

    def begin(**options):
        started.append(emulators.Emulator("matrix", **options))
        return started[-1]

    yield begin
    for emulator in started:
        emulator.stop()


def until(condition):
    ends = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return found


def closed(emulators, emulator, arn):
    return until(lambda: (found := emulator.describe(arn))["Status"] in emulators.CLOSED and found)


@pytest.mark.parametrize("client", ["lean", "boto3"])
def test_a_killed_process_loses_nothing(emulators, start, tmp_path, client):
    emulator = start()
    note = tmp_path / "pid"
    environ = {"DURABLE_MATRIX_NOTE": str(note), "DURABLE_MATRIX_CLIENT": client}
    process = emulator.start_runtime("matrix.handler", **environ)
    arn = emulator.invoke(json.dumps({"case": "dies_once"}).encode())
    until(lambda: note.exists() and note.read_text() == str(process.pid))
    until(lambda: "StepStarted" in {event["EventType"] for event in emulator.history(arn)})
    process.send_signal(signal.SIGKILL)
    process.wait()
    emulator.start_runtime("matrix.handler", **environ)
    assert closed(emulators, emulator, arn)["Result"] == '"survived"'
    kinds = [event["EventType"] for event in emulator.history(arn)]
    # The attempt that died is the one that is run again: no second START, no retry spent.
    assert kinds.count("StepStarted") == kinds.count("StepSucceeded") == 1
    assert kinds.count("InvocationCompleted") == 2


def test_short_of_time_the_invocation_suspends_and_is_invoked_again(emulators, start):
    """Ten steps of 0.4 s in 7 s, of which 3.5 are left for the end: no invocation is killed."""
    emulator = start(timeout_seconds=7)
    emulator.start_runtime("matrix.handler", DURABLE_DEADLINE_MARGIN_MS="3500")
    arn = emulator.invoke(json.dumps({"case": "many_short_steps"}).encode())
    found = closed(emulators, emulator, arn)
    assert json.loads(found["Result"]) == list(range(10))
    ends = [event for event in emulator.history(arn) if event["EventType"] == "InvocationCompleted"]
    assert len(ends) >= 2
    assert not [end for end in ends if end["InvocationCompletedDetails"].get("Error")]


def test_a_pause_takes_the_token_away_and_resuming_brings_the_execution_to_its_end(
    emulators, start, tmp_path
):
    emulator = start()
    note = tmp_path / "note"
    emulator.start_runtime("matrix.handler", DURABLE_MATRIX_NOTE=str(note))
    arn = emulator.invoke(json.dumps({"case": "waits_for_a_file"}).encode())
    until(note.with_suffix(".begun").exists)
    until(lambda: "StepStarted" in {event["EventType"] for event in emulator.history(arn)})
    emulator.client.pause_durable_execution(DurableExecutionArn=arn)
    note.touch()
    until(lambda: emulator.describe(arn)["Status"] == "PAUSED")
    emulator.client.resume_durable_execution(DurableExecutionArn=arn)
    assert closed(emulators, emulator, arn)["Result"] == '"there"'
    events = emulator.history(arn)
    kinds = [event["EventType"] for event in events]
    assert kinds.count("StepStarted") == kinds.count("StepSucceeded") == 1
    assert not [
        event
        for event in events
        if event["EventType"] == "InvocationCompleted"
        and event["InvocationCompletedDetails"].get("Error")
    ]


def test_a_stopped_execution_is_let_go(emulators, start, tmp_path):
    """Its invocation's next checkpoint is refused; the process goes on with other executions."""
    emulator = start()
    note = tmp_path / "note"
    emulator.start_runtime("matrix.handler", DURABLE_MATRIX_NOTE=str(note))
    arn = emulator.invoke(json.dumps({"case": "waits_for_a_file"}).encode())
    until(note.with_suffix(".begun").exists)
    emulator.client.stop_durable_execution(
        DurableExecutionArn=arn, Error={"ErrorMessage": "enough"}
    )
    note.touch()
    other = emulator.invoke(json.dumps({"case": "step_succeeds"}).encode())
    assert closed(emulators, emulator, other)["Status"] == "SUCCEEDED"
    assert emulator.describe(arn)["Status"] == "STOPPED"
