"""The recorded form of what a promise combinator came to.

Values are written by the default serdes. A value it cannot write (one that only its operation's
annotation brings back) is written as a reference to the operation that has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from durable_core._engine.failures import error_object, restored
from durable_core._engine.payloads import decode, encode
from durable_core._protocol.records import ErrorObject, OperationStatus
from durable_core._protocol.wire import error_from_wire, error_to_wire
from durable_core._values import errors
from durable_core._values.errors import DurableOperationError, PromiseError, SerDesError, StepError
from durable_core._values.serdes import DEFAULT_SERDES
from durable_core._values.settled import Settled

if TYPE_CHECKING:
    from durable_core._engine.operation import ClaimedOperation
    from durable_core._protocol.records import Operation

_CLASSES: dict[str, type[DurableOperationError]] = {
    kind.__name__: kind
    for kind in (
        errors.StepError,
        errors.StepInterruptedError,
        errors.InvokeError,
        errors.ChildContextError,
        errors.WaitForConditionError,
        errors.BatchError,
        errors.PromiseError,
        errors.CallbackTimeoutError,
        errors.CallbackFailedError,
        errors.CallbackSubmitterError,
    )
}
IsDurable: TypeAlias = Callable[[int], bool]
_REFERENCE = "$operation"
_NOTHING_SUCCEEDED = "none of the awaitables succeeded"


class Ended(NamedTuple):
    """How one input ended."""

    value: Any
    error: BaseException | None


class Outcome(NamedTuple):
    """What was decided, and by which inputs."""

    combination: str
    inputs: dict[int, Ended]


def written(
    outcome: Outcome, operation: ClaimedOperation[Any], is_durable: IsDurable
) -> tuple[str | None, ErrorObject | None]:
    """The payload of SUCCEED, or the error of FAIL.

    `is_durable` tells whether a replay has an input's value from the input's own record.
    """
    ends = outcome.inputs
    match outcome.combination:
        case "all":
            failed = [ended.error for ended in ends.values() if ended.error is not None]
            if failed:
                return None, _error(failed[0])
            return _values(ends, operation, is_durable), None
        case "all_settled":
            return _settled(ends, operation, is_durable), None
        case "any" if all(ended.error is not None for ended in ends.values()):
            wires = [error_to_wire(_error(e.error)) for e in ends.values() if e.error is not None]
            data = json.dumps(wires)
            return None, ErrorObject(_NOTHING_SUCCEEDED, "durable_core.PromiseError", data)
        case _:
            ((index, ended),) = [
                (index, ended)
                for index, ended in ends.items()
                if ended.error is None or outcome.combination == "race"
            ][:1]
            if ended.error is not None:
                return None, _error(ended.error)
            return _value(index, ended.value, operation, is_durable), None


def _error(error: BaseException) -> ErrorObject:
    """The error with its class, so that a replay raises the same one."""
    record = error_object(error)
    name = type(error).__name__
    if isinstance(error, DurableOperationError) and name in _CLASSES:
        return record._replace(data=json.dumps({"class": name, "data": record.data}))
    return record


def _restored(record: ErrorObject | None, operation: ClaimedOperation[Any]) -> Exception:
    kind: type[DurableOperationError] = StepError
    if record is not None and record.data is not None and record.data.startswith('{"class": '):
        wire: Any = json.loads(record.data)
        kind = _CLASSES.get(wire["class"], StepError)
        record = record._replace(data=wire["data"])
    return restored(kind, record, operation)


def _value(
    index: int, value: Any, operation: ClaimedOperation[Any], is_durable: IsDurable
) -> str | None:
    try:
        return encode(DEFAULT_SERDES, value, operation)[0]
    except SerDesError:
        if not is_durable(index):
            raise
        return json.dumps({_REFERENCE: [index]})


def _values(
    ends: dict[int, Ended], operation: ClaimedOperation[Any], is_durable: IsDurable
) -> str | None:
    try:
        return encode(DEFAULT_SERDES, [ended.value for ended in ends.values()], operation)[0]
    except SerDesError:
        if not all(is_durable(index) for index in ends):
            raise
        return json.dumps({_REFERENCE: list(ends)})


def _settled(
    ends: dict[int, Ended], operation: ClaimedOperation[Any], is_durable: IsDurable
) -> str:
    entries: list[dict[str, Any]] = []
    for index, ended in ends.items():
        if ended.error is None:
            entries.append(
                {"status": "SUCCEEDED", "value": _value(index, ended.value, operation, is_durable)}
            )
        else:
            entries.append({"status": "FAILED", "error": error_to_wire(_error(ended.error))})
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))


def read(
    combination: str,
    record: Operation,
    operation: ClaimedOperation[Any],
    value_of: Callable[[int], Any],
) -> Any:
    """The outcome of a recorded combinator, or the error raised."""
    if record.status is not OperationStatus.SUCCEEDED:
        error = record.error
        if error is not None and error.type == "durable_core.PromiseError" and error.data:
            raise _nothing_succeeded(error, operation)
        raise _restored(error, operation)
    if combination == "all_settled":
        entries: list[dict[str, Any]] = json.loads(record.result or "[]")
        return [_read_settled(entry, operation, value_of) for entry in entries]
    if (record.result or "").startswith(f'{{"{_REFERENCE}"'):
        indexes: list[int] = json.loads(record.result or "")[_REFERENCE]
        values = [value_of(index) for index in indexes]
        return values if combination == "all" else values[0]
    return decode(DEFAULT_SERDES, record.result, operation)


def _read_settled(
    entry: dict[str, Any], operation: ClaimedOperation[Any], value_of: Callable[[int], Any]
) -> Settled[Any]:
    if entry["status"] == "FAILED":
        error: Any = _restored(error_from_wire(entry["error"]), operation)
        return Settled(None, error)
    text: str | None = entry["value"]
    if (text or "").startswith(f'{{"{_REFERENCE}"'):
        return Settled(value_of(json.loads(text or "")[_REFERENCE][0]))
    return Settled(decode(DEFAULT_SERDES, text, operation))


def _nothing_succeeded(record: ErrorObject, operation: ClaimedOperation[Any]) -> PromiseError:
    error = PromiseError(
        record.message,
        record.type,
        None,
        record.stack_trace,
        operation_id=operation.operation_id,
        operation_name=operation.name,
    )
    wires: list[dict[str, Any]] = json.loads(record.data or "[]")
    error.errors = tuple(_restored(error_from_wire(wire), operation) for wire in wires)
    return error
