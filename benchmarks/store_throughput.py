"""Many executions in flight on SQLite with real fsync: ours, DBOS beside it.

    uv run python benchmarks/store_throughput.py [EXECUTIONS [STEPS]] [--ours]

Each subject runs in a process of its own and keeps its database beside the others' in
`.bench-cache`. Every execution first comes to a step in which all of them are held; from there on
each makes STEPS steps one after another, and a step's time is what its workflow waits for it: until
the result is on the disk. One JSON line each with one execution in flight, one with EXECUTIONS,
then the ratios. A line about the disk says what one fsync takes.

What differs: a step of ours is a START and a SUCCEED in one checkpoint of a service that also keeps
the history, and checkpoints that come in while a transaction is written share the next one. A step
of DBOS is one row, in a transaction of its own, written from a thread of a pool. Both sync each
transaction: ours in WAL mode with `synchronous=FULL`, DBOS with SQLite's rollback journal, its
default, and says itself that its SQLite backend is for development and tests. DBOS has an
environment of its own, made by `uv`; `--ours` leaves it out.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4  # noqa: TID251  ids that no other process gives

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE = Path(__file__).resolve().parents[1] / ".bench-cache"
DBOS = "dbos==3.4.0"
EXECUTIONS = 1000
STEPS = 3


def quantiles(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
    return round(statistics.median(ordered) * 1e3, 2), round(p99 * 1e3, 2)


class Bench:
    """Holds the executions until all are there, and takes the time of their steps."""

    def __init__(self, executions: int, steps: int) -> None:
        self.executions = executions
        self.steps = steps
        self.arrived = 0
        self.is_full = asyncio.Event()
        self.gate = asyncio.Event()
        self.taken: list[float] = []
        self.began = self.cpu = 0.0

    async def hold(self) -> int:
        """The body of the first step."""
        self.arrived += 1
        if self.arrived == self.executions:
            self.is_full.set()
        await self.gate.wait()
        return self.arrived

    def open(self) -> None:
        self.began, self.cpu = time.perf_counter(), time.process_time()
        self.gate.set()

    def result(self, subject: str) -> dict[str, float | str]:
        seconds = time.perf_counter() - self.began
        count = self.executions * self.steps
        assert len(self.taken) == count, len(self.taken)
        p50, p99 = quantiles(self.taken)
        return {
            "subject": subject,
            "in_flight": self.executions,
            "steps_each": self.steps,
            "seconds": round(seconds, 3),
            "steps_per_s": round(count / seconds, 1),
            "step_p50_ms": p50,
            "step_p99_ms": p99,
            "cpu_us_per_step": round((time.process_time() - self.cpu) / count * 1e6, 1),
        }


async def body(number: int) -> dict[str, int | bool]:
    return {"number": number, "ok": True}


class Checkpoints:
    """Takes the time of each checkpoint, from the call to its answer."""

    def __init__(self, executions: int) -> None:
        self.executions = executions
        self.all_held = asyncio.Event()
        self.taken: list[float] = []

    def opener(self, path: Path) -> Callable[..., Any]:
        """What opens the store of an engine."""
        from durable_testing.model import ServiceConfig  # noqa: PLC0415
        from durable_testing.store.sqlite import SqliteService  # noqa: PLC0415

        told = self._told

        class Timed(SqliteService):
            __slots__ = ()

            def checkpoint(self, request):
                began = time.perf_counter()
                answer = super().checkpoint(request)
                answer.add_done_callback(lambda _: told(time.perf_counter() - began))
                return answer

        def open_service(functions, **options):
            config = ServiceConfig(needs_qualifier=False)
            return Timed(path, functions, new_id=lambda: str(uuid4()), config=config, **options)

        return open_service

    def _told(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) == self.executions:
            self.all_held.set()


async def ours(folder: Path, executions: int, steps: int) -> dict[str, float | str]:
    from durable_testing.engine import LocalEngine, durable_function  # noqa: PLC0415

    bench, checkpoints = Bench(executions, steps), Checkpoints(executions)

    async def handler(event, context):
        await context.step("hold", bench.hold)
        for number in range(steps):
            began = time.perf_counter()
            await context.step("s", body, number)
            bench.taken.append(time.perf_counter() - began)
        return event

    functions, opener = (
        [durable_function("bench", handler)],
        checkpoints.opener(folder / "bench.db"),
    )
    async with LocalEngine(functions, opener) as engine:
        started = await asyncio.gather(
            *[engine.start("bench", "1", name=f"e{n}") for n in range(executions)]
        )
        await bench.is_full.wait()
        await checkpoints.all_held.wait()  # each START of `hold` is on the disk
        checkpoints.taken.clear()
        bench.open()
        for one in started:
            outcome = await engine.outcome(one.execution_arn)
            assert outcome.status == "SUCCEEDED", outcome
        result = bench.result("durable-testing")
        await engine.close()
        await engine.service.close()
    p50, p99 = quantiles(checkpoints.taken)
    return {**result, "checkpoints": len(checkpoints.taken)} | {
        "checkpoint_p50_ms": p50,
        "checkpoint_p99_ms": p99,
    }


async def theirs(folder: Path, executions: int, steps: int) -> dict[str, float | str]:
    from dbos import DBOS as Dbos  # noqa: N811, PLC0415

    bench = Bench(executions, steps)
    config = {"name": "bench", "system_database_url": f"sqlite:///{folder / 'bench.db'}"}
    Dbos(config=config | {"run_admin_server": False, "log_level": "CRITICAL"})

    @Dbos.step()
    async def hold() -> int:
        return await bench.hold()

    step = Dbos.step()(body)

    @Dbos.workflow()
    async def workflow(event: int) -> int:
        await hold()
        for number in range(steps):
            began = time.perf_counter()
            await step(number)
            bench.taken.append(time.perf_counter() - began)
        return event

    Dbos.launch()
    try:
        handles = [await Dbos.start_workflow_async(workflow, 1) for _ in range(executions)]
        await bench.is_full.wait()
        bench.open()
        await asyncio.gather(*[handle.get_result() for handle in handles])
        return bench.result(DBOS)
    finally:
        Dbos.destroy()


def disk(folder: Path, times: int = 50) -> dict[str, float | str]:
    """What one fsync of a small append takes here."""
    taken = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    p50, p99 = quantiles(taken)
    return {"subject": "disk", "fsync_p50_ms": p50, "fsync_p99_ms": p99}


def dbos_python() -> str:
    home = CACHE / DBOS.replace("==", "-")
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run(["uv", "venv", "-q", "--clear", "-p", sys.executable, home], check=True)
        install = ["uv", "pip", "install", "-q", "--compile-bytecode", "-p", python, DBOS]
        subprocess.run(install, check=True)
        (home / "complete").touch()
    return str(python)


def once(python: str, subject: str, executions: int, steps: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = [python, __file__, subject, folder, str(executions), str(steps)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stderr)
    line = run.stdout.splitlines()[-1]
    print(line, flush=True)
    return json.loads(line)


def ratios(mine: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {
        "throughput_ours_to_dbos": round(mine["steps_per_s"] / other["steps_per_s"], 1),
        "p50_dbos_to_ours": round(other["step_p50_ms"] / mine["step_p50_ms"], 1),
        "p99_dbos_to_ours": round(other["step_p99_ms"] / mine["step_p99_ms"], 1),
    }


def main() -> None:
    if len(sys.argv) == 5:
        subject, folder = ours if sys.argv[1] == "ours" else theirs, Path(sys.argv[2])
        print(json.dumps(asyncio.run(subject(folder, int(sys.argv[3]), int(sys.argv[4])))))
        return
    sizes = [int(argument) for argument in sys.argv[1:] if argument != "--ours"]
    executions, steps = [*sizes, EXECUTIONS, STEPS][:2] if len(sizes) != 1 else (sizes[0], STEPS)
    CACHE.mkdir(exist_ok=True)
    pythons = {"ours": sys.executable}
    if "--ours" not in sys.argv:
        pythons["dbos"] = dbos_python()
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        print(json.dumps(disk(Path(folder))), flush=True)
    for count in (1, executions):
        rows = {name: once(python, name, count, steps) for name, python in pythons.items()}
        if "dbos" in rows:
            print(
                json.dumps({"in_flight": count, **ratios(rows["ours"], rows["dbos"])}), flush=True
            )


if __name__ == "__main__":
    main()
