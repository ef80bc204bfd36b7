"""Each route of the API, as its clients use it."""

import asyncio
import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from durable_core.lowlevel import ErrorObject
from durable_testing.model import ChainedInvoke, Invoke
from durable_testing.server import FunctionAnswer

INVOKE = "/2015-03-31/functions/{}/invocations"
CALLBACKS = "/2025-12-01/durable-execution-callbacks"
START_STEP = {"Id": "s1", "Type": "STEP", "Action": "START", "Name": "charge", "SubType": "Step"}
END_STEP = {"Id": "s1", "Type": "STEP", "Action": "SUCCEED", "Name": "charge", "Payload": '"ok"'}


def test_an_event_invoke_starts_an_execution_and_does_not_wait(lab):
    response = lab.send(
        "POST",
        INVOKE.format("orders"),
        b'{"n": 1}',
        query={"Qualifier": "live"},
        headers={"X-Amz-Invocation-Type": "Event", "X-Amz-Durable-Execution-Name": "first"},
    )
    assert (response.status, response.body) == (202, b"")
    assert response.headers["x-amz-executed-version"] == "2"
    arn = response.headers["x-amz-durable-execution-arn"]
    assert ":function:orders:2/durable-execution/first/" in arn
    assert lab.effects == [Invoke(arn, "orders", "2")]


def test_a_synchronous_invoke_waits_for_the_outcome(lab):
    async def scenario():
        invoke = asyncio.ensure_future(
            lab.request("POST", INVOKE.format("orders:1"), b"{}", headers={})
        )
        await lab.something.wait()
        assert not invoke.done()
        lab.close(lab.effects[0].execution_arn)
        return await invoke

    response = lab.loop.run_until_complete(scenario())
    assert (response.status, response.body) == (200, b'"done"')
    assert response.headers["x-amz-durable-execution-arn"] == lab.effects[0].execution_arn
    assert "x-amz-function-error" not in response.headers


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (
            {"ErrorMessage": "no", "ErrorType": "ValueError", "StackTrace": ["a", "b"]},
            {"errorMessage": "no", "errorType": "ValueError", "stackTrace": ["a", "b"]},
        ),
        (None, {}),
    ],
)
def test_a_failed_execution_is_a_function_error_of_its_invoke(lab, error, body):
    async def scenario():
        invoke = asyncio.ensure_future(lab.request("POST", INVOKE.format("orders:1"), b"{}"))
        await lab.something.wait()
        arn = lab.effects[0].execution_arn
        lab.end(arn, lab.begin(arn), {"Status": "FAILED", "Error": error})
        return await invoke

    response = lab.loop.run_until_complete(scenario())
    assert response.status == 200
    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json() == body


def test_the_same_name_and_payload_find_the_outcome_there_is(lab):
    arn = lab.start("again")
    lab.close(arn)
    response = lab.send(
        "POST",
        INVOKE.format("orders:1"),
        b'{"n": 1}',
        headers={"X-Amz-Durable-Execution-Name": "again"},
    )
    assert (response.status, response.body) == (200, b'"done"')
    assert response.headers["x-amz-durable-execution-arn"] == arn


def test_a_dry_run_resolves_and_starts_nothing(lab):
    headers = {"X-Amz-Invocation-Type": "DryRun"}
    response = lab.send("POST", INVOKE.format("orders:live"), b"{}", headers=headers)
    assert (response.status, response.body, lab.effects) == (204, b"", [])


def test_a_plain_function_is_called_with_what_the_invoke_carries(lab):
    lab.plain_answer = FunctionAnswer('{"sum": 3}')
    context = b64encode(json.dumps({"custom": {"k": "é"}}).encode()).decode()
    response = lab.send(
        "POST",
        INVOKE.format("plain"),
        b"[1, 2]",
        headers={"X-Amz-Client-Context": context, "X-Amz-Tenant-Id": "blue"},
    )
    assert (response.status, response.json()) == (200, {"sum": 3})
    (call,) = lab.calls
    assert (call.function_name, call.payload, call.tenant_id) == ("plain", "[1, 2]", "blue")
    assert json.loads(call.client_context) == {"custom": {"k": "é"}}


def test_a_plain_function_that_fails_is_a_function_error(lab):
    lab.plain_answer = FunctionAnswer(None, ErrorObject("no", "ValueError"))
    response = lab.send("POST", INVOKE.format("plain"), b"{}")
    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json() == {"errorMessage": "no", "errorType": "ValueError"}


def test_an_event_invoke_of_a_plain_function_does_not_wait(lab):
    async def scenario():
        headers = {"X-Amz-Invocation-Type": "Event"}
        response = await lab.request("POST", INVOKE.format("plain"), headers=headers)
        assert lab.calls == []
        await lab.something.wait()
        return response

    response = lab.loop.run_until_complete(scenario())
    assert (response.status, lab.calls[0].payload) == (202, "{}")


def test_a_checkpoint_applies_its_updates_and_answers_what_changed(lab):
    arn = lab.start()
    token = lab.begin(arn).input.checkpoint_token
    body = lab.checkpoint(arn, token, [START_STEP, END_STEP], ClientToken="t1").json()
    (step,) = body["NewExecutionState"]["Operations"]
    assert step["StepDetails"] == {"Attempt": 1, "Result": '"ok"'}
    assert step["StartTimestamp"] == step["EndTimestamp"]
    assert 1_767_225_600 <= step["StartTimestamp"] < 1_767_225_601
    assert body["CheckpointToken"] != token


def test_every_option_of_an_update_reaches_the_service(lab):
    arn = lab.start()
    token = lab.begin(arn).input.checkpoint_token
    updates = [
        {"Id": "x", "Type": "CONTEXT", "Action": "START", "SubType": "Map"},
        {
            "Id": "x",
            "Type": "CONTEXT",
            "Action": "SUCCEED",
            "Payload": "",
            "ContextOptions": {"ReplayChildren": True},
        },
        {
            "Id": "r",
            "Type": "STEP",
            "Action": "RETRY",
            "Error": {"ErrorMessage": "m", "ErrorType": "t", "ErrorData": "d", "StackTrace": ["s"]},
            "StepOptions": {"NextAttemptDelaySeconds": 5},
        },
        {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 7}},
        {
            "Id": "c",
            "Type": "CALLBACK",
            "Action": "START",
            "CallbackOptions": {"TimeoutSeconds": 9, "HeartbeatTimeoutSeconds": 3},
        },
        {
            "Id": "i",
            "Type": "CHAINED_INVOKE",
            "Action": "START",
            "Payload": "[1]",
            "ChainedInvokeOptions": {
                "FunctionName": "plain",
                "TenantId": "blue",
                "XAmznTraceId": "Root=1",
            },
        },
    ]
    response = lab.checkpoint(arn, token, updates)
    operations = {each["Id"]: each for each in response.json()["NewExecutionState"]["Operations"]}
    now = 1_767_225_600
    assert operations["x"]["ContextDetails"] == {"ReplayChildren": True, "Result": ""}
    assert operations["r"]["StepDetails"]["Error"]["StackTrace"] == ["s"]
    assert operations["r"]["StepDetails"]["NextAttemptTimestamp"] == pytest.approx(now + 5, abs=0.1)
    assert operations["w"]["WaitDetails"]["ScheduledEndTimestamp"] == pytest.approx(
        now + 7, abs=0.1
    )
    assert operations["c"]["CallbackDetails"]["CallbackId"]
    assert operations["i"]["Status"] == "STARTED"
    assert lab.model.next_operation_due_ms(arn) == pytest.approx(now * 1000 + 3000, abs=100)
    assert ChainedInvoke(arn, "i", "plain", "$LATEST", "[1]", "blue", "Root=1") in lab.effects


def test_an_empty_checkpoint_is_a_poll(lab, execution_path):
    arn = lab.start()
    token = lab.begin(arn).input.checkpoint_token
    body = {"CheckpointToken": token}
    response = lab.send("POST", f"{execution_path(arn)}/checkpoint", body)
    assert response.json()["NewExecutionState"] == {"Operations": []}


def test_a_checkpoint_sent_again_is_answered_again(lab):
    arn = lab.start()
    token = lab.begin(arn).input.checkpoint_token
    first = lab.checkpoint(arn, token, [START_STEP], ClientToken="t1")
    assert lab.checkpoint(arn, token, [START_STEP], ClientToken="t1").body == first.body


def test_the_state_comes_in_pages(lab, execution_path):
    arn = lab.start()
    token = lab.begin(arn).input.checkpoint_token
    token = lab.checkpoint(arn, token, [START_STEP, END_STEP]).json()["CheckpointToken"]
    query = {"CheckpointToken": token, "MaxItems": "1"}
    first = lab.send("GET", f"{execution_path(arn)}/state", query=query).json()
    query["Marker"] = first["NextMarker"]
    second = lab.send("GET", f"{execution_path(arn)}/state", query=query).json()
    types = [each["Type"] for page in (first, second) for each in page["Operations"]]
    assert types == ["EXECUTION", "STEP"]
    assert "NextMarker" not in second


@pytest.mark.parametrize("form", ["encoded", "raw"])
def test_an_execution_is_described(lab, form):
    arn = lab.start()
    lab.close(arn)
    label = quote(arn, safe="") if form == "encoded" else arn
    body = lab.send("GET", f"/2025-12-01/durable-executions/{label}").json()
    assert body == {
        "DurableExecutionArn": arn,
        "DurableExecutionName": "order-1",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:orders:1",
        "StartTimestamp": 1_767_225_600.0,
        "EndTimestamp": body["EndTimestamp"],
        "Status": "SUCCEEDED",
        "Version": "1",
        "ExecutionDataIncluded": True,
        "DurableConfig": {"ExecutionTimeout": 900, "RetentionPeriodInDays": 14},
        "InputPayload": '{"n": 1}',
        "Result": '"done"',
    }


def test_an_execution_is_described_without_its_data(lab, execution_path):
    arn = lab.start()
    lab.close(arn)
    body = lab.send("GET", execution_path(arn), query={"IncludeExecutionData": "false"}).json()
    assert not body["ExecutionDataIncluded"]
    assert not body.keys() & {"InputPayload", "Result", "Error"}


@pytest.mark.parametrize("name", ["stop", "state", "history", "checkpoint"])
def test_an_execution_may_be_called_like_an_action(lab, name):
    arn = lab.start(name)
    arn_path = f"/2025-12-01/durable-executions/{arn}"
    assert lab.send("GET", arn_path).json()["DurableExecutionName"] == name
    assert lab.send("GET", f"{arn_path}/history").json()["Events"]


def test_the_history_is_paged_both_ways(lab, execution_path):
    arn = lab.start()
    lab.close(arn)

    def walk(query):
        marker, seen = {}, []
        while True:
            page = lab.send("GET", f"{execution_path(arn)}/history", query=query | marker).json()
            seen += [(each["EventId"], each["EventType"]) for each in page["Events"]]
            if "NextMarker" not in page:
                return seen
            marker = {"Marker": page["NextMarker"]}

    forward = walk({"MaxItems": "2"})
    assert forward == [
        (1, "ExecutionStarted"),
        (2, "InvocationCompleted"),
        (3, "ExecutionSucceeded"),
    ]
    assert walk({"MaxItems": "1", "ReverseOrder": "true"}) == forward[::-1]


def test_the_history_holds_its_data_back_when_asked_to(lab, execution_path):
    arn = lab.start()
    path = f"{execution_path(arn)}/history"
    (event,) = lab.send("GET", path, query={"IncludeExecutionData": "false"}).json()["Events"]
    assert event["ExecutionStartedDetails"] == {
        "Input": {"Truncated": True},
        "ExecutionTimeout": 900,
    }
    (event,) = lab.send("GET", path).json()["Events"]
    assert event["ExecutionStartedDetails"]["Input"]["Payload"] == '{"n": 1}'


def test_executions_are_listed_and_filtered(lab):
    for number in range(3):
        arn = lab.start(f"order-{number}")
        lab.now_ms += 60_000
        if number == 1:
            lab.close(arn)

    def names(**query):
        path = "/2025-12-01/functions/orders/durable-executions"
        page = lab.send("GET", path, query=query).json()
        return [each["DurableExecutionName"] for each in page["DurableExecutions"]]

    assert names() == ["order-2", "order-1", "order-0"]
    assert names(ReverseOrder="true") == ["order-0", "order-1", "order-2"]
    assert names(Statuses=["SUCCEEDED"]) == ["order-1"]
    assert names(DurableExecutionName="order-2") == ["order-2"]
    assert names(Qualifier="live") == []
    assert names(StartedAfter="2026-01-01T00:00:30Z", StartedBefore="2026-01-01T00:01:30Z") == [
        "order-1"
    ]
    assert names(MaxItems="2") == ["order-2", "order-1"]


def test_stop_answers_when_it_closed_and_says_so_again(lab, execution_path):
    arn = lab.start()
    error = {"ErrorType": "Cancelled", "ErrorMessage": "by the customer"}
    first = lab.send("POST", f"{execution_path(arn)}/stop", error)
    assert first.status == 200
    lab.now_ms += 1000
    assert lab.send("POST", f"{execution_path(arn)}/stop", {}).body == first.body
    body = lab.send("GET", execution_path(arn)).json()
    assert (body["Status"], body["Error"]) == ("STOPPED", error)


def test_pause_holds_invocations_back_until_resume(lab, execution_path):
    arn, callback = lab.with_callback()
    path = execution_path(arn)
    pause = {"Reason": "deploying", "ExecutionTimeoutPaused": False}
    response = lab.send("POST", f"{path}/pause", pause)
    assert (response.status, response.json()) == (202, {})
    body = lab.send("GET", path).json()
    assert body["Status"] == "PAUSED"
    assert body["PauseDetails"]["Reason"] == "deploying"
    assert not body["PauseDetails"]["ExecutionTimeoutPaused"]
    lab.effects.clear()
    lab.send("POST", f"{CALLBACKS}/{quote(callback, safe='')}/succeed", b"1")
    assert lab.effects == []
    assert lab.send("POST", f"{path}/resume", {"Reason": "deployed"}).status == 202
    assert lab.effects == [Invoke(arn, "orders", "1")]


def test_a_deleted_execution_is_gone_a_moment_later(lab, execution_path):
    arn = lab.start()
    lab.close(arn)
    response = lab.send("DELETE", execution_path(arn))
    assert (response.status, [*response.json()]) == (202, ["DeletionRequestTimestamp"])
    assert lab.send("GET", execution_path(arn)).json()["Status"] == "DELETING"
    lab.now_ms += 60_000
    lab.service.apply(lambda model, now: model.fire_due(now))
    assert lab.send("GET", execution_path(arn)).status == 404


@pytest.mark.parametrize("form", ["encoded", "raw"])
def test_a_callback_takes_bytes_as_they_are(lab, form):
    arn, callback = lab.with_callback()
    label = quote(callback, safe="") if form == "encoded" else callback
    assert lab.send("POST", f"{CALLBACKS}/{label}/succeed", b"not json \xc3\xa9").status == 200
    assert lab.model.operations(arn)[1].result == "not json é"


def test_a_callback_fails_with_the_error_it_is_given(lab):
    arn, callback = lab.with_callback()
    error = {"ErrorMessage": "refused", "ErrorData": "d", "StackTrace": ["s"]}
    assert lab.send("POST", f"{CALLBACKS}/{callback}/fail", error).status == 200
    recorded = lab.model.operations(arn)[1].error
    assert recorded == ErrorObject("refused", None, "d", ("s",))


def test_a_heartbeat_moves_the_deadline(lab):
    arn, callback = lab.with_callback(HeartbeatTimeoutSeconds=10)
    lab.now_ms += 6000
    assert lab.send("POST", f"{CALLBACKS}/{callback}/heartbeat").status == 200
    assert lab.model.next_operation_due_ms(arn) == pytest.approx(lab.now_ms + 10_000, abs=10)


def test_the_server_says_that_it_is_there(lab):
    assert lab.send("GET", "/health").json() == {"status": "ok"}
