"""Suite `map`: requirements 9-1 to 9-20. Items run one at a time where nothing else is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.handlers.patterns import RejectedError, echo, greet, projection
from conformance.handlers.registry import requirement

from durable_core import (
    BatchItem,
    BatchItemStatus,
    BatchResult,
    CompletionConfig,
    CompletionReason,
    NestingType,
)

if TYPE_CHECKING:
    from typing import Any

    from durable_core import DurableContext
    from durable_core.lowlevel import SerDesContext

STOPPED = ("completionReason", "successCount", "failureCount", "totalCount")


async def itself(child: DurableContext, item: Any, index: int) -> Any:
    """Return the item, unless it is the one that fails."""
    if item == "fail":
        raise RejectedError(f"item {index} fails")
    return item


async def in_a_step(child: DurableContext, item: Any, index: int) -> Any:
    return await child.step(echo, item)


async def uppercased(child: DurableContext, item: str, index: int) -> str:
    return item.upper()


@requirement("9-1")
async def basic(event: list, context: DurableContext) -> list:
    async def greeted(child: DurableContext, item: str, index: int) -> str:
        return await child.step(greet, item)

    return (await context.map("map", event, greeted, max_concurrency=1)).results()


@requirement("9-2")
async def without_name(event: list, context: DurableContext) -> list:
    async def doubled(child: DurableContext, item: int, index: int) -> int:
        return 2 * item

    return (await context.map(event, doubled, max_concurrency=1)).results()


@requirement("9-3")
async def indexed(event: list, context: DurableContext) -> list:
    async def plus_index(child: DurableContext, item: int, index: int) -> int:
        return item + index

    return (await context.map("indexed", event, plus_index, max_concurrency=1)).results()


@requirement("9-4")
async def empty(event: list, context: DurableContext) -> list:
    return (await context.map("empty", event, itself)).results()


@requirement("9-5")
async def fail_fast(event: Any, context: DurableContext) -> dict:
    batch = await context.map(
        "failfast",
        ["ok", "fail", "never"],
        itself,
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=0),
    )
    return projection(batch)


@requirement("9-6")
async def rethrow(event: Any, context: DurableContext) -> list:
    batch = await context.map(
        "throwing",
        ["fail", "never"],
        itself,
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=0),
    )
    batch.throw_if_error()
    return batch.results()


@requirement("9-7")
async def min_successful(event: Any, context: DurableContext) -> dict:
    batch = await context.map(
        "min-successful",
        ["r0", "r1", "r2", "r3"],
        itself,
        max_concurrency=1,
        completion=CompletionConfig(min_successful=2),
    )
    return projection(batch, "completionReason", "successCount", "totalCount")


@requirement("9-8")
async def tolerated(event: Any, context: DurableContext) -> dict:
    batch = await context.map(
        "tolerated",
        ["r0", "fail", "r2"],
        itself,
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=1),
    )
    return projection(batch)


@requirement("9-9")
async def tolerance_exceeded(event: Any, context: DurableContext) -> dict:
    batch = await context.map(
        "tolerated-exceeded",
        ["fail", "fail", "never"],
        itself,
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=1),
    )
    return projection(batch, *STOPPED)


@requirement("9-10")
async def percentage_exceeded(event: Any, context: DurableContext) -> dict:
    batch = await context.map(
        "tolerated-pct",
        ["fail", "fail", "never", "never"],
        itself,
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_percentage=25),
    )
    return projection(batch, *STOPPED)


@requirement("9-11")
async def concurrent(event: Any, context: DurableContext) -> list:
    items = ["r0", "r1", "r2"]
    return (await context.map("concurrent", items, itself, max_concurrency=2)).results()


@requirement("9-12")
async def flat(event: Any, context: DurableContext) -> list:
    batch = await context.map(
        "flat", ["fa", "fb"], in_a_step, max_concurrency=1, nesting=NestingType.FLAT
    )
    return batch.results()


@requirement("9-13")
async def named_items(event: list, context: DurableContext) -> list:
    async def times_ten(child: DurableContext, item: int, index: int) -> int:
        return item * 10

    batch = await context.map(
        "named-items",
        event,
        times_ten,
        max_concurrency=1,
        item_namer=lambda item, index: f"item-{item}",
    )
    return batch.results()


class PrefixSerDes:
    """Text behind a prefix."""

    def serialize(self, value: str, context: SerDesContext) -> str:
        return f"wrapped:{value}"

    def deserialize(self, data: str, context: SerDesContext) -> str:
        return data.removeprefix("wrapped:")


@requirement("9-14")
async def item_serdes(event: Any, context: DurableContext) -> list:
    batch = await context.map(
        "serdes", ["x", "y"], uppercased, max_concurrency=1, item_serdes=PrefixSerDes()
    )
    return batch.results()


@requirement("9-15")
async def item_suspends(event: Any, context: DurableContext) -> list:
    async def second_waits(child: DurableContext, item: str, index: int) -> str:
        if index == 1:
            await child.wait(seconds=1)
        return await child.step(echo, item)

    batch = await context.map("suspend", ["r0", "r1"], second_waits, max_concurrency=1)
    return batch.results()


@requirement("9-16")
async def large_result(event: Any, context: DurableContext) -> dict:
    async def large(child: DurableContext, item: str, index: int) -> str:
        return item * 70 * 1024

    batch = await context.map("large", ["a", "b", "c", "d"], large, max_concurrency=1)
    return projection(batch, "successCount", "totalCount")


@requirement("9-17")
async def then_wait(event: Any, context: DurableContext) -> list:
    batch = await context.map("then-wait", ["a", "b"], uppercased, max_concurrency=1)
    await context.wait(seconds=1)
    return batch.results()


@requirement("9-18")
async def failure_then_wait(event: Any, context: DurableContext) -> dict:
    batch = await context.map(
        "fail-then-wait",
        ["ok", "fail"],
        itself,
        max_concurrency=1,
        completion=CompletionConfig(tolerated_failure_count=1),
    )
    await context.wait(seconds=1)
    return projection(batch)


class BatchSerDes:
    """A whole result as its items' texts, one after the other."""

    def serialize(self, value: BatchResult[str], context: SerDesContext) -> str:
        return f"OPSERDE:{','.join(value.results())}"

    def deserialize(self, data: str, context: SerDesContext) -> BatchResult[str]:
        texts = data.removeprefix("OPSERDE:").split(",")
        items = [
            BatchItem(index, f"map-item-{index}", BatchItemStatus.SUCCEEDED, text)
            for index, text in enumerate(texts)
        ]
        return BatchResult(items, CompletionReason.ALL_COMPLETED)


@requirement("9-19")
async def result_serdes(event: Any, context: DurableContext) -> list:
    batch = await context.map(
        "op-serde", ["x", "y"], uppercased, max_concurrency=1, serdes=BatchSerDes()
    )
    return batch.results()


@requirement("9-20")
async def result_serdes_replay(event: Any, context: DurableContext) -> list:
    batch = await context.map(
        "op-serde-replay", ["x", "y"], uppercased, max_concurrency=1, serdes=BatchSerDes()
    )
    await context.wait(seconds=1)
    return batch.results()
