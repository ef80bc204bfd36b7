from __future__ import annotations

import pytest

from durable_core.lowlevel import (
    CheckpointError,
    CheckpointRequest,
    OperationAction,
    OperationType,
    OperationUpdate,
)
from durable_testing.model import (
    ErrorCode,
    FunctionConfig,
    ServiceError,
    ServiceModel,
    StartRequest,
    seeded_ids,
)
from durable_testing.store.errors import StoreError, checkpoint_error
from durable_testing.store.memory import MemoryService

WAIT = OperationUpdate("w", OperationType.WAIT, OperationAction.START, wait_seconds=5)


@pytest.fixture
def service():
    functions = [FunctionConfig(name="f", execution_timeout_seconds=60)]
    model = ServiceModel(functions, new_id=seeded_ids())
    effects: list[object] = []
    return MemoryService(model, now_ms=lambda: 1000, on_effect=effects.append), effects


def begun(service):
    request = StartRequest("f", name="run")
    arn = service.apply(lambda m, now: m.start_execution(request, now)).execution_arn
    invocation = service.apply(lambda m, now: m.begin_invocation(arn, now))
    return arn, invocation.input.checkpoint_token


def test_effects_are_handed_out_before_the_answer(service):
    service, effects = service
    arn, token = begun(service)
    assert [effect.execution_arn for effect in effects] == [arn]
    close = OperationUpdate("r", OperationType.EXECUTION, OperationAction.SUCCEED)
    service.checkpoint(CheckpointRequest(arn, token, (close,), ""))
    assert type(effects[-1]).__name__ == "ExecutionClosed"


def test_it_keeps_no_list_of_changes(service):
    service, _ = service
    arn, token = begun(service)
    service.checkpoint(CheckpointRequest(arn, token, (WAIT,), ""))
    assert service.model.state.changed == {}
    assert service.model.state.executions[arn].unsaved == {}


def test_refusals_reach_the_driver_as_checkpoint_errors(service):
    service, _ = service
    arn, token = begun(service)
    with pytest.raises(CheckpointError, match="Invalid checkpoint token") as caught:
        service.checkpoint(CheckpointRequest(arn, "YQ==", (), ""))
    assert caught.value.is_retryable
    twice = (WAIT, WAIT)
    with pytest.raises(CheckpointError, match="the same operation twice") as caught:
        service.checkpoint(CheckpointRequest(arn, token, twice, ""))
    assert not caught.value.is_retryable
    assert caught.value.code == "InvalidParameterValueException"
    with pytest.raises(CheckpointError, match="Invalid Marker"):
        service.load_page(arn, token, "nonsense")
    assert len(service.load_page(arn, token, "").operations) == 1
    with pytest.raises(ServiceError, match="does not exist"):
        service.apply(lambda m, now: m.stop("arn:nobody", None, now))


@pytest.mark.parametrize(
    ("error", "is_retryable"),
    [
        (ServiceError(ErrorCode.INVALID_PARAMETER_VALUE, "Invalid Checkpoint Token: old"), True),
        (ServiceError(ErrorCode.INVALID_PARAMETER_VALUE, "Invalid parent operation id."), False),
        (ServiceError(ErrorCode.VALIDATION, "1 validation error detected"), False),
        (ServiceError(ErrorCode.RESOURCE_NOT_FOUND, "gone"), False),
        (ServiceError(ErrorCode.TOO_MANY_REQUESTS, "slow down", retry_after_seconds=1), True),
        (ServiceError(ErrorCode.SERVICE, "oops"), True),
        (StoreError("the disk is full"), True),
    ],
)
def test_what_may_be_tried_again_is_decided_by_the_error(error, is_retryable):
    found = checkpoint_error(error)
    assert found.is_retryable is is_retryable
    assert str(found) == getattr(error, "message", str(error))
