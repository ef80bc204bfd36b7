"""Seed: Quick Start."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from durable_aws_lambda import durable_execution

if TYPE_CHECKING:
    from durable_core import DurableContext

calls: list[str] = []


async def fetch_user_from_db(user_id: str) -> dict[str, str]:
    calls.append("fetch")
    return {"id": user_id, "name": "Ann"}


def process_user(user: dict[str, str]) -> str:
    calls.append("process")
    return f"processed {user['name']}"


async def handler(event: Any, context: DurableContext) -> str:
    user_data = await context.step("fetch-user", fetch_user_from_db, event["userId"])
    await context.wait(timedelta(seconds=5))
    return await context.step("process-user", process_user, user_data)


lambda_handler = durable_execution(handler)


def test_the_quick_start_waits_and_runs_each_step_once(run: Any) -> None:
    calls.clear()
    outcome = run(handler, {"userId": "u-1"})
    assert (outcome.status, outcome.value) == ("SUCCEEDED", "processed Ann")
    assert calls == ["fetch", "process"]
    assert outcome.names() == ["fetch-user", None, "process-user"]
    assert outcome.virtual_seconds == 5


def test_the_quick_start_wrapped_for_lambda_is_the_same_workflow(run: Any) -> None:
    outcome = run(lambda_handler, {"userId": "u-1"})
    assert outcome.value == "processed Ann"
