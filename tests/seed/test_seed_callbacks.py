"""Seed: External Callbacks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from durable_core import DurableContext


def test_a_created_callback_is_sent_out_and_awaited(run: Any) -> None:
    requests: list[tuple[str, str]] = []

    async def send_approval_request(callback_id: str, request: str) -> None:
        requests.append((callback_id, request))

    async def handler(event: Any, context: DurableContext) -> str:
        result, callback_id = await context.create_callback(
            "external-approval", timeout=timedelta(minutes=3)
        )
        await context.step(send_approval_request, callback_id, "please")
        return await result

    outcome = run(handler, answers={"external-approval": "approved"})
    assert outcome.value == "approved"
    assert requests == [(outcome.operation("external-approval").callback_id, "please")]


def test_waiting_for_a_callback_submits_its_id_once(run: Any) -> None:
    submitted: list[str] = []

    async def submit_to_external_api(callback_id: str) -> None:
        submitted.append(callback_id)

    async def handler(event: Any, context: DurableContext) -> str:
        return await context.wait_for_callback(
            "wait-for-webhook", submit_to_external_api, timeout=timedelta(minutes=5)
        )

    outcome = run(handler, answers={"wait-for-webhook": "pong"})
    assert outcome.value == "pong"
    assert len(submitted) == 1
    assert outcome.names() == [
        "wait-for-webhook",
        "wait-for-webhook create callback id",
        "wait-for-webhook submitter",
    ]
