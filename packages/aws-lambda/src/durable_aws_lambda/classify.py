"""What an error of the service means (service 1.12): a table, looked up by code and status."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from durable_core.lowlevel import CheckpointError


class Verdict(Enum):
    """What to do about a refused call."""

    RESEND = "resend"
    """Send the same call again; when that does not help either, raise."""
    RAISE = "raise"
    """Raise out of the handler: the service invokes again, with a new token."""
    FAIL = "fail"
    """No repetition mends it: the execution ends FAILED."""


class Refusal(NamedTuple):
    """An answer that is no success. Without a status: no answer, or one that cannot be read."""

    code: str
    message: str
    status: int | None = None
    retry_after_seconds: float | None = None


_INVALID_PARAMETER = "InvalidParameterValueException"
_STALE_TOKEN = "invalid checkpoint token"  # noqa: S105  a message; compared without case

VERDICT_BY_CODE: dict[str, Verdict] = {
    # KMS errors come as 502, and only the key's owner can mend them.
    "KMSAccessDeniedException": Verdict.FAIL,
    "KMSDisabledException": Verdict.FAIL,
    "KMSInvalidStateException": Verdict.FAIL,
    "KMSNotFoundException": Verdict.FAIL,
    # Throttles, whatever their status.
    "TooManyRequestsException": Verdict.RESEND,
    "ThrottlingException": Verdict.RESEND,
    "Throttling": Verdict.RESEND,
    "RequestLimitExceeded": Verdict.RESEND,
    "RequestTimeout": Verdict.RESEND,
    "RequestTimeoutException": Verdict.RESEND,
    # The credentials ended while the process was frozen: the next invocation has others.
    "ExpiredTokenException": Verdict.RAISE,
    "RequestExpired": Verdict.RAISE,
}
VERDICT_BY_STATUS: dict[int, Verdict] = {429: Verdict.RESEND, 408: Verdict.RESEND}
_CLIENT_ERRORS = range(400, 500)


def verdict_on(refusal: Refusal) -> Verdict:
    """Return what to do: by code, then by status; what is unknown is sent again."""
    if refusal.code == _INVALID_PARAMETER and is_stale_token(refusal.message):
        return Verdict.RAISE
    by_code = VERDICT_BY_CODE.get(refusal.code)
    if by_code is not None:
        return by_code
    if refusal.status is None:
        return Verdict.RESEND
    by_status = VERDICT_BY_STATUS.get(refusal.status)
    if by_status is not None:
        return by_status
    return Verdict.FAIL if refusal.status in _CLIENT_ERRORS else Verdict.RESEND


def is_stale_token(message: str) -> bool:
    """Whether the invocation is superseded, or the execution closed."""
    return message.lower().startswith(_STALE_TOKEN)


def error_of(refusal: Refusal, verdict: Verdict) -> CheckpointError:
    """Return the error that the host raises, or fails the execution with."""
    where = refusal.code if refusal.status is None else f"{refusal.code}, HTTP {refusal.status}"
    return CheckpointError(
        # The service's words first: the driver knows one refusal by how it begins.
        f"{refusal.message or 'the service refused'} ({where})",
        code=refusal.code,
        is_retryable=verdict is not Verdict.FAIL,
    )


def refusal_from_wire(status: int, headers: Mapping[str, str], wire: Any) -> Refusal:
    """Read an error answer: its type from the header or body, its message in either case (1.0)."""
    body: Mapping[str, Any] = wire if hasattr(wire, "get") else {}
    code = headers.get("x-amzn-errortype") or body.get("__type") or body.get("code") or ""
    # `Code:http://…` and `namespace#Code` are both seen in rest-json.
    code = str(code).partition(":")[0].rpartition("#")[2] or f"HTTP{status}"
    message = body.get("message") or body.get("Message") or body.get("errorMessage") or ""
    return Refusal(code, str(message), status, _seconds(headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:  # an HTTP date; the backoff decides then
        return None
