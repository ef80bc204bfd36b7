from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_core._values.batch import BatchItem, BatchResult
from durable_core._values.completion import (
    BatchItemStatus,
    CompletionConfig,
    CompletionDecision,
    CompletionReason,
)
from durable_core._values.errors import BatchError, StepError, ValidationError
from durable_core._values.settled import Settled

SUCCEEDED, FAILED, STARTED = BatchItemStatus


def batch(*items, reason=CompletionReason.ALL_COMPLETED):
    return BatchResult(list(items), reason)


def good(index, result=None):
    return BatchItem(index, f"item-{index}", SUCCEEDED, result)


def bad(index, message="boom"):
    error = StepError(message, "KeyError", "data", ("line",), operation_id="1-2")
    return BatchItem(index, f"item-{index}", FAILED, error=error)


def running(index):
    return BatchItem(index, None, STARTED)


def test_items_are_told_apart_by_how_they_stand():
    result = batch(good(0, "a"), bad(1), running(2), good(3, None))
    assert [item.index for item in result.succeeded()] == [0, 3]
    assert [item.index for item in result.failed()] == [1]
    assert [item.index for item in result.started()] == [2]
    assert result.results() == ["a", None]
    assert result.errors() == [result.all[1].error]
    counts = (result.success_count, result.failure_count, result.started_count, result.total_count)
    assert counts == (2, 1, 1, 4)


@pytest.mark.parametrize(
    ("items", "reason", "status"),
    [
        ((), CompletionReason.ALL_COMPLETED, SUCCEEDED),
        ((good(0), running(1)), CompletionReason.MIN_SUCCESSFUL_REACHED, SUCCEEDED),
        ((good(0), bad(1)), CompletionReason.MIN_SUCCESSFUL_REACHED, FAILED),
        ((good(0), bad(1)), CompletionReason.CUSTOM_COMPLETION_SUCCEEDED, SUCCEEDED),
        ((good(0),), CompletionReason.CUSTOM_COMPLETION_FAILED, FAILED),
    ],
    ids=range(5),
)
def test_a_batch_failed_if_an_item_did_unless_a_predicate_said_otherwise(items, reason, status):
    result = batch(*items, reason=reason)
    assert result.status is status
    assert result.has_failure is any(item.status is FAILED for item in items)


def test_the_first_failure_is_raised_with_all_that_its_record_holds():
    result = batch(good(0), bad(1, "first"), bad(2, "second"))
    with pytest.raises(BatchError, match=r"^KeyError: first$") as caught:
        result.throw_if_error()
    error = caught.value
    assert (error.error_type, error.data, error.stack_trace) == ("KeyError", "data", ("line",))
    assert (error.operation_id, error.operation_name) == ("1-2", "item-1")
    assert error.__cause__ is result.all[1].error
    assert error.is_caused_by(KeyError)


def test_without_a_failure_nothing_is_raised():
    batch(good(0), running(1)).throw_if_error()


@pytest.mark.parametrize(
    ("config", "total", "successes", "failures", "reason"),
    [
        (CompletionConfig(), 3, 1, 0, None),
        (CompletionConfig(), 3, 1, 1, CompletionReason.FAILURE_TOLERANCE_EXCEEDED),
        (CompletionConfig(), 3, 3, 0, CompletionReason.ALL_COMPLETED),
        (CompletionConfig(), 0, 0, 0, CompletionReason.ALL_COMPLETED),
        (CompletionConfig.all_successful(), 3, 0, 1, CompletionReason.FAILURE_TOLERANCE_EXCEEDED),
        (CompletionConfig.all_successful(), 3, 2, 0, None),
        (CompletionConfig.all_completed(), 3, 0, 2, None),
        (CompletionConfig.all_completed(), 3, 0, 3, CompletionReason.ALL_COMPLETED),
        (CompletionConfig.first_successful(), 3, 0, 2, None),
        (CompletionConfig.first_successful(), 3, 1, 2, CompletionReason.MIN_SUCCESSFUL_REACHED),
        (CompletionConfig.first_successful(), 3, 0, 3, CompletionReason.ALL_COMPLETED),
        (CompletionConfig(tolerated_failure_count=1), 5, 0, 1, None),
        (
            CompletionConfig(tolerated_failure_count=1),
            *(5, 0, 2, CompletionReason.FAILURE_TOLERANCE_EXCEEDED),
        ),
        (CompletionConfig(tolerated_failure_percentage=50), 4, 0, 2, None),
        (
            CompletionConfig(tolerated_failure_percentage=50),
            *(4, 0, 3, CompletionReason.FAILURE_TOLERANCE_EXCEEDED),
        ),
        (
            CompletionConfig(min_successful=1, tolerated_failure_count=0),
            *(3, 1, 1, CompletionReason.FAILURE_TOLERANCE_EXCEEDED),
        ),
        (
            CompletionConfig(min_successful=2),
            *(2, 2, 0, CompletionReason.MIN_SUCCESSFUL_REACHED),
        ),
    ],
    ids=range(17),
)
def test_a_batch_ends_by_its_thresholds_tolerance_first(config, total, successes, failures, reason):
    assert config.decide(total, successes, failures, {}) is reason


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
@settings(deadline=None)
def test_when_every_item_has_ended_a_batch_has_too(successes, failures, tolerated):
    config = CompletionConfig(tolerated_failure_count=tolerated)
    assert config.decide(successes + failures, successes, failures, {}) is not None


@pytest.mark.parametrize(
    ("decision", "successes", "reason"),
    [
        (CompletionDecision.SUCCEED, 1, CompletionReason.CUSTOM_COMPLETION_SUCCEEDED),
        (CompletionDecision.FAIL, 1, CompletionReason.CUSTOM_COMPLETION_FAILED),
        (CompletionDecision.CONTINUE, 1, None),
        (CompletionDecision.CONTINUE, 2, CompletionReason.ALL_COMPLETED),
        (CompletionDecision.FAIL, 2, CompletionReason.CUSTOM_COMPLETION_FAILED),
    ],
)
def test_a_predicate_decides_instead_of_the_thresholds(decision, successes, reason):
    seen = []
    config = CompletionConfig(should_complete=lambda status: seen.append(status) or decision)
    statuses = {0: SUCCEEDED, 1: FAILED, 2: STARTED}
    assert config.decide(3, successes, 1, statuses) is reason
    (status,) = seen
    counts = (status.total_count, status.success_count, status.failure_count, status.started_count)
    assert counts == (3, successes, 1, 2 - successes)
    assert status.statuses == statuses
    assert status.statuses is not statuses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_successful": 0}, "min_successful must be at least 1; found 0"),
        ({"min_successful": True}, "min_successful must be at least 1"),
        ({"tolerated_failure_count": -1}, "tolerated_failure_count must be at least 0; found -1"),
        ({"tolerated_failure_count": "1"}, "tolerated_failure_count must be"),
        ({"tolerated_failure_percentage": 101}, "at least 0 and at most 100; found 101"),
        ({"tolerated_failure_percentage": -0.1}, "at least 0 and at most 100"),
        ({"should_complete": bool, "min_successful": 1}, "give one or the other"),
    ],
    ids=range(7),
)
def test_thresholds_that_cannot_be_met_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        CompletionConfig(**options)


def test_what_is_settled_has_a_value_or_an_error():
    value, error = Settled(value=5), Settled(error=StepError("x"))
    assert (value.succeeded, value.status) == (True, "SUCCEEDED")
    assert (error.succeeded, error.status) == (False, "FAILED")
