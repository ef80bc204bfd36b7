"""Suite `parallel`: requirements 8-1 to 8-22. Branches run one at a time where it is not said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from conformance.handlers.patterns import RejectedError, echo, projection
from conformance.handlers.registry import requirement

from durable_core import Branch, CompletionConfig, NestingType

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext
    from durable_core.lowlevel import SerDesContext

STOPPED = ("completionReason", "successCount", "failureCount", "totalCount")


def returning(value: Any):
    """Make a branch that returns the value, without an operation."""

    async def branch(child: DurableContext) -> Any:
        return value

    return branch


def stepping(value: Any):
    """Make a branch that returns the value from a step."""

    async def branch(child: DurableContext) -> Any:
        return await child.step(echo, value)

    return branch


async def failing(child: DurableContext) -> None:
    raise RejectedError("the branch fails")


@requirement("8-1")
async def basic(event: Any, context: DurableContext) -> list:
    branches = [stepping("task-1"), stepping("task-2")]
    return (await context.parallel("parallel", branches, max_concurrency=1)).results()


@requirement("8-2")
async def without_name(event: Any, context: DurableContext) -> list:
    branches = [returning("alpha"), returning("beta")]
    return (await context.parallel(branches, max_concurrency=1)).results()


@requirement("8-3")
async def named_branches(event: Any, context: DurableContext) -> list:
    branches = [Branch("first", returning("one")), Branch("second", returning("two"))]
    return (await context.parallel("named", branches, max_concurrency=1)).results()


@requirement("8-4")
async def heterogeneous(event: Any, context: DurableContext) -> list:
    branches = [returning("hello"), returning(42), returning({"k": "v"})]
    return (await context.parallel("hetero", branches, max_concurrency=1)).results()


@requirement("8-5")
async def empty(event: Any, context: DurableContext) -> list:
    return (await context.parallel("empty", [])).results()


@requirement("8-6")
async def fail_fast(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "failfast",
        [returning("ok"), failing, returning("never")],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=0),
    )
    return projection(batch)


@requirement("8-7")
async def rethrow(event: Any, context: DurableContext) -> list:
    batch = await context.parallel(
        "throwing",
        [failing, returning("never")],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=0),
    )
    batch.throw_if_error()
    return batch.results()


@requirement("8-8")
async def min_successful(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "min-successful",
        [returning(f"r{index}") for index in range(4)],
        max_concurrency=1,
        completion=CompletionConfig(min_successful=2),
    )
    return projection(batch, "completionReason", "successCount", "totalCount")


@requirement("8-9")
async def tolerated(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "tolerated",
        [returning("r0"), failing, returning("r2")],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=1),
    )
    return projection(batch)


@requirement("8-10")
async def tolerance_exceeded(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "tolerated-exceeded",
        [failing, failing, returning("never")],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=1),
    )
    return projection(batch, *STOPPED)


@requirement("8-11")
async def concurrent(event: Any, context: DurableContext) -> list:
    branches = [returning("r0"), returning("r1"), returning("r2")]
    return (await context.parallel("concurrent", branches, max_concurrency=2)).results()


@requirement("8-12")
async def flat(event: Any, context: DurableContext) -> list:
    branches = [stepping("fa"), stepping("fb")]
    batch = await context.parallel("flat", branches, max_concurrency=1, nesting=NestingType.FLAT)
    return batch.results()


@requirement("8-13")
async def percentage_exceeded(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "tolerated-pct",
        [failing, failing, returning("never"), returning("never")],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_percentage=25),
    )
    return projection(batch, *STOPPED)


@requirement("8-14")
async def branch_suspends(event: Any, context: DurableContext) -> list:
    async def waiting(child: DurableContext) -> str:
        await child.wait(seconds=2)
        return "b1"

    batch = await context.parallel("replay", [stepping("b0"), waiting], max_concurrency=1)
    return batch.results()


class WrappingSerDes:
    """The value in an envelope."""

    def serialize(self, value: Any, context: SerDesContext) -> str:
        return json.dumps({"wrapped": value})

    def deserialize(self, data: str, context: SerDesContext) -> Any:
        return json.loads(data)["wrapped"]


@requirement("8-15")
async def branch_serdes(event: Any, context: DurableContext) -> list:
    batch = await context.parallel(
        "serde",
        [returning("x"), returning("y")],
        max_concurrency=1,
        item_serdes=WrappingSerDes(),
    )
    return batch.results()


@requirement("8-16")
async def all_fail(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "all-fail",
        [failing, failing, failing],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=3),
    )
    return projection(batch)


@requirement("8-17")
async def min_not_reached(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "min-not-reached",
        [returning("r0"), failing, returning("r2")],
        max_concurrency=1,
        completion=CompletionConfig(min_successful=3),
    )
    return projection(batch)


@requirement("8-18")
async def combined(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "combined",
        [failing, failing, returning("never"), returning("never")],
        max_concurrency=1,
        completion=CompletionConfig(min_successful=3, tolerated_failure_count=1),
    )
    return projection(batch, *STOPPED)


@requirement("8-19")
async def bad_concurrency(event: Any, context: DurableContext) -> list:
    branches = [returning("r0"), returning("r1")]
    return (await context.parallel("bad-concurrency", branches, max_concurrency=0)).results()


@requirement("8-20")
async def accessors(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "accessors",
        [returning("r0"), failing, returning("r2")],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=1),
    )
    return {
        "hasFailure": batch.has_failure,
        "successCount": len(batch.succeeded()),
        "failureCount": len(batch.failed()),
        "errorCount": len(batch.errors()),
    }


@requirement("8-21")
async def nested(event: Any, context: DurableContext) -> list:
    async def outer_branch(child: DurableContext) -> list:
        inner = await child.parallel("inner", [stepping("i1"), stepping("i2")], max_concurrency=1)
        return inner.results()

    return (await context.parallel("outer", [outer_branch], max_concurrency=1)).results()


@requirement("8-22")
async def percentage_boundary(event: Any, context: DurableContext) -> dict:
    batch = await context.parallel(
        "pct-boundary",
        [failing, returning("r1"), returning("r2"), returning("r3")],
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_percentage=25),
    )
    return projection(batch)
