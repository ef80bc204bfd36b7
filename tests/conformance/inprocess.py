"""A boto3 client whose requests never leave the process."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.awsrequest import AWSPreparedRequest

    from durable_testing.server import AsgiResponse

    Request = Callable[[str, str, Mapping[str, str], bytes], AsgiResponse]


class RawBody(io.BytesIO):
    """A response's body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def lambda_client(request: Request) -> Any:
    """Return a Lambda client that asks `request(method, target, headers, body)`."""
    client = boto3.client(
        "lambda",
        endpoint_url="http://127.0.0.1",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106
        config=Config(retries={"max_attempts": 0}),
    )

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        target = f"{url.path}?{url.query}" if url.query else url.path
        headers = {
            name: value.decode() if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        response = send(request.method, target, headers, _bytes(request.body))
        return AWSResponse(
            request.url, response.status, dict(response.headers), RawBody(response.body)
        )

    send = request
    client.meta.events.register("before-send.lambda", answer)
    return client


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes | bytearray) else body.read()
