from __future__ import annotations

import asyncio

import pytest

from durable_aws_lambda.invocation import InvocationService
from durable_aws_lambda.limits import Totals
from durable_core.lowlevel import (
    CheckpointError,
    CheckpointRequest,
    CheckpointResponse,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
    OperationUpdate,
    StatePage,
)

RECORD = Operation("id1", OperationType.WAIT, OperationStatus.SUCCEEDED, 1)
UPDATE = OperationUpdate("id2", OperationType.STEP, OperationAction.START)
REQUEST = CheckpointRequest("arn", "token", (UPDATE,), "client")


class Direct:
    """Answers at once."""

    def checkpoint(self, request, /):
        return CheckpointResponse("next", (RECORD,))

    def load_page(self, execution_arn, checkpoint_token, marker, /):
        return StatePage((RECORD,))


class Awaited(Direct):
    async def checkpoint(self, request, /):
        return super().checkpoint(request)

    async def load_page(self, execution_arn, checkpoint_token, marker, /):
        return super().load_page(execution_arn, checkpoint_token, marker)


@pytest.mark.parametrize("service", [Direct(), Awaited()])
def test_a_service_may_answer_at_once_or_later(service):
    guarded = InvocationService(service, Totals())
    assert asyncio.run(guarded.checkpoint(REQUEST)).checkpoint_token == "next"  # noqa: S105
    assert asyncio.run(guarded.load_page("arn", "token", "m")).operations == (RECORD,)


def test_what_the_service_reports_counts_against_the_limits():
    guarded = InvocationService(Direct(), Totals(max_operations=1))
    asyncio.run(guarded.load_page("arn", "token", "m"))
    with pytest.raises(CheckpointError, match=r"operation STEP \(id2\)"):
        asyncio.run(guarded.checkpoint(REQUEST))


def test_nothing_of_an_invocation_that_is_over_reaches_the_service():
    sent = []

    class Recording(Direct):
        def checkpoint(self, request, /):
            sent.append(request)
            return super().checkpoint(request)

    guarded = InvocationService(Recording(), Totals())
    guarded.end()
    with pytest.raises(CheckpointError, match="invocation is over"):
        asyncio.run(guarded.checkpoint(REQUEST))
    with pytest.raises(CheckpointError, match="invocation is over"):
        asyncio.run(guarded.load_page("arn", "token", "m"))
    assert sent == []


def test_an_answer_that_comes_after_the_end_is_not_acted_upon():
    class Late(Direct):
        async def checkpoint(self, request, /):
            guarded.end()
            return super().checkpoint(request)

    guarded = InvocationService(Late(), Totals())
    with pytest.raises(CheckpointError, match="invocation is over"):
        asyncio.run(guarded.checkpoint(REQUEST))
