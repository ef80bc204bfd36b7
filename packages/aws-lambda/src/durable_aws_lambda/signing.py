"""Signature Version 4, as `botocore.auth.SigV4Auth` computes it (a test compares the two).

`botocore.auth` costs 60 ms to import, for urllib3 and dateutil, on every cold start; what a durable
function signs needs three hashes.
"""

import hashlib
import hmac
import time
from functools import lru_cache
from string import ascii_letters, digits
from typing import Final, NamedTuple

SERVICE = "lambda"
_ALGORITHM = "AWS4-HMAC-SHA256"


UNRESERVED: Final = frozenset((ascii_letters + digits + "-_.~").encode())
_PATH: Final = UNRESERVED | {ord("/")}


@lru_cache(maxsize=16)
def _quote_again(path: str) -> str:
    """Encode the path once more: only S3 signs it as it was sent. An execution has two."""
    return quote_path(path)


class Credentials(NamedTuple):
    """What a request is signed with."""

    access_key: str
    secret_key: str
    session_token: str | None = None


class UnsignedRequest(NamedTuple):
    """A request line, its host and its body. `path` and `query` are already percent-encoded."""

    method: str
    host: str
    path: str
    query: str
    body: bytes


class Signer:
    """Signs requests to one region; keeps the day's key."""

    __slots__ = ("_day", "_key", "_region", "_secret")

    def __init__(self, region: str) -> None:
        self._region = region
        self._day = ""
        self._secret: str = ""
        self._key = b""

    def head(self, request: UnsignedRequest, credentials: Credentials, now: float) -> bytes:
        """Return the head of the signed request, the empty line included. `now` in seconds."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        signed = [
            ("content-type", "application/json"),
            ("host", request.host),
            ("x-amz-date", stamp),
        ]
        if credentials.session_token:
            signed.append(("x-amz-security-token", credentials.session_token))
        lines = [f"{name}:{value}\r\n" for name, value in signed]
        authorization = self._authorization(request, signed, stamp, credentials)
        target = f"{request.path}?{request.query}" if request.query else request.path
        return (
            f"{request.method} {target} HTTP/1.1\r\n"
            f"{''.join(lines)}"
            f"authorization:{authorization}\r\n"
            f"content-length:{len(request.body)}\r\n"
        ).encode("latin-1")

    def _authorization(
        self,
        request: UnsignedRequest,
        signed: list[tuple[str, str]],
        stamp: str,
        credentials: Credentials,
    ) -> str:
        names = ";".join(name for name, _ in signed)
        canonical = "\n".join(
            (
                request.method,
                _quote_again(request.path),
                request.query,
                *(f"{name}:{value.strip()}" for name, value in signed),
                "",
                names,
                hashlib.sha256(request.body).hexdigest(),
            )
        )
        day = stamp[:8]
        scope = f"{day}/{self._region}/{SERVICE}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.digest(
            self._signing_key(day, credentials.secret_key),
            f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode(),
            "sha256",
        ).hex()
        return (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )

    def _signing_key(self, day: str, secret: str) -> bytes:
        if day != self._day or secret != self._secret:
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, SERVICE, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._secret, self._key = day, secret, key
        return self._key


def quote_label(text: str) -> str:
    """Encode one label of a path, or a query's value: `/`, `:`, `+` and `=` too (service 1.0)."""
    return _quote(text, UNRESERVED)


def quote_path(path: str) -> str:
    """Encode a path that may be encoded already, as the signature wants it."""
    return _quote(path, _PATH)


def _quote(text: str, safe: frozenset[int]) -> str:
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in text.encode())
