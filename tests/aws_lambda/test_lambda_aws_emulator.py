"""AWS's own emulator drives our handlers, unchanged, through the lean client: a smoke of ten."""

from __future__ import annotations

import json
import time

import boto3
import pytest

from durable_examples import approval, fan_out, order, quick_start

PATIENCE_SECONDS = 200
CLOSED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"}
EXAMPLES = {
    "quick-start": ("quick_start", {"user_id": "u-1"}),
    "order": ("order", {"order_id": "A-1"}),
    "declined": ("order", {"order_id": "A-declined"}),
    "fan-out": ("fan_out", {"pages": ["a", "b", "c"]}),
    "approval": ("approval", {"expense": "train", "amount": 120}),
    "retries": ("matrix", {"case": "step_retries"}),
    "condition": ("matrix", {"case": "condition_succeeds"}),
    "large child": ("matrix", {"case": "child_large"}),
    "parallel": ("matrix", {"case": "parallel_suspends"}),
    "race": ("matrix", {"case": "promise_race_with_a_wait"}),
}
ENDS = {
    "order": {"status": "shipped"},
    "declined": {"status": "cancelled"},
    "fan-out": {"indexed": 3, "failed": []},
    "approval": {"status": "paid", "approval": {"by": "ann"}},
    "retries": 2,
    "condition": 2,
    "large child": 300_000,
    "parallel": ["rested", "rested"],
    "race": None,
}


@pytest.fixture(scope="module")
def ended(environments, neighbours, tmp_path_factory):
    """Run all ten at once."""
    command = environments.environment("aws-emulator", *environments.AWS_EMULATOR)
    aws, matrix = neighbours("aws_emulator"), neighbours("matrix")
    handlers = {
        "quick_start": quick_start.handler,
        "order": order.handler,
        "fan_out": fan_out.handler,
        "approval": approval.handler,
        "matrix": matrix.handler,
    }
    port = aws.free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "local")
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.setenv(name, "us-east-1")
        folder = tmp_path_factory.mktemp("aws-emulator")
        with aws.running(command / "dex-local-runner", port, handlers, folder) as emulator:
            client = boto3.Session().client("lambda")
            arns = {name: emulator.start(*EXAMPLES[name]) for name in EXAMPLES}
            found = finish(client, arns)
            client.close()
    return found


def finish(client, arns):
    ends = time.monotonic() + PATIENCE_SECONDS
    answered = False
    found = {}
    while len(found) < len(arns):
        assert time.monotonic() < ends, f"still open: {sorted(set(arns) - set(found))}"
        answered = answered or answer(client, arns["approval"])
        for name, arn in arns.items():
            description = client.get_durable_execution(DurableExecutionArn=arn)
            if description["Status"] in CLOSED:
                found[name] = description
        time.sleep(0.3)
    return found


def answer(client, arn):
    history = client.get_durable_execution_history(
        DurableExecutionArn=arn, IncludeExecutionData=True
    )
    for event in history["Events"]:
        if event["EventType"] == "CallbackStarted":
            callback_id = event["CallbackStartedDetails"]["CallbackId"]
            client.send_durable_execution_callback_success(
                CallbackId=callback_id, Result=b'{"by": "ann"}'
            )
            return True
    return False


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_ends_as_it_should(ended, name):
    description = ended[name]
    assert description["Status"] == "SUCCEEDED", description.get("Error")
    result = json.loads(description["Result"])
    expected = ENDS.get(name, {})
    if isinstance(expected, dict):
        assert expected.items() <= result.items()
    else:
        assert result == expected
