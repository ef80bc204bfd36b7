"""The checkpoint call, and reading state with its token (service 10.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import CheckpointResponse, ExecutionStatus
from durable_testing.model.execution import Replayable
from durable_testing.model.pages import WHOLE, changes_page, state_page
from durable_testing.model.pausing import come_to_rest
from durable_testing.model.shapes import check_checkpoint, page_size
from durable_testing.model.timers import fire
from durable_testing.model.tokens import marker_kind, rotate_token, wrong_token
from durable_testing.model.updates import apply_batch
from durable_testing.model.validation import plan_batch

if TYPE_CHECKING:
    from durable_core.lowlevel import CheckpointRequest, StatePage
    from durable_testing.model.execution import Execution
    from durable_testing.model.state import ServiceState


def take_checkpoint(
    state: ServiceState, request: CheckpointRequest, now_ms: int
) -> CheckpointResponse:
    """Apply a batch, all or none, and report what changed since the handler last heard.

    Timers fire once, before validation: nothing a batch starts is due within the same millisecond.
    """
    execution = state.executions.get(request.execution_arn)
    check_checkpoint(request, None if execution is None else execution.token)
    if execution is None:
        raise wrong_token(request.checkpoint_token, request.execution_arn)
    replayed = _replayed(state, execution, request, now_ms)
    if replayed is not None:
        return replayed
    _check_holder(state, execution, request.checkpoint_token, now_ms)
    plan = plan_batch(state.config, execution, request.updates)
    if request.updates:
        stamp = execution.stamp(now_ms)
        apply_batch(state, execution, request.updates, plan, stamp)
    state.mark(execution)
    return _answer(state, execution, request, now_ms)


def read_state(
    state: ServiceState,
    execution_arn: str,
    checkpoint_token: str,
    now_ms: int,
    *,
    marker: str | None,
    max_items: int | None,
) -> StatePage:
    """Return a page of state to the invocation that holds the execution."""
    execution = state.executions.get(execution_arn)
    if execution is None:
        raise wrong_token(checkpoint_token, execution_arn)
    page_size(max_items)
    _check_holder(state, execution, checkpoint_token, now_ms)
    page = state_page(state.config, execution, marker, max_items)
    if page.next_marker is None and (not marker or marker_kind(marker) == WHOLE):
        execution.mark_seen(execution.seen_at_build)
    execution.report()
    state.mark(execution)
    return page


def _replayed(
    state: ServiceState, execution: Execution, request: CheckpointRequest, now_ms: int
) -> CheckpointResponse | None:
    """Return the answer a client asks for again (service 1.3)."""
    last = execution.replayable
    if (
        last is None
        or last.inbound_token != request.checkpoint_token
        or last.client_token != request.client_token
        or not last.client_token
        or now_ms - last.at_ms > state.config.idempotency_window_ms
    ):
        return None
    return last.response


def _check_holder(
    state: ServiceState, execution: Execution, checkpoint_token: str, now_ms: int
) -> None:
    """Let everything due happen; refuse a token that is not the current one, or no longer."""
    if execution.token == checkpoint_token:
        fire(state, execution, now_ms)
    if execution.token != checkpoint_token:
        raise wrong_token(checkpoint_token, execution.arn)


def _answer(
    state: ServiceState, execution: Execution, request: CheckpointRequest, now_ms: int
) -> CheckpointResponse:
    if not execution.is_open:
        return CheckpointResponse(None, changes_page(state.config, execution).operations)
    if execution.status is ExecutionStatus.PAUSING:
        _withhold(state, execution, now_ms)
        return CheckpointResponse(None)
    page = changes_page(state.config, execution)
    token = rotate_token(execution)
    execution.mark_seen(execution.touch)
    execution.report()
    response = CheckpointResponse(token, page.operations, page.next_marker)
    execution.replayable = Replayable(
        request.client_token, request.checkpoint_token, now_ms, response
    )
    return response


def _withhold(state: ServiceState, execution: Execution, now_ms: int) -> None:
    """Take the execution from its invocation: what it sent is kept, what it returns is not."""
    execution.token = None
    execution.replayable = None
    execution.is_superseded = True
    come_to_rest(state, execution, execution.stamp(now_ms), owes_invocation=True)
