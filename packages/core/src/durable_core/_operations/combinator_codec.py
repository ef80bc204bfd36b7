"""The recorded form of what a promise combinator came to.

Values are written by the default serdes. A value it cannot write (one that only its operation's
annotation brings back) is written as a reference to the operation that has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from durable_core._engine.failures import error_object, restored
from durable_core._engine.payloads import check_size, decode, encode, is_too_large
from durable_core._protocol.limits import MAX_ERROR_BYTES
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
_LIMITS = (MAX_ERROR_BYTES, 16_384, 4_096, 1_536, 1_024)
"""Of each error of a `PromiseError`: the first with which all of them fit."""
_ROOM = 1_024
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
    text, error = _written(outcome, operation, is_durable)
    if is_too_large(text):
        # Larger together than the service keeps: the operations' own records hold them.
        text, error = _written(outcome, operation, is_durable, refers=True)
        check_size(text, operation)
    return text, error


def _written(
    outcome: Outcome,
    operation: ClaimedOperation[Any],
    is_durable: IsDurable,
    *,
    refers: bool = False,
) -> tuple[str | None, ErrorObject | None]:
    ends = outcome.inputs
    match outcome.combination:
        case "all":
            failed = [ended.error for ended in ends.values() if ended.error is not None]
            if failed:
                return None, _error(failed[0])
            return _values(ends, operation, is_durable, refers=refers), None
        case "all_settled":
            return _settled(ends, operation, is_durable, refers=refers), None
        case "any" if all(ended.error is not None for ended in ends.values()):
            return None, _all_errors([e.error for e in ends.values() if e.error is not None])
        case _:
            ((index, ended),) = [
                (index, ended)
                for index, ended in ends.items()
                if ended.error is None or outcome.combination == "race"
            ][:1]
            if ended.error is not None:
                return None, _error(ended.error)
            return _value(index, ended.value, operation, is_durable, refers=refers), None


def _all_errors(errors: list[BaseException]) -> ErrorObject:
    """The error of a combinator none of whose inputs succeeded, with as much of each as fits."""
    data = None
    for limit in _LIMITS:
        data = json.dumps([error_to_wire(_error(error, limit)) for error in errors])
        if len(data) + data.count('"') + data.count("\\") <= MAX_ERROR_BYTES - _ROOM:
            break
    return ErrorObject(_NOTHING_SUCCEEDED, "durable_core.PromiseError", data)


def _error(error: BaseException, limit: int = MAX_ERROR_BYTES) -> ErrorObject:
    """The error with its class, so that a replay raises the same one."""
    record = error_object(error, limit)
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
    index: int,
    value: Any,
    operation: ClaimedOperation[Any],
    is_durable: IsDurable,
    *,
    refers: bool,
) -> str | None:
    try:
        if not (refers and is_durable(index)):
            return encode(DEFAULT_SERDES, value, operation)[0]
    except SerDesError:
        if not is_durable(index):
            raise
    return json.dumps({_REFERENCE: [index]})


def _values(
    ends: dict[int, Ended],
    operation: ClaimedOperation[Any],
    is_durable: IsDurable,
    *,
    refers: bool,
) -> str | None:
    are_durable = all(is_durable(index) for index in ends)
    try:
        if not (refers and are_durable):
            return encode(DEFAULT_SERDES, [ended.value for ended in ends.values()], operation)[0]
    except SerDesError:
        if not are_durable:
            raise
    return json.dumps({_REFERENCE: list(ends)})


def _settled(
    ends: dict[int, Ended],
    operation: ClaimedOperation[Any],
    is_durable: IsDurable,
    *,
    refers: bool,
) -> str:
    entries: list[dict[str, Any]] = []
    for index, ended in ends.items():
        if ended.error is None:
            value = _value(index, ended.value, operation, is_durable, refers=refers)
            entries.append({"status": "SUCCEEDED", "value": value})
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
