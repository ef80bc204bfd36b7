"""Finds an execution of a file by what the user calls it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from durable_testing.cli.errors import UsageError
from durable_testing.model import ListQuery, ServiceError
from durable_testing.store.errors import StoreError
from durable_testing.store.reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from durable_testing.model import ExecutionSummary, ServiceModel


@contextmanager
def reading(database: Path) -> Generator[ServiceModel]:
    """Open a file to look at it, whoever else uses it.

    Raises:
        UsageError: There is none, or it is not ours.
    """
    try:
        with open_reader(database) as model:
            yield model
    except StoreError as error:
        said = str(error).removesuffix(".")
        raise UsageError(f"{said}; name the file with --db") from None


def find(model: ServiceModel, name: str) -> str:
    """Return the ARN of the execution of that name, or of that ARN.

    Raises:
        UsageError: There is none, or several.
    """
    if name.startswith("arn:"):
        try:
            return model.get_execution(name).execution_arn
        except ServiceError as error:
            raise UsageError(f"{name}: {error.message}") from None
    found = [
        arn
        for function in model.functions()
        if (arn := model.find_execution(function.name, name)) is not None
    ]
    if not found:
        raise UsageError(f"there is no execution called {name!r}; `durable list` shows them")
    if len(found) > 1:
        raise UsageError(f"several executions are called {name!r}: {', '.join(found)}")
    return found[0]


def summaries(model: ServiceModel) -> list[ExecutionSummary]:
    """Return all executions, newest first."""
    found: list[ExecutionSummary] = []
    for function in model.functions():
        if not function.is_durable:
            continue
        marker: str | None = None
        while True:
            page = model.list_executions(function.name, ListQuery(marker=marker))
            found += page.executions
            marker = page.next_marker
            if marker is None:
                break
    return sorted(found, key=lambda summary: summary.started_at_ms, reverse=True)
