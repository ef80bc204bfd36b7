"""Our part of the peers' benchmark: `bench_durable.py WORKLOAD N [options]` prints one JSON line.

Workloads, options and JSON keys are those of the peers' `bench_aws.py`; the service speaks wire
dicts in every cell, also where the peers' `--client svc` hands over objects.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from fake_service import FakeService, event, in_event_form

from durable_core import DurableContext, NestingType
from durable_core.lowlevel import Environment, Workflow, drive, invocation_from_wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CACHE = Path(__file__).parent / ".bench-cache"
ROWS = [{"id": i, "name": f"row-{i}", "v": [i, i + 1, i * 0.5], "ok": True} for i in range(1000)]


class Options:
    """The command line."""

    def __init__(self, argv: list[str]) -> None:
        self.workload, self.count = argv[1], int(argv[2])
        self.extra = {"delay_ms": 0.0, "maxc": None, "client": "wire"}
        for key, value in zip(argv[3::2], argv[4::2], strict=True):
            name = key.lstrip("-").replace("-", "_")
            self.extra[name] = (
                int(value) if name == "maxc" else float(value) if name == "delay_ms" else value
            )

    @property
    def delay_seconds(self) -> float:
        return float(self.extra["delay_ms"] or 0) / 1000

    @property
    def nesting(self) -> NestingType:
        return NestingType.FLAT if self.extra.get("flat") else NestingType.NESTED


async def body() -> int:
    return 1


async def slow_body(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return 1


async def big_body() -> dict[str, Any]:
    return {"rows": ROWS}


def blocking_body(seconds: float) -> int:
    time.sleep(seconds)
    return 1


async def steps(context: DurableContext, options: Options) -> None:
    for _ in range(options.count):
        await context.step("s", body)


async def slowsteps(context: DurableContext, options: Options) -> None:
    for _ in range(options.count):
        await context.step("s", slow_body, 0.15)


async def bigsteps(context: DurableContext, options: Options) -> None:
    for _ in range(options.count):
        await context.step("s", big_body)


async def item(child: DurableContext, _: int, __: int) -> int:
    return await child.step("s", body)


async def io_item(child: DurableContext, _: int, __: int) -> int:
    return await child.step("s", slow_body, 0.01)


async def blocking_item(child: DurableContext, _: int, __: int) -> int:
    return await child.step("s", blocking_body, 0.01)


def mapping(fn: Callable[..., Awaitable[int]]) -> Callable[..., Awaitable[None]]:
    async def run(context: DurableContext, options: Options) -> None:
        result = await context.map(
            "m",
            range(options.count),
            fn,
            max_concurrency=options.extra["maxc"],
            nesting=options.nesting,
        )
        assert result.success_count == options.count, result

    return run


async def gather(context: DurableContext, options: Options) -> None:
    await asyncio.gather(*[context.step("s", body) for _ in range(options.count)])


async def nest(context: DurableContext, options: Options) -> None:
    async def level(child: DurableContext, depth: int) -> int:
        if depth == 0:
            return await child.step("leaf", body)
        return await child.run_in_child_context(f"d{depth}", level, depth - 1)

    await context.run_in_child_context("top", level, options.count - 1)


WORKLOADS = {
    "steps": steps,
    "slowsteps": slowsteps,
    "bigsteps": bigsteps,
    "map": mapping(item),
    "mapio": mapping(io_item),
    "mapblocking": mapping(blocking_item),
    "gather": gather,
    "nest": nest,
    "replay": steps,
    "paginate": steps,
}


class Marks:
    """When the handler began and ended."""

    start = 0.0
    end = 0.0


def workflow(options: Options, marks: Marks) -> Workflow:
    async def handler(event: Any, context: DurableContext) -> int:
        del event
        marks.start = time.perf_counter()
        try:
            await WORKLOADS[options.workload](context, options)
        finally:
            marks.end = time.perf_counter()
        return options.count

    return Workflow(handler)


async def invoke(
    options: Options, service: FakeService, wire: dict[str, Any], marks: Marks
) -> None:
    invocation = invocation_from_wire(wire)
    output = await drive(workflow(options, marks), invocation, service, Environment())
    assert output.status == "SUCCEEDED", output


def history(count: int) -> list[dict[str, Any]]:
    """Operations of `count` finished steps, in the event's form."""
    cache = CACHE / f"ours-{count}.json"
    if not cache.exists():
        cache.parent.mkdir(exist_ok=True)
        service = FakeService()
        asyncio.run(invoke(Options(["", "steps", str(count)]), service, event(), Marks()))
        cache.write_text(json.dumps([in_event_form(o) for o in service.operations.values()]))
    return json.loads(cache.read_text())


def prepare(options: Options, service: FakeService) -> dict[str, Any]:
    """The event of the measured invocation."""
    if options.workload == "replay":
        return event(history(options.count))
    if options.workload == "paginate":
        operations = history(options.count)
        rest = [
            {
                **o,
                "StartTimestamp": o["StartTimestamp"] / 1000,
                "EndTimestamp": o["EndTimestamp"] / 1000,
            }
            for o in operations[100:]
        ]
        page = int(options.extra.get("page") or 1000)
        service.pages = [rest[i : i + page] for i in range(0, len(rest), page)]
        return event(operations[:100], marker="0")
    size = int(options.extra.get("input_bytes") or 0)
    return event(payload=json.dumps({"x": "y" * size}))


async def sleeping(options: Options) -> float:
    """Seconds that the service's delays take one after another, with nothing between them."""
    began = time.perf_counter()
    for _ in range(options.count if options.delay_seconds else 0):
        await asyncio.sleep(options.delay_seconds)
    return time.perf_counter() - began


def rss_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    options = Options(sys.argv)
    asyncio.run(invoke(Options(["", "steps", "5"]), FakeService(), event(), Marks()))
    if options.workload.startswith("map"):
        asyncio.run(invoke(Options(["", "map", "5"]), FakeService(), event(), Marks()))
    service = FakeService(options.delay_seconds)
    wire = prepare(options, service)
    marks = Marks()
    base = rss_mb()
    gc.collect()

    async def measured() -> tuple[float, float, float]:
        began, cpu = time.perf_counter(), time.process_time()
        await invoke(options, service, wire, marks)
        return began, time.perf_counter(), time.process_time() - cpu

    began, ended, cpu = asyncio.run(measured())
    sleeps = asyncio.run(sleeping(options)) if options.workload == "steps" else 0
    handler = marks.end - marks.start
    is_replay = options.workload in ("replay", "paginate")
    per_operation = (ended - began if is_replay else handler) / options.count
    print(
        json.dumps(
            {
                "lib": "ours",
                "workload": options.workload,
                "n": options.count,
                **options.extra,
                "total_ms": round((ended - began) * 1e3, 2),
                "cpu_ms": round(cpu * 1e3, 2),
                "setup_ms": round((marks.start - began) * 1e3, 2),
                "load_ms": round((marks.start - began) * 1e3, 2),
                "handler_ms": round(handler * 1e3, 2),
                "sleeps_ms": round(sleeps * 1e3, 2),
                "teardown_ms": round((ended - marks.end) * 1e3, 3),
                "us_per_op": round(per_operation * 1e6, 2),
                "handler_us_per_op": round(handler / options.count * 1e6, 2),
                "cpu_us_per_op": round(cpu / options.count * 1e6, 2),
                "checkpoint_calls": service.calls,
                "state_calls": service.state_calls,
                "updates": service.updates,
                "bytes": service.size_bytes,
                "max_threads": service.max_threads,
                "rss_base_mb": base,
                "rss_peak_mb": rss_mb(),
                "python": sys.version.split()[0],
            }
        )
    )


main()
