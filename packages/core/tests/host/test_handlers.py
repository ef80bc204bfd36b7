"""What is a workflow, and what is refused before it runs."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import FileSystemSerDes, JsonSerDes, ValidationError
from durable_core.lowlevel import Workflow, checked_workflow, workflow_of

if TYPE_CHECKING:
    from pathlib import Path

    from durable_core import DurableContext


async def program(event: Any, context: Any) -> Any:
    return event


class Decorated:
    """What a host's decorator returns."""

    workflow = Workflow(program)


class Callable:
    async def __call__(self, event: Any, context: Any) -> None: ...


def test_what_is_a_workflow() -> None:
    assert workflow_of(program) == Workflow(program)
    assert workflow_of(Decorated()) is Decorated.workflow
    assert workflow_of(Decorated.workflow) is Decorated.workflow
    assert Decorated.workflow.name == "program"
    assert Workflow(Callable()).name == "Callable"


def plain(event: Any, context: Any) -> None: ...


def generator(event: Any, context: Any) -> Any:
    yield


async def async_generator(event: Any, context: Any) -> Any:
    yield


class Plain:
    def __call__(self, event: Any, context: Any) -> None: ...


@pytest.mark.parametrize(
    ("thing", "found"),
    [
        (None, "found None"),
        (5, "found 5"),
        (len, "found <built-in function len>, not async def"),
        (lambda event, context: None, "found a lambda, not async def"),
        (Callable, "Callable'>, not async def"),
        (plain, "found plain(), not async def"),
        (functools.partial(plain), "found plain(), not async def"),
        (generator, "found generator(), which is a generator (it has a yield), not async def"),
        (async_generator, "found async_generator(), which is a generator"),
        (Plain(), "Plain object at"),
        (Workflow(plain), "found plain(), not async def"),  # type: ignore[arg-type]
    ],
    ids=map(str, range(11)),
)
def test_what_is_none_is_refused(thing: Any, found: str) -> None:
    with pytest.raises(ValidationError, match=r"^a workflow is `async def handler") as refused:
        workflow_of(thing)
    assert found in str(refused.value)


def test_where_a_function_is_not_async_is_said() -> None:
    line = plain.__code__.co_firstlineno
    with pytest.raises(ValidationError) as refused:
        workflow_of(plain)
    assert str(refused.value).endswith(f"found plain(), not async def ({__file__}:{line})")


def wrapped(fn: Any) -> Any:
    @functools.wraps(fn)
    def wrapper(*arguments: Any) -> Any:
        return fn(*arguments)

    return wrapper


@pytest.mark.parametrize(
    "fn",
    [wrapped(program), functools.partial(program), Callable()],
    ids=["wraps", "partial", "callable"],
)
def test_what_wraps_an_async_function_is_taken(bench: Any, fn: Any) -> None:
    bench.result(fn)


async def of_one_parameter(event: Any) -> None: ...


async def of_three(event: Any, context: Any, more: Any) -> None: ...


async def of_a_keyword(event: Any, context: Any, *, option: Any) -> None: ...


@pytest.mark.parametrize(
    ("fn", "found"),
    [
        (of_one_parameter, "of_one_parameter(event)"),
        (of_three, "of_three(event, context, more)"),
        (of_a_keyword, "of_a_keyword(event, context, *, option)"),
    ],
)
def test_a_handler_with_other_parameters_is_refused_with_its_place(fn: Any, found: str) -> None:
    with pytest.raises(ValidationError) as refused:
        workflow_of(fn)
    assert str(refused.value) == (
        f"a workflow takes the event and a context, `async def {fn.__name__}(event, context)`; "
        f"found {found} ({__file__}:{fn.__code__.co_firstlineno})"
    )


async def swapped(context: DurableContext, event: Any) -> None: ...


def test_the_context_before_the_event_is_refused() -> None:
    expected = r"the order is \(event, context\); found .* first parameter, 'context', of swapped"
    with pytest.raises(ValidationError, match=expected):
        workflow_of(swapped)


@pytest.mark.parametrize("fn", [of_one_parameter, plain, swapped])
def test_a_host_that_did_not_look_gets_a_failed_execution(bench: Any, fn: Any) -> None:
    output = bench.invoke(Workflow(fn))
    assert output.status == "FAILED"
    assert output.error.type == "durable_core.ValidationError"
    assert output.error.message.startswith("a workflow ")


async def takes_anything(*arguments: Any) -> int:
    return len(arguments)


async def takes_more(event: Any, context: Any, more: int = 0) -> int:
    return 2 + more


@pytest.mark.parametrize("fn", [takes_anything, takes_more])
def test_a_handler_may_take_more_than_it_is_given(bench: Any, fn: Any) -> None:
    assert bench.result(fn) == 2


# Classes without pydantic


@dataclass
class Order:
    order_id: str


async def takes_a_class(event: Order, context: Any) -> None: ...


async def gives_a_class(event: Any, context: Any) -> list[Order]:
    return []


async def takes_json(event: dict[str, Any], context: Any) -> dict[str, int]:
    return {}


async def takes_what_is_unknown_yet(event: Later, context: Any) -> None: ...  # noqa: F821


@pytest.fixture
def without_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    monkeypatch.delitem(sys.modules, "durable_core.pydantic_serdes", raising=False)


@pytest.mark.parametrize(
    ("fn", "what"), [(takes_a_class, "input"), (gives_a_class, "result")], ids=["input", "result"]
)
def test_a_class_is_refused_where_pydantic_is_missing(
    without_pydantic: None, fn: Any, what: str
) -> None:
    expected = rf"^the {what} of '{fn.__name__}' is annotated .*Order.*, which needs pydantic; inst"
    with pytest.raises(ValidationError, match=expected):
        checked_workflow(fn)


def test_a_store_of_large_values_brings_back_no_classes(
    without_pydantic: None, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match="needs pydantic"):
        checked_workflow(takes_a_class, serdes=FileSystemSerDes(tmp_path))


def test_a_serdes_of_ones_own_needs_no_pydantic(without_pydantic: None) -> None:
    class Own:
        def serialize(self, value: Any, context: Any, /) -> str: ...

        def deserialize(self, data: str | None, context: Any, /) -> Any: ...

    checked_workflow(takes_a_class, serdes=Own())


@pytest.mark.parametrize("fn", [takes_json, program, takes_what_is_unknown_yet])
def test_what_is_json_or_not_known_yet_needs_no_pydantic(without_pydantic: None, fn: Any) -> None:
    assert checked_workflow(fn, serdes=JsonSerDes()).fn is fn
    assert checked_workflow(fn).fn is fn


def test_classes_are_taken_where_pydantic_is_there() -> None:
    assert checked_workflow(takes_a_class) == Workflow(takes_a_class)


def test_a_serdes_that_cannot_write_and_read_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"^serdes must be an object with serialize\(\)"):
        checked_workflow(program, serdes=3)  # type: ignore[arg-type]
