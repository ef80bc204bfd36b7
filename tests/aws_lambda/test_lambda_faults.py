"""Faults between the function and the service: nothing lost, nothing applied twice.

The executions' names say which call is spoilt, and how. They all run at once, on one runtime
process a client; each step writes down that its body ran.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from durable_testing.model import ServiceConfig

PATIENCE_SECONDS = 240
CALLS = (1, 2, 3)
CLIENTS = ("lean", "boto3")
STEPS = ("one", "two", "three")
PAGED = ServiceConfig(first_page_operations=0, state_page_operations=1)

UNNOTICED = (
    "throttle",
    "server_error",
    "server_error_after",
    "reset_before",
    "reset_after",
    "slow",
    "truncated",
)
"""The client mends them: the invocation goes on."""
INVOKED_AGAIN = ("stale_token", "withheld_token", "circular_marker")
"""The invocation ends, and the service invokes again."""
FATAL = ("wrong_marker",)
"""The service refuses for good: the execution fails, with its words."""

NAMES = [f"{fault}--{call}" for fault in (*UNNOTICED, *INVOKED_AGAIN, *FATAL) for call in CALLS]


class Seen(NamedTuple):
    """What became of one execution."""

    description: dict[str, Any]
    succeeded: Counter[str]
    invocation_errors: list[Any]
    bodies: Counter[str]


def read(emulator: Any, arn: str, ran: list[str], name: str) -> Seen:
    events = emulator.history(arn)
    invocations = [
        e["InvocationCompletedDetails"] for e in events if "Invocation" in e["EventType"]
    ]
    return Seen(
        emulator.describe(arn),
        Counter(e["Name"] for e in events if e["EventType"] == "StepSucceeded"),
        [each.get("Error") for each in invocations],
        Counter(step for who, step in (line.split() for line in ran) if who == name),
    )


def run_all(emulators: Any, proxies: Any, client: str, folder: Any) -> tuple[Any, set[str]]:
    emulator = emulators.Emulator("matrix", config=PAGED)
    faults = {name: getattr(proxies, name) for name in (*UNNOTICED, *INVOKED_AGAIN, *FATAL)}
    proxy = proxies.FaultProxy(emulator.addresses.url, faults)
    note = folder / f"{client}.ran"
    note.touch()
    try:
        emulator.start_runtime(
            "matrix.handler",
            AWS_ENDPOINT_URL_LAMBDA=proxy.url,
            DURABLE_MATRIX_CLIENT=client,
            DURABLE_MATRIX_NOTE=str(note),
            log=str(folder / f"{client}.log"),
        )
        payload = json.dumps({"case": "noted_steps"}).encode()
        arns = {name: emulator.invoke(payload, name=name) for name in NAMES}
        ends = time.monotonic() + PATIENCE_SECONDS
        while not all(emulator.describe(a)["Status"] in emulators.CLOSED for a in arns.values()):
            assert time.monotonic() < ends, (folder / f"{client}.log").read_text()[-2000:]
            time.sleep(0.3)
        ran = note.read_text().splitlines()
        seen = {name: read(emulator, arn, ran, name) for name, arn in arns.items()}
        return seen, set(proxy.spoilt)
    finally:
        proxy.stop()
        emulator.stop()


@pytest.fixture(scope="module")
def results(emulators, proxies, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with ThreadPoolExecutor(len(CLIENTS)) as threads:
        runs = {
            client: threads.submit(run_all, emulators, proxies, client, folder)
            for client in CLIENTS
        }
    return {client: run.result() for client, run in runs.items()}


@pytest.mark.parametrize("client", CLIENTS)
def test_every_fault_was_met(results, client):
    assert results[client][1] == set(NAMES)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [*UNNOTICED, *INVOKED_AGAIN])
def test_nothing_is_lost_and_nothing_applied_twice(results, client, fault, call):
    seen = results[client][0][f"{fault}--{call}"]
    assert seen.description["Status"] == "SUCCEEDED", seen.description.get("Error")
    assert json.loads(seen.description["Result"]) == list(STEPS)
    assert seen.succeeded == Counter(STEPS)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", UNNOTICED)
def test_what_the_client_mends_costs_no_invocation(results, client, fault, call):
    seen = results[client][0][f"{fault}--{call}"]
    assert not any(seen.invocation_errors)
    assert seen.bodies == Counter(STEPS)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_stale_token_fails_the_invocation_and_the_next_one_goes_on(results, client, call):
    seen = results[client][0][f"stale_token--{call}"]
    (error,) = [each for each in seen.invocation_errors if each]
    assert error["Payload"]["ErrorType"] == "CheckpointError"
    assert error["Payload"]["ErrorMessage"].startswith("Invalid Checkpoint Token")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_withheld_token_ends_the_invocation_pending(results, client, call):
    """The service did give a token here: it counts a PENDING without cause, and asks again."""
    seen = results[client][0][f"withheld_token--{call}"]
    errors = [error["Payload"]["ErrorMessage"] for error in seen.invocation_errors if error]
    assert set(errors) <= {"Cannot return PENDING status with no pending operations."}
    # What was applied is not run again, though the function never heard of it.
    assert seen.bodies == Counter(STEPS)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_page_that_leads_nowhere_is_asked_for_again(results, client, call):
    seen = results[client][0][f"circular_marker--{call}"]
    assert seen.bodies == Counter(STEPS)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_marker_the_service_refuses_fails_the_execution(results, client, call):
    seen = results[client][0][f"wrong_marker--{call}"]
    assert seen.description["Status"] == "FAILED"
    assert seen.description["Error"]["ErrorType"].endswith("CheckpointError")
    assert "arker" in seen.description["Error"]["ErrorMessage"]
