"""Generic values may be made through their subscripted class, on every Python."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from durable_core import (
    BatchItem,
    BatchItemStatus,
    BatchResult,
    Branch,
    CompletionReason,
    Settled,
)

MADE = [
    (Branch, ("n", len)),
    (Settled, (1,)),
    (BatchItem, (0, None, BatchItemStatus.STARTED)),
    (BatchResult, ([], CompletionReason.ALL_COMPLETED)),
]


@pytest.mark.parametrize(("kind", "arguments"), MADE)
def test_a_subscripted_class_makes_an_equal_value_that_cannot_be_changed(
    kind: Any, arguments: Any
) -> None:
    value = kind[int](*arguments)
    assert value == kind(*arguments)
    field = next(iter(kind.__dataclass_fields__))
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)
