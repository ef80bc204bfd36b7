"""Each modelled error with its code, status, casing and header; refused requests change nothing."""

from urllib.parse import quote

import pytest

from durable_testing.model import ErrorCode, ServiceError
from durable_testing.server import ApiError
from durable_testing.store.errors import ExecutionInUseError

INVOKE = "/2015-03-31/functions/{}/invocations"
CALLBACKS = "/2025-12-01/durable-execution-callbacks"
STEP = {"Id": "s1", "Type": "STEP", "Action": "START"}


def assert_refused(response, status, code, message, member="message"):
    body = response.json()
    assert (response.status, response.headers["x-amzn-errortype"]) == (status, code), body
    assert body[member] == message
    assert body["Type"] == ("Service" if status >= 500 else "User")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-amzn-requestid"]


def one(violation):
    return f"1 validation error detected: {violation}"


def test_an_unqualified_durable_function_is_refused_also_dry(lab):
    for kind in ("RequestResponse", "Event", "DryRun"):
        headers = {"X-Amz-Invocation-Type": kind}
        assert_refused(
            lab.send("POST", INVOKE.format("orders"), headers=headers),
            400,
            "InvalidParameterValueException",
            "You cannot invoke a durable function using an unqualified ARN.",
        )


def test_a_long_execution_cannot_be_waited_for(lab):
    assert_refused(
        lab.send("POST", INVOKE.format("slow:1")),
        400,
        "InvalidParameterValueException",
        "You cannot synchronously invoke a durable function with an executionTimeout greater than "
        "15 minutes.",
    )


@pytest.mark.parametrize(
    ("name", "arn"), [("missing:1", "missing:1"), ("orders:9", "orders:9"), ("missing", "missing")]
)
def test_an_unknown_function_or_version_is_not_found(lab, name, arn):
    assert_refused(
        lab.send("POST", INVOKE.format(name)),
        404,
        "ResourceNotFoundException",
        f"Function not found: arn:aws:lambda:us-east-1:123456789012:function:{arn}",
        "Message",
    )


def test_two_qualifiers_must_agree(lab):
    assert_refused(
        lab.send("POST", INVOKE.format("orders:1"), query={"Qualifier": "2"}),
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


def test_a_name_used_with_another_payload_is_a_conflict(lab):
    arn = lab.start("taken")
    response = lab.send(
        "POST",
        INVOKE.format("orders:1"),
        b"{}",
        headers={"X-Amz-Durable-Execution-Name": "taken"},
    )
    code = "DurableExecutionAlreadyStartedException"
    assert_refused(response, 409, code, f"Execution already started: {arn}", "Message")


def test_a_plain_function_has_no_durable_names(lab):
    headers = {"X-Amz-Durable-Execution-Name": "n"}
    assert_refused(
        lab.send("POST", INVOKE.format("plain"), headers=headers),
        400,
        "InvalidParameterValueException",
        "Function plain is not a durable function",
    )


@pytest.mark.parametrize("body", [b"{", b"\xff", b"NaN", b"[" * 100_000])
def test_a_payload_that_is_not_json_is_refused(lab, body):
    response = lab.send("POST", INVOKE.format("orders:1"), body)
    assert response.status == 400
    assert response.headers["x-amzn-errortype"] == "InvalidRequestContentException"
    assert response.json()["message"].startswith("Could not parse request body into json: ")


@pytest.mark.parametrize("context", ["not base64", "e30", "bm90IGpzb24="])
def test_a_client_context_that_is_not_base64_json_is_refused(lab, context):
    response = lab.send(
        "POST", INVOKE.format("plain"), b"{}", headers={"X-Amz-Client-Context": context}
    )
    assert response.headers["x-amzn-errortype"] == "InvalidRequestContentException"


@pytest.mark.parametrize(
    ("function", "mode", "size"),
    [
        ("orders:1", "Event", 1_048_577),
        ("plain", "Event", 1_048_577),
        ("orders:1", "RequestResponse", 6 * 1_048_576 + 1),
        ("plain", "RequestResponse", 6 * 1_048_576 + 1),
    ],
)
def test_a_payload_may_be_too_large(lab, function, mode, size):
    response = lab.send(
        "POST",
        INVOKE.format(function),
        b'"' + b"x" * (size - 2) + b'"',
        headers={"X-Amz-Invocation-Type": mode},
    )
    assert (response.status, response.headers["x-amzn-errortype"]) == (
        413,
        "RequestTooLargeException",
    )


def test_a_body_larger_than_anything_the_service_takes_is_not_read(lab):
    response = lab.send("POST", INVOKE.format("plain"), b"0" * (32 * 1_048_576 + 1))
    assert response.headers["x-amzn-errortype"] == "RequestTooLargeException"


def test_the_shape_of_an_invoke_is_checked_before_its_meaning(lab):
    headers = {"X-Amz-Durable-Execution-Name": "a b", "X-Amz-Invocation-Type": "Later"}
    assert_refused(
        lab.send("POST", INVOKE.format("missing"), headers=headers),
        400,
        "ValidationException",
        "2 validation errors detected: Value 'Later' at 'invocationType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]; "
        "Value 'a b' at 'durableExecutionName' failed to satisfy constraint: Member must satisfy "
        r"regular expression pattern: [a-zA-Z0-9\-_]+",
    )


def test_there_are_two_log_types(lab):
    headers = {"X-Amz-Log-Type": "Head"}
    response = lab.send("POST", INVOKE.format("orders:1"), headers=headers)
    assert response.headers["x-amzn-errortype"] == "ValidationException"
    assert "at 'logType'" in response.json()["message"]


def test_every_violation_of_a_checkpoint_is_named_where_it_is(lab):
    arn = lab.start()
    token = lab.begin(arn).input.checkpoint_token
    updates = [
        STEP,
        {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 0}},
        {"Id": "p", "Type": "STEP", "Action": "SUCCEED", "Payload": "x" * 6_291_457},
        {"Type": "SLEEP", "Action": "START"},
    ]
    before = lab.model.operations(arn)
    assert_refused(
        lab.checkpoint(arn, token, updates),
        400,
        "ValidationException",
        "4 validation errors detected: "
        "Value '0' at 'updates.2.member.waitOptions.waitSeconds' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1; "
        "Value at 'updates.3.member.payload' failed to satisfy constraint: "
        "Member must have length less than or equal to 6291456; "
        "Value at 'updates.4.member.id' failed to satisfy constraint: Member must not be null; "
        "Value 'SLEEP' at 'updates.4.member.type' failed to satisfy constraint: Member must "
        "satisfy enum value set: [EXECUTION, CONTEXT, STEP, WAIT, CALLBACK, CHAINED_INVOKE]",
    )
    assert lab.model.operations(arn) == before
    assert lab.checkpoint(arn, token, [STEP]).status == 200


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ({}, "Value at 'checkpointToken' failed to satisfy constraint: Member must not be null"),
        (
            {"CheckpointToken": None},
            "Value at 'checkpointToken' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"CheckpointToken": ""},
            (
                "Value '' at 'checkpointToken' failed to satisfy constraint: Member must have "
                "length greater than or equal to 1"
            ),
        ),
        (
            {"CheckpointToken": "abc", "ClientToken": "x" * 65},
            (
                f"Value '{'x' * 65}' at 'clientToken' failed to satisfy constraint: Member must "
                "have length less than or equal to 64"
            ),
        ),
    ],
)
def test_the_tokens_of_a_checkpoint_have_a_shape(lab, execution_path, body, violation):
    path = f"{execution_path(lab.start())}/checkpoint"
    assert_refused(lab.send("POST", path, body), 400, "ValidationException", one(violation))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"CheckpointToken": 1}',
        b'{"CheckpointToken": "a", "Updates": {}}',
        b'{"CheckpointToken": "a", "Updates": [1]}',
        b'{"CheckpointToken": "\\ud800"}',
        b"\xff",
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_a_body_that_cannot_be_read_is_a_serialization_error(lab, execution_path, body):
    response = lab.send("POST", f"{execution_path(lab.start())}/checkpoint", body)
    assert response.status == 400
    assert response.headers["x-amzn-errortype"] == "SerializationException"
    assert response.json()["Message"]


def test_a_malformed_arn_is_a_validation_error(lab):
    path = "/2025-12-01/durable-executions/arn%3Aaws%3Anonsense"
    response = lab.send("GET", path)
    assert response.headers["x-amzn-errortype"] == "ValidationException"
    assert "at 'durableExecutionArn' failed to satisfy constraint" in response.json()["message"]


def test_an_arn_of_another_region_is_not_found(lab, execution_path):
    arn = lab.start().replace("us-east-1", "eu-west-1")
    response = lab.send("GET", execution_path(arn))
    assert_refused(response, 404, "ResourceNotFoundException", "Function not found", "Message")


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("GET", ""),
        ("GET", "/history"),
        ("POST", "/stop"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("DELETE", ""),
    ],
)
def test_an_unknown_execution_is_not_found(lab, execution_path, method, action):
    arn = lab.start() + "0"
    assert_refused(
        lab.send(method, f"{execution_path(arn)}{action}"),
        404,
        "ResourceNotFoundException",
        "Durable Execution does not exist",
        "Message",
    )


def test_a_token_of_an_unknown_or_finished_invocation_is_invalid(lab, execution_path):
    arn = lab.start()
    invocation = lab.begin(arn)
    token = invocation.input.checkpoint_token
    lab.end(arn, invocation, {"Status": "SUCCEEDED"})
    for each in (arn, arn + "0"):
        wrong_arn = "Checkpoint token is not valid for the durable execution ARN"
        message = "Invalid checkpoint token" if each == arn else wrong_arn
        code = "InvalidParameterValueException"
        assert_refused(lab.checkpoint(each, token, []), 400, code, message)
        query = {"CheckpointToken": token}
        response = lab.send("GET", f"{execution_path(each)}/state", query=query)
        assert_refused(response, 400, code, message)


def test_a_used_token_is_invalid_and_a_refused_batch_does_not_use_it(lab):
    arn = lab.start()
    token = lab.begin(arn).input.checkpoint_token
    twice = [STEP, STEP]
    message = "Cannot update the same operation twice in a single request."
    code = "InvalidParameterValueException"
    assert_refused(lab.checkpoint(arn, token, twice), 400, code, message)
    assert lab.checkpoint(arn, token, [STEP]).status == 200
    assert_refused(lab.checkpoint(arn, token, []), 400, code, "Invalid checkpoint token")


@pytest.mark.parametrize(
    "query",
    [
        {"MaxItems": "1001"},
        {"MaxItems": "-1"},
        {"Statuses": ["DONE"]},
        {"Qualifier": "a b"},
    ],
)
def test_list_parameters_have_a_shape(lab, query):
    response = lab.send("GET", "/2025-12-01/functions/orders/durable-executions", query=query)
    assert response.headers["x-amzn-errortype"] == "ValidationException"


@pytest.mark.parametrize(
    "query",
    [
        {"MaxItems": "ten"},
        {"ReverseOrder": "yes"},
        {"StartedAfter": "yesterday"},
        {"StartedAfter": "9" * 400},
        {"StartedBefore": "inf"},
    ],
)
def test_list_parameters_that_cannot_be_read_are_serialization_errors(lab, query):
    response = lab.send("GET", "/2025-12-01/functions/orders/durable-executions", query=query)
    assert response.headers["x-amzn-errortype"] == "SerializationException", response.json()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"Statuses": ["RUNNING", "FAILED"]}, "Cannot filter by more than one status"),
        ({"Marker": "nonsense"}, "Invalid Marker"),
    ],
)
def test_list_parameters_have_a_meaning(lab, query, message):
    response = lab.send("GET", "/2025-12-01/functions/orders/durable-executions", query=query)
    assert_refused(response, 400, "InvalidParameterValueException", message)


def test_pause_resume_and_delete_fit_some_states_only(lab, execution_path):
    path = execution_path(arn := lab.start())
    code = "ResourceConflictException"
    message = "Cannot {} a durable execution that is {}."
    assert_refused(lab.send("DELETE", path), 409, code, message.format("delete", "RUNNING"))
    response = lab.send("POST", f"{path}/resume")
    assert_refused(response, 409, code, message.format("resume", "RUNNING"))
    lab.close(arn)
    response = lab.send("POST", f"{path}/pause")
    assert_refused(response, 409, code, message.format("pause", "SUCCEEDED"))


@pytest.mark.parametrize("action", ["succeed", "fail", "heartbeat"])
def test_a_callback_is_answered_once(lab, action):
    _, callback = lab.with_callback()
    path = f"{CALLBACKS}/{quote(callback, safe='')}"
    assert lab.send("POST", f"{path}/succeed").status == 200
    assert_refused(
        lab.send("POST", f"{path}/{action}"),
        400,
        "CallbackTimeoutException",
        "The callback is either timed out or already completed",
        "Message",
    )


@pytest.mark.parametrize("action", ["succeed", "fail", "heartbeat"])
def test_a_malformed_callback_id_is_an_invalid_parameter(lab, action):
    response = lab.send("POST", f"{CALLBACKS}/%21%21/{action}")
    assert_refused(response, 400, "InvalidParameterValueException", "Invalid callback id")


def test_a_callback_result_may_be_too_large(lab):
    _, callback = lab.with_callback()
    assert_refused(
        lab.send("POST", f"{CALLBACKS}/{callback}/succeed", b"x" * 1_048_577),
        400,
        "ValidationException",
        one(
            "Value at 'result' failed to satisfy constraint: Member must have length less than or "
            "equal to 1048576"
        ),
    )
    assert lab.send("POST", f"{CALLBACKS}/{callback}/succeed", b"x").status == 200


def test_a_throttle_says_why_and_for_how_long(lab, execution_path):
    def gate(name):
        assert name == "GetDurableExecution"
        code = ErrorCode.TOO_MANY_REQUESTS
        reason = "CallerRateLimitExceeded"
        raise ServiceError(code, "Rate exceeded", reason=reason, retry_after_seconds=7)

    path = execution_path(lab.start())
    lab.gate = gate
    response = lab.send("GET", path)
    assert_refused(response, 429, "TooManyRequestsException", "Rate exceeded")
    assert response.headers["retry-after"] == "7"
    assert response.json()["Reason"] == "CallerRateLimitExceeded"


def test_what_another_process_holds_is_a_throttle(lab, execution_path):
    def gate(_name):
        raise ExecutionInUseError("the execution 'a' is in use by another process")

    path = execution_path(lab.start())
    lab.gate = gate
    message = "the execution 'a' is in use by another process"
    assert_refused(
        lab.send("POST", f"{path}/checkpoint", {}), 429, "TooManyRequestsException", message
    )


def test_a_gate_can_answer_with_an_error_the_model_has_not(lab, execution_path):
    def gate(_name):
        raise ApiError("KMSDisabledException", "The key is disabled", status=502, member="Message")

    path = execution_path(lab.start())
    lab.gate = gate
    assert_refused(
        lab.send("GET", path), 502, "KMSDisabledException", "The key is disabled", "Message"
    )


def test_our_own_failure_is_a_service_exception_and_is_logged(lab, execution_path, caplog):
    def gate(_name):
        raise RuntimeError("broken")

    path = execution_path(lab.start())
    lab.gate = gate
    assert_refused(lab.send("GET", path), 500, "ServiceException", "Internal error", "Message")
    assert "broken" in caplog.text


def test_unknown_paths_and_methods_are_refused(lab, execution_path):
    path = execution_path(lab.start())
    response = lab.send("PUT", path)
    assert (response.status, response.headers["x-amzn-errortype"]) == (
        405,
        "MethodNotAllowedException",
    )
    for unknown in (
        "/",
        "/2025-12-01/durable-executions/",
        "/2015-03-31/functions/orders",
        "/x/y/z",
    ):
        response = lab.send("GET", unknown)
        assert (response.status, response.headers["x-amzn-errortype"]) == (
            404,
            "UnknownOperationException",
        )
