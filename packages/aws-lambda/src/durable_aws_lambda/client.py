"""The default client: the two calls of the durable protocol over one warm connection."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from durable_aws_lambda.answers import (
    RefusedError,
    checkpoint_response,
    refused,
    state_page,
    unreadable,
)
from durable_aws_lambda.connection import READ_TIMEOUT_SECONDS, ConnectionPool
from durable_aws_lambda.credentials import CredentialSource, credential_source
from durable_aws_lambda.endpoints import Endpoint, region_of, resolve_endpoint
from durable_aws_lambda.response import BrokenResponseError, HttpResponse
from durable_aws_lambda.signing import Signer, UnsignedRequest, quote_label
from durable_aws_lambda.surroundings import RealSurroundings, Surroundings
from durable_core.lowlevel import CheckpointError, update_to_wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from durable_aws_lambda.retries import RetryPolicy
    from durable_core.lowlevel import CheckpointRequest, CheckpointResponse, StatePage

T = TypeVar("T")
_API = "/2025-12-01/durable-executions"
_PAGE_SIZE = 1000
_SUCCESS = range(200, 300)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_USER_AGENT = b"user-agent:durable-aws-lambda/0.1\r\n"


class Warm:
    """What the first call sets up and later ones use."""

    __slots__ = ("credentials", "endpoint", "pool", "signer")

    def __init__(
        self,
        endpoint: Endpoint,
        pool: ConnectionPool,
        signer: Signer,
        credentials: CredentialSource,
    ) -> None:
        self.endpoint = endpoint
        self.pool = pool
        self.signer = signer
        self.credentials = credentials


class LambdaClient:
    """A `DurableService` on the Lambda API, for one event loop and one invocation at a time.

    Nothing is read from the environment before the first call, and nothing is kept that a frozen or
    snapshotted process could not take up: connections are dropped by age, credentials are asked for
    anew. A call is sent again with its client token, so it is never applied twice.

    Args:
        endpoint: Where the API is; default: as botocore resolves it.
        region: What to sign for; default: `AWS_REGION`.
        credentials: Default: the environment's, else botocore's provider chain.
        policy: How often a refused call is sent again.
        surroundings: Clock, randomness and sleep.
        read_timeout_seconds: Longest silence while an answer is awaited.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint | None = None,
        region: str | None = None,
        credentials: CredentialSource | None = None,
        policy: RetryPolicy | None = None,
        surroundings: Surroundings | None = None,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._credentials = credentials
        self._policy = policy
        self._surroundings = surroundings or RealSurroundings()
        self._read_timeout_seconds = read_timeout_seconds
        self._warm: Warm | None = None
        self._deadline: float | None = None

    def begin_invocation(self, deadline: float | None) -> None:
        """Retry no later than `deadline`, in seconds since the epoch: the process ends then."""
        self._deadline = deadline

    async def checkpoint(self, request: CheckpointRequest, /) -> CheckpointResponse:
        """Make all updates durable, or none, and report what changed since the last call."""
        path = f"{_API}/{_label(request.execution_arn)}/checkpoint"
        body = _json_bytes(
            {
                "CheckpointToken": request.checkpoint_token,
                "ClientToken": request.client_token,
                "Updates": [update_to_wire(update) for update in request.updates],
            }
        )

        async def attempt_once() -> CheckpointResponse:
            return checkpoint_response(await self._exchange("POST", path, "", body))

        return await self._send(attempt_once)

    async def load_page(
        self, execution_arn: str, checkpoint_token: str, marker: str, /
    ) -> StatePage:
        """Return the page of recorded operations behind `marker`."""
        path = f"{_API}/{_label(execution_arn)}/state"
        # In the order of the names, as the signature wants it.
        query = (
            f"CheckpointToken={quote_label(checkpoint_token)}"
            f"&Marker={quote_label(marker)}&MaxItems={_PAGE_SIZE}"
        )

        async def attempt_once() -> StatePage:
            return state_page(await self._exchange("GET", path, query, b""), marker)

        return await self._send(attempt_once)

    def close(self) -> None:
        """Close the connections; the next call opens a new one."""
        if self._warm is not None:
            self._warm.pool.close()

    async def _send(self, attempt_once: Callable[[], Awaitable[T]]) -> T:
        try:
            return await attempt_once()
        except RefusedError as error:
            refusal = error
        # Late: a cold start does not wait for what is seldom refused.
        from durable_aws_lambda.retries import RetryPolicy, resend  # noqa: PLC0415

        policy = self._policy or RetryPolicy()
        return await resend(refusal, attempt_once, policy, self._surroundings, self._deadline)

    def _warm_up(self) -> Warm:
        if self._warm is None:
            region = self._region or region_of(os.environ)
            endpoint = self._endpoint or resolve_endpoint(region)
            self._warm = Warm(
                endpoint,
                ConnectionPool(endpoint, self._surroundings.now),
                Signer(region),
                self._credentials or credential_source(),
            )
        return self._warm

    async def _exchange(self, method: str, path: str, query: str, body: bytes) -> Any:
        """Send one request, once; raises `RefusedError` for anything but a readable success."""
        warm = self._warm_up()
        endpoint = warm.endpoint
        request = UnsignedRequest(
            method, endpoint.host_header, endpoint.base_path + path, query, body
        )
        try:
            credentials = await warm.credentials.current()
        except CheckpointError:
            raise
        except Exception as error:
            raise refused("CredentialsError", f"no credentials: {error}") from error
        head = warm.signer.head(request, credentials, self._surroundings.now())
        message = b"".join((head, _USER_AGENT, _trace_header(), b"\r\n", body))
        try:
            response = await warm.pool.request(message, self._read_timeout_seconds)
        except (OSError, BrokenResponseError) as error:
            raise refused(type(error).__name__, str(error) or "the call failed") from error
        return _read(response)


@lru_cache(maxsize=8)
def _label(execution_arn: str) -> str:
    """Return the ARN as one label of a path, `/` and `:` encoded (service 1.0)."""
    return quote_label(execution_arn)


def _trace_header() -> bytes:
    """Return the invocation's trace header, unsigned, as botocore adds it on Lambda."""
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    return f"x-amzn-trace-id:{trace}\r\n".encode("latin-1", "replace") if trace else b""


def _json_bytes(wire: dict[str, Any]) -> bytes:
    text = _encode(wire)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, from a file name in an error message
        return json.dumps(wire).encode()


def _read(response: HttpResponse) -> Any:
    """Return the members of a success, or raise what was refused."""
    is_success = response.status in _SUCCESS
    try:
        wire: Any = json.loads(response.body) if response.body else {}
    except ValueError as error:
        if is_success:
            raise unreadable(f"the answer is not JSON: {error}") from error
        wire = None
    if not is_success:
        # Late: see `refused`.
        from durable_aws_lambda.classify import refusal_from_wire  # noqa: PLC0415

        raise RefusedError(refusal_from_wire(response.status, response.headers, wire))
    return wire
