"""Stops a run at the invoke of a function that was not given, before anything is recorded of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import OperationType
from durable_testing.engine import UnknownFunctionError, answer_of, serving, spelled

if TYPE_CHECKING:
    from collections.abc import Collection

    from durable_core.lowlevel import (
        CheckpointRequest,
        CheckpointResponse,
        DurableService,
        OperationUpdate,
        StatePage,
    )


class CheckedService:
    """A service that starts no invoke of a function that nobody gave.

    Args:
        service: The service.
        given: The names of the functions, with or without a qualifier.
    """

    __slots__ = ("_given", "_service")

    def __init__(self, service: DurableService, given: Collection[str]) -> None:
        self._service = service
        self._given = given

    async def checkpoint(self, request: CheckpointRequest, /) -> CheckpointResponse:
        """Pass the batch on; of one with such an invoke the other operations, which are done.

        Raises:
            UnknownFunctionError: It holds one.
        """
        missing = [update for update in request.updates if self._is_missing(update)]
        if not missing:
            return await answer_of(self._service.checkpoint(request))
        rest = tuple(update for update in request.updates if not self._is_missing(update))
        if rest:
            await answer_of(self._service.checkpoint(request._replace(updates=rest)))
        raise _missing(missing[0])

    async def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage:
        """Pass the question on."""
        return await answer_of(self._service.load_page(execution_arn, checkpoint_token, marker))

    def _is_missing(self, update: OperationUpdate) -> bool:
        is_invoke = update.type is OperationType.CHAINED_INVOKE
        return is_invoke and serving(update.function_name or "", self._given) is None


def _missing(update: OperationUpdate) -> UnknownFunctionError:
    target = update.function_name or ""
    caller = f"the invoke {update.name!r}" if update.name else "an invoke without a name"
    return UnknownFunctionError(
        f"{caller} calls the function {target!r}, which was not given",
        spelled(target).partition(":")[0],
    )
