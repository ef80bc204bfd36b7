"""An order: reserve, charge at most once, wait, ship; on failure, undo what was done.

    durable run durable_examples.order:handler '{"order_id": "A-1"}' --name order-1

Kill it anywhere (`kill -9`) and give the same command again: no step whose result was recorded
runs again. A kill in the middle of the charge leaves it unknown whether the card was charged. The
charge is not tried again then: the order is called off, and what was charged is refunded.
"""

import os
from datetime import timedelta

from durable_aws_lambda import durable_execution
from durable_core import DurableContext, RetryPresets, StepError, StepSemantics
from durable_examples.effects import leave_trace

COOLING_OFF = timedelta(seconds=float(os.environ.get("DURABLE_EXAMPLES_COOLING_OFF", "2")))
"""How long the customer may change their mind."""


async def reserve(order_id: str) -> str:
    """Put the goods aside."""
    await leave_trace("reserve", order_id)
    return f"reservation-{order_id}"


async def charge(order_id: str) -> str:
    """Charge the card; an order whose id ends in -declined is refused."""
    if order_id.endswith("-declined"):
        raise PermissionError("card declined")
    await leave_trace("charge", order_id)
    return f"payment-{order_id}"


async def ship(reservation: str) -> str:
    """Hand the goods to the carrier."""
    await leave_trace("ship", reservation)
    return f"tracking-{reservation}"


async def refund(order_id: str) -> None:
    """Give back what the card was charged for this order, if it was."""
    await leave_trace("refund", order_id)


async def release(reservation: str) -> None:
    """Put the goods back on the shelf."""
    await leave_trace("release", reservation)


@durable_execution
async def handler(event: dict[str, str], context: DurableContext) -> dict[str, str]:
    """Take an order to its end: shipped, or cancelled with nothing left behind."""
    order_id = event["order_id"]
    reservation = await context.step("reserve", reserve, order_id)
    try:
        payment = await context.step(
            "charge",
            charge,
            order_id,
            semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY,
            retry_strategy=RetryPresets.none(),
        )
        await context.wait("cooling-off", COOLING_OFF)
        tracking = await context.step("ship", ship, reservation)
    except StepError as error:
        await context.step("refund", refund, order_id)
        await context.step("release", release, reservation)
        return {"order_id": order_id, "status": "cancelled", "reason": str(error)}
    return {"order_id": order_id, "status": "shipped", "payment": payment, "tracking": tracking}
