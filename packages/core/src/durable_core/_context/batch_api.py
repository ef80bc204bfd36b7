"""map and parallel: their options, checked, and their operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from durable_core._context.names import checked_name, name_of
from durable_core._context.options import (
    checked_member,
    checked_order,
    checked_serdes,
    checked_shape,
)
from durable_core._operations.batch import Batch, BatchBody, BatchMode
from durable_core._operations.scopes import open_here
from durable_core._protocol.records import OperationSubType
from durable_core._values.completion import CompletionConfig
from durable_core._values.errors import ValidationError
from durable_core._values.generics import T
from durable_core._values.nesting import NestingType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from durable_core._engine.scope import ContextBody
    from durable_core._values.serdes import SerDes


@dataclass(frozen=True)  # no slots: 3.11 cannot call a subscripted one that has them
class Branch(Generic[T]):
    """A named branch of `parallel`."""

    name: str
    fn: Callable[[Any], Awaitable[T]]


def item_bodies(
    items: Iterable[Any],
    fn: Callable[..., Any],
    item_namer: Callable[[Any, int], str] | None,
) -> list[BatchBody]:
    """The bodies of a map: `fn(child, item, index)`."""
    if not callable(fn):
        raise ValidationError(
            f"map() takes items and a function fn(child, item, index); found {fn!r}"
        )
    checked_order("map", "items", items)
    checked_shape("map", fn, "child", "item", "index")
    bodies: list[BatchBody] = []
    for index, item in enumerate(items):
        name = f"map-item-{index}" if item_namer is None else item_namer(item, index)
        bodies.append(BatchBody(checked_name(name), fn, (item, index)))
    return bodies


def branch_bodies(branches: Sequence[Any]) -> list[BatchBody]:
    """The bodies of a parallel: `fn(child)`."""
    checked_order("parallel", "branches", branches)
    bodies: list[BatchBody] = []
    for index, branch in enumerate(branches):
        if isinstance(branch, Branch):
            checked_shape("parallel", branch.fn, "child")
            bodies.append(BatchBody(checked_name(branch.name), branch.fn, ()))
        elif callable(branch):
            checked_shape("parallel", branch, "child")
            bodies.append(BatchBody(f"parallel-branch-{index}", branch, ()))
        else:
            raise ValidationError(
                "parallel() takes functions fn(child) and Branch(name, fn); "
                f"found {branch!r} at place {index}"
            )
    return bodies


def checked_concurrency(max_concurrency: object, method: str) -> int | None:
    """`max_concurrency`: None for all at once, else an int of at least 1."""
    if max_concurrency is None:
        return None
    is_int = isinstance(max_concurrency, int) and not isinstance(max_concurrency, bool)
    if is_int and max_concurrency >= 1:  # pyright: ignore[reportOperatorIssue]
        return max_concurrency  # pyright: ignore[reportReturnType]
    raise ValidationError(
        f"max_concurrency of {method}() must be at least 1, or None for all at once; "
        f"found {max_concurrency!r}"
    )


MAP = (OperationSubType.MAP.value, OperationSubType.MAP_ITERATION.value)
PARALLEL = (OperationSubType.PARALLEL.value, OperationSubType.PARALLEL_BRANCH.value)


def open_batch(
    body: ContextBody,
    name: str | None,
    bodies: list[BatchBody],
    subtypes: tuple[str, str],
    *,
    max_concurrency: int | None,
    completion: CompletionConfig | None,
    nesting: NestingType,
    serdes: SerDes[Any] | None,
    item_serdes: SerDes[Any] | None,
) -> Batch:
    """Start a map or a parallel."""
    method = subtypes[0].lower()
    checked_serdes("serdes", serdes)
    checked_serdes("item_serdes", item_serdes)
    _check_completion(method, completion)
    is_flat = checked_member("nesting", nesting, NestingType) is NestingType.FLAT
    return open_here(
        Batch(
            body.engine,
            body,
            name,
            bodies,
            BatchMode(*subtypes, is_flat),
            max_concurrency=checked_concurrency(max_concurrency, method),
            completion=completion or CompletionConfig(),
            serdes=serdes,
            item_serdes=item_serdes,
        )
    )


def _check_completion(method: str, completion: object) -> None:
    if completion is not None and not isinstance(completion, CompletionConfig):
        raise ValidationError(
            f"completion of {method}() must be a CompletionConfig; found {completion!r}"
        )


def split_map(args: tuple[Any, ...]) -> tuple[str | None, Iterable[Any], Callable[..., Any]]:
    """`([name], items, fn)` taken apart."""
    match args:
        case (name, items, fn) if name is None or isinstance(name, str):
            return checked_name(name), items, fn
        case (items, fn) if not isinstance(items, str):
            return name_of(fn), items, fn
        case _:
            raise ValidationError(
                f"map() takes an optional name, items and a function: map('name', items, fn); "
                f"found {len(args)} arguments"
            )
