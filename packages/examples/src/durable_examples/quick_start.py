"""The quick start: a step, a wait that survives the process, another step.

    durable run durable_examples.quick_start:handler '{"user_id": "ann"}' --name hello

Press Ctrl-C while it waits, or kill it, and give the same command again: it goes on where it was.
"""

import asyncio
from datetime import timedelta
from typing import TypedDict

from durable_aws_lambda import durable_execution
from durable_core import DurableContext


class User(TypedDict):
    """Who is greeted."""

    user_id: str
    name: str


async def fetch_user(user_id: str) -> User:
    """Stand for a query of a database."""
    await asyncio.sleep(0.1)
    return {"user_id": user_id, "name": user_id.title()}


def process_user(user: User) -> str:
    """Stand for some work; a plain function runs in a thread."""
    return f"Hello, {user['name']}!"


@durable_execution
async def handler(event: dict[str, str], context: DurableContext) -> dict[str, str]:
    """Greet a user, five seconds later."""
    user = await context.step("fetch-user", fetch_user, event["user_id"])
    await context.wait("take-a-breath", timedelta(seconds=5))
    greeting = await context.step("process-user", process_user, user)
    return {"greeting": greeting}
