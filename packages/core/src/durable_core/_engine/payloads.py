"""Values to recorded text and back, for one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core._protocol.limits import (
    MAX_INVOKE_PAYLOAD_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_RESPONSE_BYTES,
    utf8_size,
)
from durable_core._values.errors import CheckpointError, SerDesError
from durable_core._values.serdes import (
    DEFAULT_SERDES,
    SerDesContext,
    decode_with,
    encode_with,
)

if TYPE_CHECKING:
    from durable_core._engine.operation import ClaimedOperation
    from durable_core._values.serdes import SerDes


def serdes_context(operation: ClaimedOperation[Any], entity: str) -> SerDesContext:
    """What a serdes is told of the value."""
    return SerDesContext(
        operation.operation_id, operation.name, operation.engine.execution_arn, entity
    )


def encode(
    serdes: SerDes[Any], value: Any, operation: ClaimedOperation[Any], entity: str = "result"
) -> tuple[str | None, Any]:
    """The text to record and the value as everybody sees it: decoded from the text.

    Raises:
        SerDesError: The value cannot be written without losing something.
    """
    if serdes is DEFAULT_SERDES:
        try:
            return DEFAULT_SERDES.encode(value)
        except SerDesError:
            pass  # asked again, with a context for the message
    try:
        return encode_with(serdes, value, serdes_context(operation, entity))
    except CheckpointError as error:
        _store_is_away(error, operation)
        raise


def decode(
    serdes: SerDes[Any], text: str | None, operation: ClaimedOperation[Any], entity: str = "result"
) -> Any:
    """The value of a recorded text.

    Raises:
        SerDesError: The text cannot be read.
    """
    if serdes is DEFAULT_SERDES:
        try:
            return DEFAULT_SERDES.deserialize(text)
        except SerDesError:
            pass  # asked again, with a context for the message
    try:
        return decode_with(serdes, text, serdes_context(operation, entity))
    except CheckpointError as error:
        _store_is_away(error, operation)
        raise


def _store_is_away(error: CheckpointError, operation: ClaimedOperation[Any]) -> None:
    """End the invocation, whoever catches the error: workflow code must not decide by it."""
    operation.engine.fail(error, error.__cause__)


def is_too_large(text: str | None) -> bool:
    """Whether the service would refuse it as a result."""
    return _exceeds(text, MAX_PAYLOAD_BYTES)


def _exceeds(text: str | None, limit: int) -> bool:
    if text is None or len(text) * 4 <= limit:
        return False
    return utf8_size(text) > limit


def check_size(text: str | None, operation: ClaimedOperation[Any], what: str = "result") -> None:
    """Refuse a payload that the service would refuse with its whole batch (service 5.2).

    Raises:
        SerDesError: It is larger than 256 KB.
    """
    if text is not None and is_too_large(text):
        size = utf8_size(text)
        label = operation.name or operation.operation_id[:8]
        raise SerDesError(
            f"the {what} of {operation.subtype} {label!r} takes {size:,} bytes; the service keeps "
            f"at most {MAX_PAYLOAD_BYTES:,}. Return less, store it elsewhere and return a "
            "reference, or pass serdes=FileSystemSerDes(...)"
        )


def check_handler_result(text: str | None) -> None:
    """Refuse a result that the service takes neither in the response nor in a checkpoint.

    Raises:
        SerDesError: It is larger than 6 MB.
    """
    if text is not None and _exceeds(text, MAX_RESPONSE_BYTES):
        raise SerDesError(
            f"the handler's result takes {utf8_size(text):,} bytes; the service keeps at most "
            f"{MAX_RESPONSE_BYTES:,} ({MAX_INVOKE_PAYLOAD_BYTES:,} of an execution that was "
            "started asynchronously or by invoke()). Return less, or store it elsewhere and return "
            "a reference"
        )
