from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import subprocess
import sys
import threading
from datetime import timedelta

import aws_lambda_powertools
import pytest
import structlog

from durable_aws_lambda import DurableHandler, durable_execution
from durable_aws_lambda.boto_client import BotoClient
from durable_aws_lambda.client import LambdaClient
from durable_aws_lambda.entry import margin_ms
from durable_core import CheckpointError, JsonSerDes, ValidationError
from durable_core.lowlevel import Instrumentation, Workflow, workflow_of

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/e-1/i-1"


class LambdaContext:
    aws_request_id = "request-1"
    tenant_id = None

    def __init__(self, remaining_ms=60_000):
        self._remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self):
        return self._remaining_ms


def event(payload=None, operations=(), **state):
    execution = {
        "Id": "i-1",
        "Name": "e-1",
        "Type": "EXECUTION",
        "Status": "STARTED",
        "StartTimestamp": 1767356934930,
        "ExecutionDetails": {} if payload is None else {"InputPayload": json.dumps(payload)},
    }
    return {
        "DurableExecutionArn": ARN,
        "CheckpointToken": "dG9rZW4=",
        "InitialExecutionState": {"Operations": [execution, *operations]} | state,
    }


@pytest.fixture
def durable():
    """`durable_execution`, whose handlers are closed at the end."""
    made = []

    def decorate(fn=None, **options):
        if fn is None:
            return lambda decorated: decorate(decorated, **options)
        made.append(durable_execution(fn, **options))
        return made[-1]

    yield decorate
    for handler in made:
        handler.close()


@pytest.fixture
def service(lambda_environment, replies):
    """The scripted server as a service that takes every update."""

    def acknowledge(received):
        if not received.body:
            return replies.Reply(200, {"Operations": [], "NextMarker": ""})
        operations = [
            {
                "Id": update["Id"],
                "Type": update["Type"],
                "Status": "SUCCEEDED" if update["Action"] == "SUCCEED" else "STARTED",
                "StartTimestamp": 1767356935.0,
                "EndTimestamp": 1767356935.0 if update["Action"] == "SUCCEED" else None,
                "StepDetails": {"Attempt": 1, "Result": update.get("Payload")},
            }
            for update in received.json["Updates"]
        ]
        state = {"Operations": operations}
        return replies.Reply(200, {"CheckpointToken": "bmV4dA==", "NewExecutionState": state})

    lambda_environment.acknowledge = acknowledge
    return lambda_environment


async def one_step(event, context):
    return {"paid": await context.step("pay", pay, event)}


async def pay(order):
    return order


def updates_of(service):
    return [
        (update["Action"], update.get("Name"))
        for request in service.requests
        for update in request.json["Updates"]
    ]


def test_the_handler_looks_like_its_function(durable):
    @durable
    async def handler(event, context):
        """What it does."""

    assert isinstance(handler, DurableHandler)
    assert (handler.__name__, handler.__doc__) == ("handler", "What it does.")
    assert inspect.iscoroutinefunction(handler.__wrapped__)
    assert workflow_of(handler) == Workflow(handler.__wrapped__)


def test_options_are_the_workflows(durable):
    serdes = JsonSerDes()
    handler = durable(serdes=serdes, plugins=[Instrumentation])(one_step)
    assert handler.workflow == Workflow(one_step, serdes=serdes, plugins=(Instrumentation,))


def test_an_invocation_answers_with_the_envelope(durable, service):
    handler = durable(one_step)
    answer = handler(event({"id": 1}), LambdaContext())
    assert answer == {"Status": "SUCCEEDED", "Result": '{"paid":{"id":1}}'}
    assert updates_of(service) == [("START", "pay"), ("SUCCEED", "pay")]


def test_warm_invocations_share_a_loop_and_a_connection(durable, service):
    loops = []

    @durable
    async def handler(event, context):
        await context.step("pay", lambda: loops.append(1))

        async def note():
            loops.append(asyncio.get_running_loop())

        await context.step("note", note)

    for _ in range(3):
        handler(event(), LambdaContext())
    hosts = {loop for loop in loops if loop != 1}
    assert len(hosts) == 1
    assert service.connections == 1


def test_concurrent_invocations_have_a_loop_and_a_connection_each(durable, service):
    barrier = threading.Barrier(3, timeout=60)
    loops = []

    @durable
    async def handler(event, context):
        async def meet():
            await asyncio.to_thread(barrier.wait)
            loops.append(asyncio.get_running_loop())
            return threading.get_ident()

        return await context.step("meet", meet)

    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(handler(event(), LambdaContext())))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["Result"] for answer in answers}) == 3
    assert len(set(loops)) == 3
    assert service.connections == 3
    assert all(loop.is_closed() for loop in loops)


def test_an_event_that_is_no_durable_invocation_is_refused(durable, service):
    with pytest.raises(ValidationError, match="not a durable invocation"):
        durable(one_step)({"id": 1}, LambdaContext())
    assert service.requests == []


def test_a_running_loop_in_the_same_thread_is_refused(durable, service):
    handler = durable(one_step)

    async def main():
        return handler(event(), LambdaContext())

    with pytest.raises(RuntimeError, match="one_step is a Lambda handler and runs an event loop"):
        asyncio.run(main())


def test_state_beyond_the_first_page_is_loaded_even_when_that_is_empty(durable, service, replies):
    first = event({"id": 7})
    operations = first["InitialExecutionState"]["Operations"]
    first["InitialExecutionState"] = {"Operations": [], "NextMarker": "m1"}
    service.script += [
        replies.Reply(200, {"Operations": operations, "NextMarker": "m2"}),
        replies.Reply(200, {"Operations": [], "NextMarker": ""}),
    ]
    answer = durable(one_step)(first, LambdaContext())
    assert answer["Result"] == '{"paid":{"id":7}}'
    assert [request.method for request in service.requests] == ["GET", "GET", "POST"]


def test_a_stale_token_is_raised_so_that_lambda_invokes_again(durable, service, replies):
    service.script.append(
        replies.error(400, "InvalidParameterValueException", "Invalid checkpoint token")
    )
    with pytest.raises(CheckpointError, match="Invalid checkpoint token"):
        durable(one_step)(event(), LambdaContext())


def test_a_fatal_refusal_ends_the_execution(durable, service, replies):
    service.script.append(replies.error(403, "AccessDeniedException", "not yours"))
    answer = durable(one_step)(event(), LambdaContext())
    assert answer["Status"] == "FAILED"
    assert answer["Error"]["ErrorMessage"].startswith("not yours (AccessDeniedException, HTTP 403)")


def test_a_withheld_token_ends_the_invocation_pending(durable, service, replies):
    service.script.append(replies.Reply(200, {"NewExecutionState": {"Operations": []}}))
    answer = durable(one_step)(event(), LambdaContext())
    assert answer == {"Status": "PENDING"}
    assert len(service.requests) == 1


def test_a_result_over_the_response_limit_goes_through_a_checkpoint(durable, service, replies):
    service.script.append(replies.Reply(200, {"NewExecutionState": {"Operations": []}}))

    @durable
    async def handler(event, context):
        return "x" * (6 * 1024 * 1024 - 20)

    answer = handler(event(), LambdaContext())
    assert answer == {"Status": "SUCCEEDED", "Result": ""}
    ((update,),) = [request.json["Updates"] for request in service.requests]
    assert (update["Type"], update["Action"]) == ("EXECUTION", "SUCCEED")
    assert len(update["Payload"]) == 6 * 1024 * 1024 - 18


def test_a_result_that_the_service_takes_nowhere_is_named_before_it_is_sent(durable, service):
    @durable
    async def handler(event, context):
        return "é" * (3 * 1024 * 1024)

    answer = handler(event(), LambdaContext())
    assert answer["Status"] == "FAILED"
    assert answer["Error"]["ErrorMessage"].startswith(
        "the handler's result takes 6,291,458 bytes; the service keeps at most 6,291,456 (1,048,576"
    )
    assert service.requests == []


def test_the_largest_result_the_service_takes_is_sent(durable, service, replies):
    service.script.append(replies.Reply(200, {"NewExecutionState": {"Operations": []}}))

    @durable
    async def handler(event, context):
        return "é" * (3 * 1024 * 1024 - 1)

    assert handler(event(), LambdaContext()) == {"Status": "SUCCEEDED", "Result": ""}


def test_one_operation_too_many_fails_with_its_name_and_what_to_do(durable, service):
    @durable
    async def handler(event, context):
        for number in range(3_000):  # the execution itself counts as one
            await context.step(f"pay {number}", pay, number)

    answer = handler(event(), LambdaContext())
    assert answer["Status"] == "FAILED"
    message = answer["Error"]["ErrorMessage"]
    assert message.startswith("operation Step 'pay 2999' (")
    assert "would bring this execution to 3,001 operations; the service takes 3,000" in message
    assert "another durable function by context.invoke()" in message


@pytest.mark.parametrize(
    ("remaining_ms", "given", "variable", "expected"),
    [
        (60_000, None, None, 1_000),
        (60_000, None, "2500", 2_500),
        (60_000, 3_000, "2500", 3_000),
        (60_000, 0, None, 0),
        (1_000, None, None, 500),
        (0, None, None, 0),
    ],
)
def test_the_margin_is_given_or_in_the_environment_and_at_most_half(
    monkeypatch, remaining_ms, given, variable, expected
):
    monkeypatch.delenv("DURABLE_DEADLINE_MARGIN_MS", raising=False)
    if variable is not None:
        monkeypatch.setenv("DURABLE_DEADLINE_MARGIN_MS", variable)
    assert margin_ms(given, remaining_ms) == expected


def test_without_a_lambda_context_there_is_no_deadline(durable, service):
    assert durable(one_step)(event({"id": 1}), None)["Status"] == "SUCCEEDED"


def test_no_time_left_suspends_at_once_and_asks_to_be_invoked_again(durable, service):
    @durable
    async def handler(event, context):
        async def hang():
            await asyncio.sleep(3600)

        await context.step("hangs", hang)

    answer = handler(event(), LambdaContext(remaining_ms=0))
    assert answer == {"Status": "PENDING"}
    assert ("START", None) in updates_of(service)


def test_a_boto3_client_or_a_service_of_ones_own_takes_the_clients_place(durable):
    class Boto3Like:
        def checkpoint_durable_execution(self, **_): ...

    class Own:
        def checkpoint(self, request, /): ...

        def load_page(self, execution_arn, checkpoint_token, marker, /): ...

    own = Own()
    assert isinstance(durable(one_step)._make_service(), LambdaClient)
    boto = durable(client=Boto3Like())(one_step)
    assert isinstance(boto._make_service(), BotoClient)
    assert durable(client=own)(one_step)._make_service() is own


def test_a_thread_left_over_from_an_invocation_cannot_act_in_the_next(durable, service):
    """Its step was given up at the deadline; it ends during the next invocation."""
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()
    runs = []
    acknowledge = service.acknowledge

    def acknowledge_once_begun(received):
        begun.wait(60)  # what is given up must run already
        return acknowledge(received)

    service.acknowledge = acknowledge_once_begun

    def blocked():
        runs.append(1)
        begun.set()
        if len(runs) == 1:
            release.wait(60)
            ended.set()
            return "from the first invocation"
        release.set()
        ended.wait(60)
        return "from the second"

    @durable(deadline_margin=timedelta(milliseconds=10))
    async def handler(event, context):
        return await context.step("blocked", blocked)

    assert handler(event(), LambdaContext(remaining_ms=20)) == {"Status": "PENDING"}
    before = len(service.requests)
    assert handler(event(), LambdaContext())["Result"] == '"from the second"'
    payloads = [
        update.get("Payload")
        for request in service.requests[before:]
        for update in request.json["Updates"]
        if update["Action"] == "SUCCEED"
    ]
    assert payloads == ['"from the second"']


MODULES = """
import sys
before = set(sys.modules)
import durable_aws_lambda
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
HEAVY = {
    "boto3",
    "botocore",
    "durable_testing",
    "jmespath",
    "opentelemetry",
    "pydantic",
    "pydantic_core",
    "starlette",
    "typer",
    "urllib3",
}


def test_importing_the_package_loads_the_core_and_the_standard_library_only():
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-c", MODULES],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(run.stdout.split())
    assert {"durable_aws_lambda", "durable_core"} <= loaded
    assert loaded - {"durable_aws_lambda", "durable_core"} <= set(sys.stdlib_module_names)
    assert not loaded & HEAVY


def test_nothing_is_captured_at_import(durable, monkeypatch, service):
    """What SnapStart needs: the environment of the restored process counts, at the first call."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_ENDPOINT_URL_LAMBDA"):
        kept = os.environ[name]
        monkeypatch.delenv(name)
        handler = durable(one_step)
        monkeypatch.setenv(name, kept)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDRESTORED")
        assert handler(event(), LambdaContext())["Status"] == "SUCCEEDED"
    assert "Credential=AKIDRESTORED/" in service.requests[-1].headers["authorization"]


def with_logger(durable, logger):
    @durable
    async def handler(event, context):
        context.configure_logger(logger=logger)

        def body():
            context.logger.info("paid", extra={"amount": 3})

        await context.step("pay", body)

    assert handler(event(), LambdaContext())["Status"] == "SUCCEEDED"


FIELDS = {
    "executionArn": ARN,
    "requestId": "request-1",
    "operationName": "pay",
    "attempt": 1,
    "amount": 3,
}


def test_stdlib_loggers_get_the_fields_as_extra(durable, service, caplog):
    with caplog.at_level(logging.INFO, "mine"):
        with_logger(durable, logging.getLogger("mine"))
    (record,) = [record for record in caplog.records if record.name == "mine"]
    assert record.getMessage() == "paid"
    assert {name: getattr(record, name) for name in FIELDS} == FIELDS


def test_structlog_gets_the_fields_as_key_values(durable, service):
    with structlog.testing.capture_logs() as lines:
        with_logger(durable, structlog.get_logger())
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("paid", "info")
    assert {name: line[name] for name in FIELDS} == FIELDS


def test_powertools_writes_the_fields_into_its_json(durable, service, capsys):
    logger = aws_lambda_powertools.Logger(service="orders", stream=sys.stdout)
    with_logger(durable, logger)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["message"], line["service"]) == ("paid", "orders")
    assert {name: line[name] for name in FIELDS} == FIELDS


@pytest.mark.parametrize("before", ["gc.enable()", "gc.disable()"])
def test_importing_leaves_the_garbage_collector_as_it_was(before):
    code = f"import gc; {before}; was = gc.isenabled(); import durable_aws_lambda; "
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-c", code + "print(was == gc.isenabled())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "True\n"


AGES = """
import gc
if {freezes}:
    gc.freeze()
was_frozen = gc.get_freeze_count() > 0  # Python 3.12 itself freezes what it starts with
import durable_aws_lambda
young = [thing for age in (0, 1) for thing in gc.get_objects(age)]
handler = durable_aws_lambda.durable_execution
print(any(thing is handler for thing in young) is was_frozen)
print((gc.get_freeze_count() > 0) is was_frozen)
"""


@pytest.mark.parametrize("freezes", [False, True])
def test_what_the_import_made_is_old_unless_somebody_froze_what_was_there(freezes):
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-c", AGES.format(freezes=freezes)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "True\nTrue\n"
