"""The service as one invocation may use it: counted, and shut once the invocation is over."""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING

from durable_core.lowlevel import CheckpointError

if TYPE_CHECKING:
    from durable_aws_lambda.limits import Totals
    from durable_core.lowlevel import (
        CheckpointRequest,
        CheckpointResponse,
        DurableService,
        StatePage,
    )


class InvocationService:
    """A `DurableService` for one invocation.

    The process and its client outlive the invocation; what is left of it (a thread that still runs
    a step, a task that somebody kept) must not act in the next one.
    """

    __slots__ = ("_is_over", "_service", "_totals")

    def __init__(self, service: DurableService, totals: Totals) -> None:
        self._service = service
        self._totals = totals
        self._is_over = False

    async def checkpoint(self, request: CheckpointRequest, /) -> CheckpointResponse:
        """Count the updates, then make them durable."""
        self._check_open()
        self._totals.add_updates(request.updates)
        answer = self._service.checkpoint(request)
        response = await answer if isawaitable(answer) else answer
        self._totals.add_records(response.operations)
        self._check_open()
        return response

    async def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage:
        """Return the page of recorded operations behind `marker`."""
        self._check_open()
        answer = self._service.load_page(execution_arn, checkpoint_token, marker)
        page = await answer if isawaitable(answer) else answer
        self._totals.add_records(page.operations)
        self._check_open()
        return page

    def end(self) -> None:
        """Refuse every call from now on."""
        self._is_over = True

    def _check_open(self) -> None:
        if self._is_over:
            raise CheckpointError(
                "this invocation is over; what still runs of it has no say",
                code="InvocationOver",
                is_retryable=True,
            )
