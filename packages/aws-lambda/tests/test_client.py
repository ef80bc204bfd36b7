"""The lean client and the boto3 one against a scripted server: the same faults, the same ends."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from types import SimpleNamespace

import boto3
import pytest
from botocore.config import Config

from durable_aws_lambda.boto_client import BotoClient
from durable_aws_lambda.certificates import trusted_certificates
from durable_aws_lambda.client import LambdaClient
from durable_aws_lambda.retries import RetryPolicy
from durable_core.lowlevel import (
    CheckpointError,
    CheckpointRequest,
    ErrorObject,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/e-1/i-1"
ENCODED_ARN = (
    "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af%3A1%2F"
    "durable-execution%2Fe-1%2Fi-1"
)
STEP = {
    "Id": "a1",
    "Type": "STEP",
    "Status": "SUCCEEDED",
    "StartTimestamp": 1767356934.93,
    "EndTimestamp": 1767356935.0,
    "StepDetails": {"Attempt": 1, "Result": "1"},
}
UPDATE = OperationUpdate(
    "a1", OperationType.STEP, OperationAction.SUCCEED, name="naïve", subtype="Step", payload='"é"'
)
REQUEST = CheckpointRequest(ARN, "dG9rZW4=", (UPDATE,), "client-token-1")
NEXT_TOKEN = "bmV4dA=="  # noqa: S105
STALE = "Invalid checkpoint token"


class NoWaiting:
    """The real clock, without its waits."""

    def __init__(self):
        self.at = 1_767_356_934.0
        self.slept = []

    def now(self):
        return self.at

    def random(self):
        return 0.5

    async def sleep(self, seconds, /):
        self.slept.append(seconds)


@pytest.fixture
def world():
    return NoWaiting()


@pytest.fixture
def patience():
    """Seconds of silence before a call is given up; tests of silence make it short."""
    return 30.0


@pytest.fixture
def lean(lambda_environment, world, patience):
    return LambdaClient(surroundings=world, read_timeout_seconds=patience)


@pytest.fixture
def over_boto3(lambda_environment, world, patience):
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=patience)
    # boto3's own session keeps the credentials that some test before had.
    boto_client = boto3.Session().client("lambda", config=config)
    client = BotoClient(boto_client, policy=RetryPolicy(), surroundings=world)
    yield client
    client.close()
    boto_client.close()


@pytest.fixture(params=["lean", "over_boto3"])
def client(request):
    return request.getfixturevalue(request.param)


def run(client, *calls):
    """Make calls one after the other on one loop."""

    async def main():
        try:
            return [await call() for call in calls]
        finally:
            client.close()

    return asyncio.run(main())


async def until(condition):
    """Let the loop run until something happened on the server's thread."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


def checkpoint(client, request=REQUEST):
    return run(client, lambda: client.checkpoint(request))[0]


def load_page(client, marker="m+1/="):
    return run(client, lambda: client.load_page(ARN, "dG9rZW4=", marker))[0]


def answer(replies, operations=(STEP,), **members):
    state = {"Operations": list(operations)}
    return replies.Reply(200, {"CheckpointToken": NEXT_TOKEN, "NewExecutionState": state} | members)


def test_a_checkpoint_goes_out_as_the_protocol_wants_it(client, server, replies):
    server.script.append(answer(replies))
    response = checkpoint(client)
    (request,) = server.requests
    assert request.method == "POST"
    assert request.target == f"/2025-12-01/durable-executions/{ENCODED_ARN}/checkpoint"
    assert request.headers["content-type"] == "application/json"
    assert "Credential=AKIDEXAMPLE/" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "session"
    assert request.json == {
        "CheckpointToken": "dG9rZW4=",
        "ClientToken": "client-token-1",
        "Updates": [
            {
                "Id": "a1",
                "Type": "STEP",
                "Action": "SUCCEED",
                "Name": "naïve",
                "SubType": "Step",
                "Payload": '"é"',
            }
        ],
    }
    assert response.checkpoint_token == NEXT_TOKEN
    (operation,) = response.operations
    assert (operation.id, operation.status, operation.result) == (
        "a1",
        OperationStatus.SUCCEEDED,
        "1",
    )
    assert (operation.started_at_ms, operation.ended_at_ms) == (1767356934930, 1767356935000)


def test_a_page_is_asked_for_with_its_token_and_marker(client, server, replies):
    server.script.append(replies.Reply(200, {"Operations": [STEP], "NextMarker": "m2"}))
    page = load_page(client)
    (request,) = server.requests
    assert request.method == "GET"
    path, _, query = request.target.partition("?")
    assert path == f"/2025-12-01/durable-executions/{ENCODED_ARN}/state"
    assert sorted(query.split("&")) == [
        "CheckpointToken=dG9rZW4%3D",
        "Marker=m%2B1%2F%3D",
        "MaxItems=1000",
    ]
    assert ([op.id for op in page.operations], page.next_marker) == (["a1"], "m2")


def test_an_empty_marker_is_the_last_page(client, server, replies):
    server.script.append(replies.Reply(200, {"Operations": [], "NextMarker": ""}))
    assert load_page(client) == ((), None)


@pytest.mark.parametrize("members", [{"CheckpointToken": ""}, {"CheckpointToken": None}])
def test_a_withheld_token_is_none(client, server, replies, members):
    server.script.append(answer(replies, (), **members))
    assert checkpoint(client) == (None, (), None)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda r: r.error(429, "TooManyRequestsException"), id="throttle"),
        pytest.param(lambda r: r.error(500, "ServiceException"), id="500"),
        pytest.param(lambda r: r.error(503, ""), id="503"),
        pytest.param(lambda r: r.RESET, id="reset"),
        pytest.param(lambda r: r.HANG_UP, id="hang up"),
        pytest.param(lambda r: r.Reply(200, b'{"CheckpointTo'), id="truncated JSON"),
        pytest.param(
            lambda r: r.Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", ends=True),
            id="truncated answer",
        ),
        pytest.param(
            lambda r: r.Reply(200, {"NewExecutionState": {"Operations": [{"Id": "x"}]}}),
            id="an operation without a type",
        ),
    ],
)
def test_a_transient_fault_is_retried_with_the_same_client_token(
    client, server, replies, world, fault
):
    server.script += [fault(replies), answer(replies)]
    assert checkpoint(client).checkpoint_token == NEXT_TOKEN
    first, second = server.requests
    assert first.json == second.json
    assert second.json["ClientToken"] == "client-token-1"
    assert world.slept == [0.05]


@pytest.mark.parametrize("patience", [1.0])
def test_boto3_gives_silence_up_and_the_call_is_sent_again(
    over_boto3, server, replies, world, patience
):
    server.script += [replies.SILENCE]
    assert checkpoint(over_boto3) == ("dA==", (), None)
    assert [request.json["ClientToken"] for request in server.requests][:2] == [
        "client-token-1"
    ] * 2


@pytest.mark.parametrize(
    ("refusal", "is_retryable"),
    [
        ((400, "InvalidParameterValueException", STALE), True),
        ((400, "InvalidParameterValueException", STALE.title()), True),
        ((400, "InvalidParameterValueException", "Invalid parent operation id."), False),
        ((400, "InvalidParameterValueException", "Invalid Marker"), False),
        ((400, "ValidationException", "1 validation error(s) detected"), False),
        ((403, "AccessDeniedException", "no"), False),
        ((502, "KMSDisabledException", "no"), False),
    ],
)
def test_a_refusal_is_final_at_once(client, server, replies, refusal, is_retryable):
    server.script.append(replies.error(*refusal))
    with pytest.raises(CheckpointError, match=refusal[1]) as caught:
        checkpoint(client)
    assert caught.value.is_retryable is is_retryable
    assert caught.value.code == refusal[1]
    assert len(server.requests) == 1


def test_a_throttle_that_does_not_end_is_raised_to_lambda(client, server, replies, world):
    server.default = replies.error(429, "TooManyRequestsException", "Rate exceeded")
    with pytest.raises(CheckpointError, match="Rate exceeded") as caught:
        checkpoint(client)
    assert caught.value.is_retryable
    assert len(server.requests) == 5


def test_retries_stop_where_the_process_would_end(client, server, replies, world):
    server.default = replies.error(500, "ServiceException")
    client.begin_invocation(world.now() + 0.08)
    with pytest.raises(CheckpointError):
        checkpoint(client)
    assert world.slept == [0.05]


def test_a_page_that_names_itself_is_not_followed_for_ever(client, server, replies):
    server.default = replies.Reply(200, {"Operations": [STEP], "NextMarker": "m+1/="})
    with pytest.raises(CheckpointError, match="names itself as the next") as caught:
        load_page(client)
    assert caught.value.is_retryable


def test_nobody_listens(lambda_environment, monkeypatch, world):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{unused.getsockname()[1]}")
        client = LambdaClient(surroundings=world)
        with pytest.raises(CheckpointError, match="ConnectionRefusedError") as caught:
            checkpoint(client)
    assert caught.value.is_retryable


# --- the lean client's own


def test_one_connection_serves_all_calls_each_in_one_write(lean, server, replies):
    server.script += [answer(replies) for _ in range(3)]
    run(lean, *[lambda: lean.checkpoint(REQUEST)] * 3)
    assert [request.connection for request in server.requests] == [1, 1, 1]
    assert [request.writes for request in server.requests] == [1, 1, 1]


def test_small_requests_are_sent_without_delay(lean, server, replies):
    async def main():
        await lean.checkpoint(REQUEST)
        (connection,) = lean._warm.pool._idle
        peer = connection._transport.get_extra_info("socket")
        lean.close()
        return peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    assert asyncio.run(main()) != 0


def test_a_connection_the_other_side_dropped_is_replaced_without_counting_as_an_attempt(
    lean, server, replies, world
):
    server.script += [answer(replies), replies.RESET, answer(replies)]
    run(lean, *[lambda: lean.checkpoint(REQUEST)] * 2)
    assert [request.connection for request in server.requests] == [1, 1, 2]
    assert world.slept == []


def test_a_connection_lost_between_two_invocations_is_replaced(lean, server, replies, world):
    async def once():
        return await lean.checkpoint(REQUEST)

    with asyncio.Runner() as runner:
        runner.run(once())
        server.drop_connections()
        runner.run(once())
        lean.close()
    assert server.connections == 2
    assert world.slept == []


@pytest.mark.parametrize("seconds", [60.0, -60.0])
def test_a_connection_from_before_a_freeze_is_not_used(lean, server, replies, world, seconds):
    """The wall clock has gone on, or back where a snapshot was restored elsewhere."""

    async def main():
        await lean.checkpoint(REQUEST)
        world.at += seconds
        await lean.checkpoint(REQUEST)
        lean.close()

    asyncio.run(main())
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_connection_that_the_server_closes_is_not_used_again(lean, server, replies):
    server.script.append(replies.Reply(200, {"NewExecutionState": {}}, (("Connection", "close"),)))
    run(lean, *[lambda: lean.checkpoint(REQUEST)] * 2)
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_cancelled_call_takes_its_connection_with_it(lean, server, replies):
    """The next call must not read the answer to this one."""
    server.script += [answer(replies), replies.SILENCE, answer(replies)]

    async def main():
        await lean.checkpoint(REQUEST)
        call = asyncio.ensure_future(lean.checkpoint(REQUEST))
        await until(lambda: len(server.requests) == 2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await lean.checkpoint(REQUEST)
        lean.close()

    asyncio.run(main())
    assert [request.connection for request in server.requests] == [1, 1, 2]


def test_overlapping_calls_do_not_share_a_connection(lean, server, replies):
    server.script += [answer(replies), answer(replies)]

    async def main():
        await asyncio.gather(lean.checkpoint(REQUEST), lean.checkpoint(REQUEST))
        lean.close()

    asyncio.run(main())
    assert {request.connection for request in server.requests} == {1, 2}


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose time can be put forward."""

    leapt = 0.0

    def time(self):
        return super().time() + self.leapt


def test_silence_is_given_up_and_the_call_sent_again(lean, server, replies):
    server.script += [replies.SILENCE]

    async def main():
        call = asyncio.ensure_future(lean.checkpoint(REQUEST))
        await until(lambda: server.requests)
        asyncio.get_running_loop().leapt += 31.0
        response = await call
        lean.close()
        return response

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(main()) == ("dA==", (), None)
    assert [request.json["ClientToken"] for request in server.requests] == ["client-token-1"] * 2
    assert [request.connection for request in server.requests] == [1, 2]


def test_an_answer_that_comes_slowly_but_comes_is_taken(lean, server):
    """The limit is on silence, not on the whole answer."""
    whole = b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"NewExecutionState":{}}'
    server.default = server.default._replace(raw=b"")

    async def main():
        loop = asyncio.get_running_loop()
        call = asyncio.ensure_future(lean.checkpoint(REQUEST))
        await until(lambda: server.requests)
        (connection,) = lean._warm.pool._busy
        for piece in (whole[:20], whole[20:50]):
            heard = connection._last_heard
            server.loop.call_soon_threadsafe(server.transports[-1].write, piece)
            await until(lambda heard=heard: connection._last_heard != heard)
            loop.leapt += 20.0
        server.loop.call_soon_threadsafe(server.transports[-1].write, whole[50:])
        response = await call
        lean.close()
        return response

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(main()) == (None, (), None)
    assert len(server.requests) == 1


def test_bytes_that_nobody_asked_for_close_the_connection(lean, server, replies):
    async def main():
        await lean.checkpoint(REQUEST)
        (connection,) = lean._warm.pool._idle
        server.loop.call_soon_threadsafe(server.transports[-1].write, b"HTTP/1.1 200 OK\r\n")
        await until(lambda: not connection.is_open)
        await lean.checkpoint(REQUEST)
        lean.close()

    asyncio.run(main())
    assert [request.connection for request in server.requests] == [1, 2]


def test_a_lone_surrogate_in_an_error_reaches_the_service_escaped(lean, server, replies):
    error = ErrorObject("bad name: \udcff", "OSError")
    update = UPDATE._replace(action=OperationAction.FAIL, payload=None, error=error)
    checkpoint(lean, REQUEST._replace(updates=(update,)))
    assert b"bad name: \\udcff" in server.requests[0].body
    assert json.loads(server.requests[0].body)["Updates"][0]["Error"]["ErrorType"] == "OSError"


def test_the_trace_header_of_the_invocation_goes_along(lean, server, replies, monkeypatch):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-2-3;Parent=4;Sampled=1")
    checkpoint(lean)
    assert server.requests[0].headers["x-amzn-trace-id"] == "Root=1-2-3;Parent=4;Sampled=1"


def test_credentials_that_cannot_be_had_are_retried(lambda_environment, server, replies, world):
    class Broken:
        async def current(self):
            raise OSError("the container does not answer")

    with pytest.raises(CheckpointError, match="no credentials: the container") as caught:
        checkpoint(LambdaClient(credentials=Broken(), surroundings=world))
    assert caught.value.is_retryable
    assert server.requests == []


def test_a_missing_region_is_said_at_the_first_call_not_at_import(monkeypatch, world):
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    client = LambdaClient(surroundings=world)
    client.close()
    with pytest.raises(ValueError, match="set AWS_REGION"):
        checkpoint(client)


# --- TLS


def test_https_is_spoken_with_the_certificates_of_aws_ca_bundle(  # noqa: PLR0917
    lambda_environment, tls_server, certificate, replies, monkeypatch, world
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", tls_server.url)
    monkeypatch.setenv("AWS_CA_BUNDLE", certificate)
    tls_server.script += [answer(replies), answer(replies)]
    client = LambdaClient(surroundings=world)
    run(client, *[lambda: client.checkpoint(REQUEST)] * 2)
    assert [request.connection for request in tls_server.requests] == [1, 1]


def test_a_certificate_nobody_vouches_for_is_refused(
    lambda_environment, tls_server, monkeypatch, world
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", tls_server.url)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with pytest.raises(CheckpointError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        checkpoint(LambdaClient(surroundings=world))
    assert caught.value.is_retryable
    assert tls_server.requests == []


def test_the_systems_certificates_are_trusted_where_there_are_any(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    (tmp_path / "one.pem").touch()
    for cafile, capath in [("there", None), (None, str(tmp_path))]:
        paths = SimpleNamespace(cafile=cafile, capath=capath)
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda paths=paths: paths)
        assert trusted_certificates() is None


def test_botocores_certificates_are_trusted_where_the_system_has_none(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    for capath in (None, str(tmp_path)):
        paths = SimpleNamespace(cafile=None, capath=capath)
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda paths=paths: paths)
        found = trusted_certificates()
        assert found is not None
        assert ssl.create_default_context(cafile=found).cert_store_stats()["x509_ca"] > 100
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert trusted_certificates() is None


# --- what happens rarely


@pytest.mark.parametrize(
    "reply",
    [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nnot JSON"],
)
def test_what_is_no_answer_is_asked_for_again(lean, server, replies, world, reply):
    server.script += [replies.Reply(raw=reply, ends=True), answer(replies)]
    assert checkpoint(lean).checkpoint_token == NEXT_TOKEN
    assert len(server.requests) == 2


def test_an_answer_of_unknown_length_ends_with_the_connection(lean, server, replies):
    raw = b'HTTP/1.1 200 OK\r\n\r\n{"NewExecutionState":{}}'
    server.script.append(replies.Reply(raw=raw, ends=True))
    assert checkpoint(lean) == (None, (), None)


def test_a_server_error_without_a_body_has_its_status_for_a_name(lean, server, replies, world):
    server.default = replies.Reply(503, b"<html>")
    with pytest.raises(CheckpointError, match="HTTP503"):
        checkpoint(lean)


def test_a_state_page_without_operations_is_no_page(client, server, replies):
    server.default = replies.Reply(200, {"Nothing": "here"})
    with pytest.raises(CheckpointError, match="not a state page"):
        load_page(client)


def test_one_connection_takes_one_request_at_a_time(lean, server, replies):
    async def main():
        await lean.checkpoint(REQUEST)
        (connection,) = lean._warm.pool._idle
        connection._answer = asyncio.get_running_loop().create_future()
        with pytest.raises(ConnectionError, match="not free"):
            await connection.request(b"", 1.0)
        connection._answer.cancel()
        connection._answer = None
        lean.close()

    asyncio.run(main())


def test_missing_credentials_are_raised_as_they_are(lambda_environment, world):
    class Nobody:
        async def current(self):
            raise CheckpointError("no AWS credentials", code="NoCredentials", is_retryable=True)

    with pytest.raises(CheckpointError, match=r"^no AWS credentials$"):
        checkpoint(LambdaClient(credentials=Nobody(), surroundings=world))
    assert world.slept == []
