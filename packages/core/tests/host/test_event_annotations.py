"""An event whose annotation cannot be resolved is plain JSON, and somebody says so."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from durable_elsewhere import Order

    from durable_core import DurableContext


async def handler(event: Order, context: DurableContext) -> Any:
    await context.wait(1)
    return event


def test_an_annotation_that_cannot_be_resolved_is_warned_of_once_an_execution(bench: Any) -> None:
    with pytest.warns(RuntimeWarning) as recorded:
        assert bench.invoke(handler).status == "PENDING"
    (warned,) = recorded
    assert str(warned.message) == (
        "the annotation 'Order' of handler() cannot be resolved (NameError: name 'Order' is not "
        "defined): its event is handed over as plain JSON; to get it, import it at run time, not "
        "under TYPE_CHECKING"
    )
    assert warned.filename == __file__
    assert bench.result(handler) is None


def test_a_filter_that_makes_the_warning_an_error_fails_the_execution(bench: Any) -> None:
    output = bench.invoke(handler)
    assert output.error.type == "RuntimeWarning"


def test_a_resolvable_annotation_is_not_warned_of(bench: Any) -> None:
    async def plain(event: dict[str, Any] | None, context: DurableContext) -> Any:
        return event

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bench.result(plain) is None
