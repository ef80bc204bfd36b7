"""What a caller may set: functions and the service's limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from durable_core import lowlevel

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY_MS: Final = 86_400_000
MAX_EXECUTION_DAYS: Final = 366
"""No execution lives longer, paused or not (service 1.8, 5.1)."""
MAX_SYNC_TIMEOUT_SECONDS: Final = 900
"""Longest execution timeout a synchronous invoke accepts (service 1.10)."""
LATEST: Final = "$LATEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionConfig:
    """A function the service knows.

    Attributes:
        name: Its bare name.
        execution_timeout_seconds: How long an execution may take in all. None: a plain function.
        retention_days: How long a closed execution is kept.
        timeout_seconds: How long one invocation may take; enforced by the host, not by the model.
        versions: The published versions.
        aliases: The version behind each alias.
        other_version: The version behind all other qualifiers. None: there are no others.
    """

    name: str
    execution_timeout_seconds: int | None = None
    retention_days: int = 14
    timeout_seconds: int = 900
    versions: tuple[str, ...] = ("1",)
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    other_version: str | None = None

    @property
    def is_durable(self) -> bool:
        """Whether its invocations are executions."""
        return self.execution_timeout_seconds is not None

    def version_of(self, qualifier: str | None) -> str | None:
        """The version behind a qualifier, None when there is none; no qualifier is `$LATEST`."""
        if qualifier is None or qualifier == LATEST:
            return LATEST
        if qualifier in self.versions:
            return qualifier
        return self.aliases.get(qualifier, self.other_version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """The service's limits and schedules (service 10.5); sizes are UTF-8 bytes.

    Attributes:
        max_operations: Billed operations of one execution; start, retries, re-invocations count.
        max_storage_bytes: Payload and error bytes written by one execution.
        max_payload_bytes: Result of a step, wait, callback or context.
        max_error_bytes: An error object as compact JSON.
        max_async_result_bytes: Result of an asynchronous or chained execution.
        state_page_operations: Records on one page of state.
        state_page_bytes: Bytes on one page of state.
        first_page_operations: Records in the invocation event; 0 sends an empty first page.
            None: as `state_page_operations`.
        invocation_attempts: Failed invocations in a row after which the execution fails.
        invocation_backoff_seconds: Pause before the second attempt; doubles from there.
        pending_strikes: PENDING answers in a row with nothing pending after which it fails.
        idempotency_window_ms: How long a client token is remembered.
        timeout_message: The local error of a timed-out execution; None for none, as AWS does.
        needs_qualifier: Whether a durable function must be named with version or alias.
        unqualified_advice: What is said beside the service's refusal of one that is not; `{name}`
            stands for the function. The service says nothing.
    """

    region: str = "us-east-1"
    account: str = "123456789012"
    max_operations: int = lowlevel.MAX_OPERATIONS
    max_storage_bytes: int = lowlevel.MAX_STORAGE_BYTES
    max_payload_bytes: int = lowlevel.MAX_PAYLOAD_BYTES
    max_error_bytes: int = lowlevel.MAX_ERROR_BYTES
    max_invoke_bytes: int = lowlevel.MAX_INVOKE_PAYLOAD_BYTES
    max_callback_result_bytes: int = lowlevel.MAX_CALLBACK_RESULT_BYTES
    max_result_bytes: int = lowlevel.MAX_RESPONSE_BYTES
    max_async_result_bytes: int = lowlevel.MAX_INVOKE_PAYLOAD_BYTES
    state_page_operations: int = 1000
    state_page_bytes: int = 5 * 1024 * 1024
    first_page_operations: int | None = None
    invocation_attempts: int = 5
    invocation_backoff_seconds: int = 1
    pending_strikes: int = 3
    idempotency_window_ms: int = 15 * 60 * 1000
    timeout_message: str | None = "Execution timed out after {seconds} seconds."
    needs_qualifier: bool = True
    unqualified_advice: str = ""

    def function_arn(self, name: str, version: str | None = None) -> str:
        """The ARN of a function, qualified when `version` is given."""
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
        return arn if version is None else f"{arn}:{version}"
