"""A human decides: the workflow waits for a callback, for days if need be, and costs nothing.

    durable run durable_examples.approval:handler '{"expense": "train", "amount": 120}' --name trip

It prints how to answer, from another terminal. It need not be running then: end it with Ctrl-C,
answer, and give the same command again.
"""

import sys
from datetime import timedelta
from typing import Any

from durable_aws_lambda import durable_execution
from durable_core import (
    CallbackFailedError,
    CallbackTimeoutError,
    DurableContext,
    JsonSerDes,
)


def ask(callback_id: str, expense: str, amount: float) -> None:
    """Stand for a message to whoever decides."""
    print(  # noqa: T201  the message
        f"{expense} for {amount}? Answer with one of\n"
        f'  durable callback succeed {callback_id} \'{{"by": "ann"}}\'\n'
        f"  durable callback fail {callback_id} 'too expensive'",
        file=sys.stderr,
        flush=True,
    )


async def pay(expense: str, amount: float) -> str:
    """Stand for the payment."""
    return f"paid {amount} for {expense}"


@durable_execution
async def handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    """Pay an expense once somebody has approved it."""
    expense, amount = event["expense"], event["amount"]
    try:
        approval = await context.wait_for_callback(
            "approve", ask, expense, amount, timeout=timedelta(days=3), serdes=JsonSerDes()
        )
    except CallbackFailedError as error:
        return {"status": "refused", "reason": error.message}
    except CallbackTimeoutError:
        return {"status": "expired"}
    receipt = await context.step("pay", pay, expense, amount)
    return {"status": "paid", "approval": approval, "receipt": receipt}
