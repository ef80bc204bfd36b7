"""Many items at once, a few of which may fail.

    durable run durable_examples.fan_out:handler '{"pages": ["a", "b", "broken-c", "d"]}'

Three pages are worked on at a time. Two failures are tolerated; a third ends the whole thing, and
no further page is begun.
"""

from typing import Any

from durable_aws_lambda import durable_execution
from durable_core import CompletionConfig, DurableContext, RetryPresets
from durable_examples.effects import leave_trace


async def fetch(page: str) -> str:
    """Get a page; one whose name begins with `broken` cannot be got."""
    if page.startswith("broken"):
        raise ConnectionError(f"{page} does not answer")
    await leave_trace("fetch", page)
    return f"<html>{page}</html>"


def count(html: str) -> int:
    """Count its characters."""
    return len(html)


async def index_page(context: DurableContext, page: str, _index: int) -> int:
    """Fetch and count one page; each step is recorded by itself."""
    html = await context.step("fetch", fetch, page, retry_strategy=RetryPresets.none())
    return await context.step("count", count, html)


@durable_execution
async def handler(event: dict[str, list[str]], context: DurableContext) -> dict[str, Any]:
    """Index pages, and say which could not be had."""
    batch = await context.map(
        "index",
        event["pages"],
        index_page,
        max_concurrency=3,
        completion=CompletionConfig(tolerated_failure_count=2),
        item_namer=lambda page, _index: page,
    )
    return {
        "indexed": batch.success_count,
        "characters": sum(batch.results()),
        "failed": [item.name for item in batch.failed()],
        "reason": batch.completion_reason.value,
    }
