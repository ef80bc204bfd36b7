"""What a store says when it cannot do its work, and how the service's refusals reach a driver."""

from __future__ import annotations

from durable_core.lowlevel import CheckpointError
from durable_testing.model.errors import INVALID_TOKEN, ErrorCode, ServiceError


class StoreError(Exception):
    """The store cannot be used: not our file, another version, or the disk refused."""


class ExecutionInUseError(StoreError):
    """Another live process runs this execution."""


def checkpoint_error(error: Exception) -> CheckpointError:
    """Return a refusal as the driver wants it: may the invocation be tried again (service 1.12)."""
    if not isinstance(error, ServiceError):
        return CheckpointError(str(error), code=ErrorCode.SERVICE.value, is_retryable=True)
    status = error.form.status
    is_superseded = error.message.lower().startswith(INVALID_TOKEN.lower())
    is_retryable = is_superseded or status == 429 or status >= 500  # noqa: PLR2004  HTTP
    return CheckpointError(error.message, code=error.code.value, is_retryable=is_retryable)
