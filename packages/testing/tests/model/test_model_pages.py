from __future__ import annotations

import pytest

from durable_core.lowlevel import (
    ErrorObject,
    ExecutionStatus,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import ListQuery, ServiceError, StartRequest


def up(operation_id, kind, action, **more):
    return OperationUpdate(operation_id, OperationType[kind], OperationAction[action], **more)


def steps(*names, payload="1", **more):
    return [up(name, "STEP", "SUCCEED", payload=payload, **more) for name in names]


def ids(operations):
    return [operation.id for operation in operations]


def load(stage, marker, max_items=None):
    """Follow a marker to its end; returns the pages."""
    found = []
    while marker:
        page = stage.model.get_state(
            stage.arn, stage.token, stage.now, marker=marker, max_items=max_items
        )
        found.append(ids(page.operations))
        marker = page.next_marker
    return found


def test_the_first_page_may_be_empty_and_go_on(limited):
    stage = limited(first_page_operations=0)
    stage.start()
    event = stage.begin().input
    assert (event.operations, bool(event.next_marker)) == ((), True)
    assert event.updated_operation_ids == {stage.execution.id}
    assert load(stage, event.next_marker) == [[stage.execution.id]]


def test_state_comes_in_pages_of_so_many_records(limited):
    stage = limited(state_page_operations=3)
    stage.run(*steps("1", "2", "3", "4", "5"), up("w", "WAIT", "START", wait_seconds=1))
    stage.suspend()
    stage.advance(2)
    event = stage.begin().input
    assert ids(event.operations) == [stage.execution.id, "1", "2"]
    assert load(stage, event.next_marker) == [["3", "4", "5"], ["w"]]
    assert load(stage, event.next_marker, max_items=1) == [["3"], ["4"], ["5"], ["w"]]


def test_state_comes_in_pages_of_so_many_bytes_but_at_least_one_record(limited):
    stage = limited(state_page_bytes=2000)
    stage.run(*steps("1", payload="x" * 3000), *steps("2", "3", payload="é" * 400))
    page = stage.model.get_state(stage.arn, stage.token, stage.now)
    assert ids(page.operations) == [stage.execution.id]
    assert load(stage, page.next_marker) == [["1"], ["2"], ["3"]]


def test_errors_and_inputs_count_for_the_size_of_a_page(limited):
    stage = limited(state_page_bytes=2000)
    stage.start(payload="x" * 1500)
    stage.begin()
    error = ErrorObject("m" * 500, "t" * 500, None, ("s" * 500,))
    stage.send(up("1", "STEP", "FAIL", error=error), *steps("2"))
    page = stage.model.get_state(stage.arn, stage.token, stage.now)
    assert [ids(page.operations), *load(stage, page.next_marker)] == [
        [stage.execution.id],
        ["1"],
        ["2"],
    ]


def test_reading_state_does_not_use_up_the_token(stage):
    stage.run(*steps("1"))
    for _ in range(2):
        page = stage.model.get_state(stage.arn, stage.token, stage.now)
        assert ids(page.operations) == [stage.execution.id, "1"]
    stage.send(*steps("2"))


def test_state_is_for_the_invocation_that_holds_the_execution(stage):
    stage.run(up("w", "WAIT", "START", wait_seconds=1))
    stage.suspend()
    with pytest.raises(ServiceError, match="Invalid checkpoint token"):
        stage.model.get_state(stage.arn, stage.token, stage.now)


@pytest.mark.parametrize("marker", ["nonsense", "!", "c3RhdGU=", "c3RhdGUgeA=="])
def test_a_marker_of_somebody_else_is_invalid(stage, marker):
    stage.run()
    with pytest.raises(ServiceError, match="Invalid Marker"):
        stage.model.get_state(stage.arn, stage.token, stage.now, marker=marker)


def test_a_large_delta_goes_on_in_the_state_with_the_new_token(limited):
    stage = limited(state_page_operations=2)
    response = stage.run(*steps("1", "2", "3", "4", "5"))
    assert ids(response.operations) == ["1", "2"]
    assert load(stage, response.next_marker) == [["3", "4"], ["5"]]
    assert stage.send().operations == ()


def test_a_delta_of_many_bytes_goes_on_as_well(limited):
    stage = limited(state_page_bytes=1500)
    response = stage.run(*steps("1", "2", "3", payload="x" * 1000))
    assert ids(response.operations) == ["1"]
    assert load(stage, response.next_marker) == [["2"], ["3"]]


def test_what_was_not_loaded_is_still_unseen(limited):
    stage = limited(first_page_operations=1)
    stage.run(*steps("1"), up("c", "CALLBACK", "START"))
    stage.suspend()
    stage.model.callback_succeed(stage.record("c").callback_id, "1", stage.now)
    event = stage.begin().input
    assert ids(event.operations) == [stage.execution.id]
    assert ids(stage.send().operations) == ["c"]  # it never loaded the second page


def test_what_was_loaded_to_the_end_is_seen(limited):
    stage = limited(first_page_operations=1)
    stage.run(*steps("1"), up("c", "CALLBACK", "START"), up("d", "CALLBACK", "START"))
    stage.suspend()
    stage.model.callback_succeed(stage.record("c").callback_id, "1", stage.now)
    event = stage.begin().input
    stage.model.callback_succeed(stage.record("d").callback_id, "2", stage.now)
    load(stage, event.next_marker)
    assert ids(stage.send().operations) == ["d"]  # it came after the event was built


def grow(stage, *, replay_children):
    """A closed context with two generations in it, beside an open one."""
    stage.run(
        up("c", "CONTEXT", "START"),
        up("c2", "CONTEXT", "START", parent_id="c"),
        *steps("inner", parent_id="c2"),
        *steps("outer", parent_id="c"),
        up("open", "CONTEXT", "START"),
        *steps("kept", parent_id="open"),
    )
    stage.send(
        up("c2", "CONTEXT", "SUCCEED", replay_children=replay_children),
        up("c", "CONTEXT", "SUCCEED", replay_children=True, payload="summary"),
        up("w", "WAIT", "START", wait_seconds=1),
    )
    stage.suspend()
    stage.advance(2)
    return stage.begin().input


def test_children_of_a_closed_context_vanish_from_state(stage):
    event = grow(stage, replay_children=False)
    assert ids(event.operations)[1:] == ["c", "c2", "outer", "open", "kept", "w"]
    assert "inner" in stage.execution.records


def test_with_replay_children_they_stay(stage):
    event = grow(stage, replay_children=True)
    assert ids(event.operations)[1:] == ["c", "c2", "inner", "outer", "open", "kept", "w"]
    assert stage.record("c").replay_children


def test_grandchildren_vanish_with_a_context_further_up(stage):
    stage.run(
        up("c", "CONTEXT", "START"),
        up("c2", "CONTEXT", "START", parent_id="c"),
        *steps("inner", parent_id="c2"),
    )
    stage.send(up("c2", "CONTEXT", "SUCCEED", replay_children=True))
    stage.send(up("c", "CONTEXT", "FAIL"))
    page = stage.model.get_state(stage.arn, stage.token, stage.now)
    assert ids(page.operations)[1:] == ["c"]


# The list of a function's executions


@pytest.fixture
def listed(stage):
    for name, status in (("a", None), ("b", "STOPPED"), ("c", None), ("d", None)):
        qualifier = "$LATEST" if name == "d" else "1"
        request = StartRequest("f", name=name, qualifier=qualifier)
        arn = stage.model.start_execution(request, stage.now).execution_arn
        if status:
            stage.model.stop(arn, None, stage.now)
        stage.now += 1000
    stage.model.start_execution(StartRequest("child", name="other"), stage.now)
    return stage


def names(stage, function_name="f", **query):
    page = stage.model.list_executions(function_name, ListQuery(**query))
    return [summary.name for summary in page.executions]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "dcba"),
        ({"oldest_first": True}, "abcd"),
        ({"name": "b"}, "b"),
        ({"name": "nobody"}, ""),
        ({"statuses": (ExecutionStatus.STOPPED,)}, "b"),
        ({"statuses": (ExecutionStatus.RUNNING,)}, "dca"),
        ({"qualifier": "1"}, "cba"),
        ({"qualifier": "$LATEST"}, "d"),
        ({"started_after_ms": 1_001_000}, "dc"),
        ({"started_before_ms": 1_001_000}, "a"),
    ],
)
def test_executions_are_listed_as_asked(listed, query, expected):
    assert names(listed, **query) == list(expected)


def test_a_list_comes_in_pages(listed):
    first = listed.model.list_executions("f", ListQuery(max_items=3))
    assert first.next_marker
    assert names(listed, max_items=3, marker=first.next_marker) == ["a"]
    with pytest.raises(ServiceError, match="Invalid Marker"):
        names(listed, marker=first.next_marker, oldest_first=True)


def test_a_function_is_listed_by_any_of_its_names(listed):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    assert names(listed, arn) == list("dcba")
    assert names(listed, f"{arn}:$LATEST") == ["d"]
    (summary,) = listed.model.list_executions("f:$LATEST").executions
    assert (summary.function_arn, summary.status) == (f"{arn}:$LATEST", "RUNNING")
    assert listed.model.arns()[0].split("/")[2] == "a"


@pytest.mark.parametrize("function", ["nobody", "f:9"])
def test_an_unknown_function_has_no_list(listed, function):
    with pytest.raises(ServiceError, match="ResourceNotFoundException: Function not found"):
        names(listed, function)


def test_a_list_takes_one_status_only(listed):
    with pytest.raises(ServiceError, match="Cannot filter by more than one status"):
        names(listed, statuses=(ExecutionStatus.RUNNING, ExecutionStatus.FAILED))


def test_operations_are_all_records_whatever_is_hidden(stage):
    grow(stage, replay_children=False)
    records = stage.model.operations(stage.arn)
    assert len(records) == 8
    assert records[0].status is OperationStatus.STARTED
