"""The fixture: `pytest_plugins = ["durable_testing.tracing.fixtures"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from durable_testing.tracing.memory import Traces

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def traces() -> Iterator[Traces]:
    """Spans kept in memory, for one test."""
    kept = Traces()
    yield kept
    kept.provider.shutdown()
