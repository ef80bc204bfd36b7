"""The same two calls through a boto3 Lambda client, in a thread of their own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from durable_aws_lambda.answers import RefusedError, checkpoint_response, state_page
from durable_aws_lambda.classify import Refusal
from durable_aws_lambda.retries import RetryPolicy, send_with_retries
from durable_aws_lambda.surroundings import RealSurroundings, Surroundings
from durable_core.lowlevel import update_to_wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_core.lowlevel import CheckpointRequest, CheckpointResponse, StatePage

T = TypeVar("T")
_PAGE_SIZE = 1000
_OWN_POLICY = RetryPolicy(max_attempts=2)
"""boto3 has retried already by its own configuration; once more is for what it does not retry."""


class BotoClient:
    """A `DurableService` over `boto3.client("lambda")`: its endpoint, retries and timeouts.

    Its calls block, so they run in one thread; a call that is abandoned ends there unnoticed.
    """

    def __init__(
        self,
        client: Any,
        *,
        policy: RetryPolicy = _OWN_POLICY,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._client = client
        self._policy = policy
        self._surroundings = surroundings or RealSurroundings()
        self._deadline: float | None = None
        self._thread: ThreadPoolExecutor | None = None

    def begin_invocation(self, deadline: float | None) -> None:
        """Retry no later than `deadline`, in seconds since the epoch: the process ends then."""
        self._deadline = deadline

    async def checkpoint(self, request: CheckpointRequest, /) -> CheckpointResponse:
        """Make all updates durable, or none, and report what changed since the last call."""
        arguments: dict[str, Any] = {
            "DurableExecutionArn": request.execution_arn,
            "CheckpointToken": request.checkpoint_token,
            "ClientToken": request.client_token,
            "Updates": [update_to_wire(update) for update in request.updates],
        }

        async def attempt_once() -> CheckpointResponse:
            call = self._client.checkpoint_durable_execution
            return checkpoint_response(await self._call(call, arguments))

        return await self._send(attempt_once)

    async def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage:
        """Return the page of recorded operations behind `marker`."""
        arguments: dict[str, Any] = {
            "DurableExecutionArn": execution_arn,
            "CheckpointToken": checkpoint_token,
            "Marker": marker,
            "MaxItems": _PAGE_SIZE,
        }

        async def attempt_once() -> StatePage:
            call = self._client.get_durable_execution_state
            return state_page(await self._call(call, arguments), marker)

        return await self._send(attempt_once)

    def close(self) -> None:
        """Let the thread end; the boto3 client stays the caller's."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _send(self, attempt_once: Callable[[], Awaitable[T]]) -> T:
        return await send_with_retries(
            attempt_once, self._policy, self._surroundings, self._deadline
        )

    async def _call(self, method: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="durable-boto3")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: method(**arguments))
        except Exception as error:
            raise RefusedError(refusal_of(error)) from error


def refusal_of(error: Exception) -> Refusal:
    """Read a botocore error without importing botocore: `ClientError` carries `response`."""
    response: dict[str, Any] | None = getattr(error, "response", None)
    if response is None:
        return Refusal(type(error).__name__, str(error))
    details: dict[str, Any] = response.get("Error") or {}
    metadata: dict[str, Any] = response.get("ResponseMetadata") or {}
    return Refusal(
        str(details.get("Code") or type(error).__name__),
        str(details.get("Message") or error),
        metadata.get("HTTPStatusCode"),
    )
