"""What a replay expected and what it found, as a small tree with file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core._values.errors import NonDeterministicExecutionError, SerDesError

if TYPE_CHECKING:
    from durable_core._journal.journal import Journal
    from durable_core._protocol.records import Operation, OperationUpdate

_SHOWN = 8
_REMEDY = (
    "Code that executions in flight still replay must ask for the same operations in the same "
    "order: undo the change, or let them finish on the version they started on (publish a version "
    "and an alias), or branch on something recorded. "
    "This execution has ended with this error: start another once the code fits."
)
_FIT = (
    "A result that executions in flight have recorded must still fit its type: give new fields a "
    "default, or let them finish on the version they started on (publish a version and an alias). "
    "This execution has ended with this error: start another once the code fits."
)


def describe(kind: str, subtype: str | None, name: str | None) -> str:
    """An operation in words: `Step 'charge'`, `Wait (unnamed)`."""
    return f"{subtype or kind} {name!r}" if name is not None else f"{subtype or kind} (unnamed)"


def _described(record: Operation) -> str:
    return f"{describe(record.type, record.subtype, record.name)}  {record.status}"


def _differences(record: Operation, called: OperationUpdate) -> str:
    pairs = (
        ("type", record.type.value, called.type.value),
        ("subtype", record.subtype, called.subtype),
        ("name", record.name, called.name),
        ("parent", record.parent_id, called.parent_id),
    )
    return ", ".join(f"{what} {old!r} became {new!r}" for what, old, new in pairs if old != new)


def mismatch(
    record: Operation, called: OperationUpdate, path: str, site: object
) -> NonDeterministicExecutionError:
    """A call, as its update would show it, claims a record of another operation."""
    what = describe(called.type, called.subtype, called.name)
    return NonDeterministicExecutionError(
        f"at operation {path!r}: the journal has "
        f"{describe(record.type, record.subtype, record.name)}, the code called "
        f"{what} ({site}): {_differences(record, called)}.\n"
        f"  {path}\n"
        f"  ├─ recorded  {_described(record)}\n"
        f"  └─ called    {what}  at {site}\n{_REMEDY}",
        operation_id=record.id,
    )


def other_count(
    record: Operation, recorded: str, given: int, site: object
) -> NonDeterministicExecutionError:
    """A finished batch is asked for with another number of items."""
    return NonDeterministicExecutionError(
        f"the journal has {describe(record.type, record.subtype, record.name)} over {recorded} "
        f"item(s), the code gives it {given} ({site}): the items of a finished one have to stay "
        f"as many.\n{_REMEDY}",
        operation_id=record.id,
    )


def unclaimed(
    journal: Journal,
    parent_id: str | None,
    where: str,
    how: str,
    cause: BaseException | None = None,
) -> NonDeterministicExecutionError:
    """A context ended though records of its operations were never asked for."""
    seen = journal.claimed_ids
    left = [r for r in journal.records.values() if r.parent_id == parent_id and r.id not in seen]
    lines = [f"  ├─ recorded, not called  {_described(record)}" for record in left[:_SHOWN]]
    if len(left) > _SHOWN:
        lines.append(f"  ├─ … and {len(left) - _SHOWN} more")
    tree = "\n".join([f"  {where}", *lines, f"  └─ {how}"])
    if isinstance(cause, SerDesError):
        return NonDeterministicExecutionError(
            f"{where} raised this on its replay: {cause}\nTherefore {len(left)} recorded "
            f"operation(s) in it were never asked for.\n{tree}\n{_FIT}",
            operation_id=left[0].id if left else None,
        )
    return NonDeterministicExecutionError(
        f"{where} {how}, but {len(left)} recorded operation(s) in it were never asked for by this "
        f"replay.\n{tree}\n{_REMEDY}",
        operation_id=left[0].id if left else None,
    )
