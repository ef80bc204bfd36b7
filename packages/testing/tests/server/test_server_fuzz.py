"""Anything may be sent: no request breaks the server, and a refused one changes nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from durable_core.lowlevel import TERMINAL_STATUSES, OperationStatus, OperationType
from durable_testing.engine.remote import json_or_text
from durable_testing.server.routes import ROUTES

UNKNOWN_ARN = (
    "arn:aws:lambda:us-east-1:123456789012:function:orders:1/durable-execution/unknown/unknown"
)
NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(0, 9)
PAYLOADS = st.sampled_from([1, 1, 1, None, {"a": "\ud800"}])
IDS = st.sampled_from(["1", "2", "3", "4", "5"])
HALF_CHARACTER = "\ud800"
TEXTS = st.integers(0, 9).flatmap(
    lambda luck: st.text(max_size=8) if luck else st.just(HALF_CHARACTER)
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ERRORS = st.fixed_dictionaries(
    {},
    optional={
        "ErrorMessage": TEXTS,
        "ErrorType": TEXTS,
        "ErrorData": TEXTS,
        "StackTrace": st.lists(TEXTS, max_size=2),
    },
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What fits, and now and then something that does not."""
    return st.one_of(strategy, strategy, strategy, strategy, JSON_VALUES)


SECONDS = st.sampled_from([1, 2, 60, 0, -1, 10**9])
UPDATES = st.fixed_dictionaries(
    {
        "Id": maybe(IDS),
        "Type": maybe(st.sampled_from([*map(str, OperationType)])),
        "Action": maybe(st.sampled_from(["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"])),
    },
    optional={
        "ParentId": maybe(IDS),
        "Name": maybe(NAMES),
        "SubType": maybe(st.sampled_from(["Step", "Map"])),
        "Payload": maybe(TEXTS),
        "Error": maybe(ERRORS),
        "ContextOptions": maybe(st.fixed_dictionaries({"ReplayChildren": st.booleans()})),
        "StepOptions": maybe(st.fixed_dictionaries({"NextAttemptDelaySeconds": SECONDS})),
        "WaitOptions": maybe(st.fixed_dictionaries({"WaitSeconds": SECONDS})),
        "CallbackOptions": maybe(
            st.fixed_dictionaries(
                {}, optional={"TimeoutSeconds": SECONDS, "HeartbeatTimeoutSeconds": SECONDS}
            )
        ),
        "ChainedInvokeOptions": maybe(
            st.fixed_dictionaries(
                {"FunctionName": st.sampled_from(["plain", "orders:1", "orders", "gone:1"])},
                optional={"TenantId": TEXTS, "XAmznTraceId": TEXTS},
            )
        ),
    },
)
SEQUENCES = {
    "STEP": ["START", "SUCCEED"],
    "CONTEXT": ["START", "FAIL"],
    "WAIT": ["START"],
    "CALLBACK": ["START"],
    "CHAINED_INVOKE": ["START"],
}


@st.composite
def good_batches(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Batches with a fair chance to be taken."""
    batch: list[dict[str, Any]] = []
    for operation_id in draw(st.lists(IDS, unique=True, max_size=3)):
        kind = [*SEQUENCES][int(operation_id) - 1]
        for action in SEQUENCES[kind][: draw(st.integers(1, 2))]:
            update: dict[str, Any] = {"Id": operation_id, "Type": kind, "Action": action}
            if kind == "WAIT":
                update["WaitOptions"] = {"WaitSeconds": draw(st.integers(1, 90))}
            if kind == "CALLBACK":
                update["CallbackOptions"] = {"TimeoutSeconds": draw(st.integers(0, 90))}
            if kind == "CHAINED_INVOKE":
                update["ChainedInvokeOptions"] = {"FunctionName": "plain"}
            batch.append(update)
    return batch


OUTPUTS = st.one_of(
    st.just({"Status": "PENDING"}),
    st.builds(lambda text: {"Status": "SUCCEEDED", "Result": text}, TEXTS),
    st.builds(lambda error: {"Status": "FAILED", "Error": error}, ERRORS),
    JSON_VALUES,
)


class ServerMachine(RuleBasedStateMachine):
    """Clients, workers and time, in any order."""

    make_lab: Any = None
    path_of: Any = None

    invocations = Bundle("invocations")
    callbacks = Bundle("callbacks")

    @initialize()
    def open(self) -> None:
        self.lab = self.make_lab(max_operations=12, max_storage_bytes=2000)
        self.arns: list[str] = []

    def arn_of(self, number: int) -> str:
        return self.arns[number % len(self.arns)] if self.arns else UNKNOWN_ARN

    def fire(self) -> None:
        self.lab.service.apply(lambda model, now: model.fire_due(now))

    def snapshot(self) -> Any:
        model = self.lab.model
        return [
            (
                arn,
                model.get_execution(arn),
                model.operations(arn),
                model.history(arn),
                model.state.executions[arn].token,
            )
            for arn in model.arns()
        ]

    def send(self, method: str, target: str, body: Any = None, **options: Any) -> Any:
        """Send a request; what is refused must leave no trace."""
        self.fire()
        before = self.snapshot()
        response = self.lab.send(method, target, body, **options)
        assert response.status < 500, response
        if response.status >= 400:
            assert response.headers["x-amzn-errortype"]
            assert self.snapshot() == before
        return response

    @rule(target=invocations, name=NAMES, payload=PAYLOADS)
    def start(self, name: str, payload: Any) -> Any:
        response = self.send(
            "POST",
            "/2015-03-31/functions/orders:1/invocations",
            json.dumps(payload).encode(),
            headers={"X-Amz-Invocation-Type": "Event", "X-Amz-Durable-Execution-Name": name},
        )
        if response.status != 202:
            return multiple()
        self.arns.append(response.headers["x-amz-durable-execution-arn"])
        return self.begin(-1)

    @rule(target=invocations, number=NUMBERS)
    def begin(self, number: int) -> Any:
        arn = self.arn_of(number)
        model_call = self.lab.service.apply
        invocation = model_call(lambda model, now: model.begin_invocation(arn, now))
        if invocation is None:
            return multiple()
        return {"arn": arn, "invocation": invocation, "token": invocation.input.checkpoint_token}

    def checkpoint(self, place: Any, token: str, updates: Any, client_token: str) -> Any:
        body = {"CheckpointToken": token, "Updates": updates, "ClientToken": client_token}
        response = self.send("POST", f"{self.path_of(place['arn'])}/checkpoint", body)
        if response.status != 200:
            return multiple()
        answer = response.json()
        place["token"] = answer.get("CheckpointToken", place["token"])
        return multiple(
            *(
                operation["CallbackDetails"]["CallbackId"]
                for operation in answer["NewExecutionState"].get("Operations", [])
                if operation["Type"] == "CALLBACK"
            )
        )

    @rule(target=callbacks, place=invocations, updates=good_batches())
    def checkpoint_well(self, place: Any, updates: Any) -> Any:
        return self.checkpoint(place, place["token"], updates, "t")

    @rule(target=callbacks, place=invocations, updates=st.lists(UPDATES, max_size=3))
    def checkpoint_somehow(self, place: Any, updates: Any) -> Any:
        return self.checkpoint(place, place["token"], updates, "t")

    @rule(
        place=invocations,
        token=st.sampled_from(["d3Jvbmc=", ""]) | TEXTS,
        updates=JSON_VALUES,
        client_token=TEXTS,
    )
    def checkpoint_badly(self, place: Any, token: str, updates: Any, client_token: str) -> None:
        self.checkpoint(place, token, updates, client_token)

    @rule(place=consumes(invocations), output=OUTPUTS)
    def end(self, place: Any, output: Any) -> None:
        said = json_or_text(json.dumps(output))
        self.lab.end(place["arn"], place["invocation"], said)

    @rule(callback=callbacks, action=st.sampled_from(["succeed", "fail", "heartbeat"]))
    def answer(self, callback: str, action: str) -> None:
        path = f"/2025-12-01/durable-execution-callbacks/{quote(callback, safe='')}/{action}"
        self.send("POST", path, {"ErrorMessage": "no"} if action == "fail" else None)

    @precondition(lambda self: self.arns)
    @rule(number=NUMBERS, action=st.sampled_from(["stop", "pause", "resume", "resume"]))
    def steer(self, number: int, action: str) -> None:
        self.send("POST", f"{self.path_of(self.arn_of(number))}/{action}", {})

    @precondition(lambda self: self.arns)
    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        self.send("DELETE", self.path_of(self.arn_of(number)))

    @rule(
        number=NUMBERS,
        action=st.sampled_from(["", "/history", "/state"]),
        query=st.dictionaries(
            st.sampled_from(
                ["MaxItems", "Marker", "ReverseOrder", "IncludeExecutionData", "CheckpointToken"]
            ),
            st.sampled_from(["0", "1", "2", "1001", "true", "false", ""]) | st.text(max_size=8),
        ),
    )
    def read(self, number: int, action: str, query: dict[str, str]) -> None:
        self.send("GET", f"{self.path_of(self.arn_of(number))}{action}", query=query)

    @rule(
        query=st.dictionaries(
            st.sampled_from(["MaxItems", "Statuses", "StartedAfter", "ReverseOrder", "Qualifier"]),
            st.sampled_from(["1", "RUNNING", "true", "2026-01-01T00:00:00Z", "live"])
            | st.text(max_size=8),
        )
    )
    def list(self, query: dict[str, str]) -> None:
        self.send("GET", "/2025-12-01/functions/orders/durable-executions", query=query)

    @rule(seconds=st.integers(0, 100))
    def wait(self, seconds: int) -> None:
        self.lab.now_ms += seconds * 1000
        self.fire()

    @invariant()
    def everything_fits(self) -> None:
        self.fire()
        model = self.lab.model
        for arn in model.arns():
            self.check_history(arn)
            self.check_records(arn)
        due_ms = model.next_due_ms()
        assert due_ms is None or due_ms > self.lab.now_ms

    def check_history(self, arn: str) -> None:
        events = self.lab.model.history(arn)
        assert [event.id for event in events] == [*range(1, len(events) + 1)]
        assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)
        kinds = [str(event.type) for event in events]
        assert kinds[0] == "ExecutionStarted"
        ends = {f"Execution{end}" for end in ("Succeeded", "Failed", "Stopped", "TimedOut")}
        is_closed = self.lab.model.get_execution(arn).ended_at_ms is not None
        assert len(ends.intersection(kinds)) == is_closed

    def check_records(self, arn: str) -> None:
        records = {each.id: each for each in self.lab.model.operations(arn)}
        for operation in records.values():
            assert (operation.ended_at_ms is not None) == (operation.status in TERMINAL_STATUSES)
            if operation.parent_id is not None:
                assert records[operation.parent_id].type is OperationType.CONTEXT
            if operation.status is OperationStatus.PENDING:
                assert operation.next_attempt_at_ms is not None

    def teardown(self) -> None:
        if hasattr(self, "lab"):
            self.lab.loop.close()


@pytest.mark.usefixtures("lab")
def test_no_order_of_requests_breaks_the_server(labs, execution_path):
    class Machine(ServerMachine):
        make_lab = staticmethod(labs)
        path_of = staticmethod(execution_path)

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


RAW = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#?"))
SEGMENTS = st.sampled_from(
    [
        "2025-12-01",
        "2015-03-31",
        "durable-executions",
        "durable-execution-callbacks",
        "functions",
        "orders",
        "orders:1",
        "plain",
        *{action for _, _, action in ROUTES},
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "X-Amz-Invocation-Type",
            "X-Amz-Durable-Execution-Name",
            "X-Amz-Client-Context",
            "X-Amz-Tenant-Id",
            "X-Amzn-Trace-Id",
        ]
    ),
    st.sampled_from(["Event", "DryRun", "e30="]) | st.text(st.characters(max_codepoint=255)),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD"]),
    segments=st.lists(SEGMENTS | RAW, max_size=6),
    query=RAW,
    headers=HEADERS,
    body=st.binary(max_size=20) | JSON_VALUES.map(lambda value: json.dumps(value).encode()),
)
def test_no_raw_request_breaks_the_server(lab, method, segments, query, **content):
    headers = content["headers"]
    if headers.get("X-Amz-Invocation-Type") not in ("Event", "DryRun"):
        headers["X-Amz-Invocation-Type"] = "DryRun"  # nobody runs what would be waited for
    target = f"/{'/'.join(segments)}?{query}"
    assert lab.send(method, target, content["body"], headers=headers).status < 500


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    route=st.sampled_from(sorted(ROUTES)),
    label=st.sampled_from(["arn", "orders:1", "Y2FsbGJhY2s="]) | st.text(max_size=8),
    body=st.binary(max_size=20)
    | st.dictionaries(
        st.sampled_from(["CheckpointToken", "Updates", "Reason", "ClientToken", "ErrorMessage"]),
        JSON_VALUES,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_body_breaks_a_route(lab, route, label, body):
    method, collection, action = route
    prefix = collection if collection[:1].isdigit() else f"2025-12-01/{collection}"
    if label == "arn":
        label = (lab.model.arns() or [lab.start()])[0]
    target = f"/{prefix}/{quote(label, safe='')}{'/' if action else ''}{action}"
    headers = {"X-Amz-Invocation-Type": "Event"}
    assert lab.send(method, target, body, headers=headers).status < 500
