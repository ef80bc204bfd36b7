"""What is asked about executions: one, its history, a list of them (service 1.5-1.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_testing.model.config import LATEST
from durable_testing.model.errors import invalid_parameter, not_found
from durable_testing.model.requests import (
    ExecutionDescription,
    ExecutionPage,
    ExecutionSummary,
    HistoryPage,
    PauseDetails,
)
from durable_testing.model.shapes import page_size
from durable_testing.model.targets import parse_target
from durable_testing.model.tokens import marker_of, read_marker

if TYPE_CHECKING:
    from durable_testing.model.execution import Execution
    from durable_testing.model.requests import HistoryQuery, ListQuery
    from durable_testing.model.state import ServiceState

_FORWARD, _BACKWARD = "history", "history-back"
_LIST, _LIST_BACK = "list", "list-back"


def describe_execution(state: ServiceState, execution: Execution) -> ExecutionDescription:
    """Describe an execution."""
    pause = None
    if execution.is_open and execution.pause_requested_ms is not None:
        pause = PauseDetails(
            execution.pause_requested_ms, execution.pause_reason, execution.is_timeout_paused
        )
    return ExecutionDescription(
        execution.arn,
        execution.name,
        execution.function_name,
        state.config.function_arn(execution.function_name, execution.version),
        execution.version,
        execution.status,
        execution.started_at_ms,
        execution.ended_at_ms,
        execution.records[execution.id].input_payload,
        execution.result,
        execution.error,
        execution.trace_header,
        execution.timeout_seconds,
        execution.retention_days,
        execution.timeout_at_ms,
        pause,
        execution.invocations,
        execution.billed_operations,
        execution.bytes_written,
    )


def history_page(execution: Execution, query: HistoryQuery) -> HistoryPage:
    """Return a page of events; a marker goes on in the direction it was given for."""
    kind = _BACKWARD if query.newest_first else _FORWARD
    size = page_size(query.max_items)
    (skip,) = read_marker(query.marker, kind, 1) if query.marker else (0,)
    events = execution.events
    if query.newest_first:
        # Counted from the front, so that events appended between two pages shift nothing.
        end = skip or len(events)
        begin = max(end - size, 0)
        page, rest = tuple(reversed(events[begin:end])), begin
    else:
        page = tuple(events[skip : skip + size])
        rest = skip + size if skip + size < len(events) else 0
    return HistoryPage(page, marker_of(kind, rest) if rest else None)


def list_page(state: ServiceState, function_name: str, query: ListQuery) -> ExecutionPage:
    """Return a page of a function's executions, newest first unless asked otherwise."""
    if len(query.statuses) > 1:
        raise invalid_parameter("Cannot filter by more than one status")
    kind = _LIST_BACK if query.oldest_first else _LIST
    size = page_size(query.max_items)
    (skip,) = read_marker(query.marker, kind, 1) if query.marker else (0,)
    name, version = _resolve(state, function_name, query.qualifier)
    function_arn = None if version is None else state.config.function_arn(name, version)
    found = [
        summary
        for summary in all_summaries(state)
        if summary.function_name == name
        and function_arn in (None, summary.function_arn)
        and _matches(summary, query)
    ]
    if not query.oldest_first:
        found.reverse()
    more = skip + size < len(found)
    return ExecutionPage(
        tuple(found[skip : skip + size]), marker_of(kind, skip + size) if more else None
    )


def all_summaries(state: ServiceState) -> list[ExecutionSummary]:
    """Return all executions, held and archived, oldest first."""
    held = state.executions
    found = [summary for summary in state.archive.summaries() if summary.execution_arn not in held]
    found += (_summary(state, execution) for execution in held.values())
    found.sort(key=lambda summary: (summary.started_at_ms, summary.execution_arn))
    return found


def _resolve(
    state: ServiceState, function_name: str, qualifier: str | None
) -> tuple[str, str | None]:
    """Return the function's bare name and the version asked for; None means all versions."""
    target = parse_target(function_name)
    qualifier = qualifier or target.qualifier
    function = state.functions.get(target.name)
    if function is None:
        arn = state.config.function_arn(target.name, qualifier or LATEST)
        raise not_found(f"Function not found: {arn}")
    version = None if qualifier is None else function.version_of(qualifier)
    if qualifier is not None and version is None:
        raise not_found(f"Function not found: {state.config.function_arn(target.name, qualifier)}")
    return function.name, version


def _matches(summary: ExecutionSummary, query: ListQuery) -> bool:
    started = summary.started_at_ms
    return (
        (query.name is None or summary.name == query.name)
        and (not query.statuses or summary.status in query.statuses)
        and (query.started_after_ms is None or started > query.started_after_ms)
        and (query.started_before_ms is None or started < query.started_before_ms)
    )


def _summary(state: ServiceState, execution: Execution) -> ExecutionSummary:
    return ExecutionSummary(
        execution.arn,
        execution.name,
        execution.function_name,
        state.config.function_arn(execution.function_name, execution.version),
        execution.status,
        execution.started_at_ms,
        execution.ended_at_ms,
    )
