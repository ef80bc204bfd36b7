"""All benchmarks beside the peers, in one go; the tables of README.md from what they print.

    uv run python benchmarks/run_all.py [--quick] [--peers FOLDER] [--only SECTION,...]
    uv run python benchmarks/run_all.py --tables RESULTS.jsonl

FOLDER holds the peers' scripts: `peers.py` and what it runs (default: `../shared/bench`; without it
only ours is measured). Their environments are made by `uv` and `npm` in `.bench-cache`. Every line
goes into `benchmarks/results/<date>.jsonl`; nothing else may run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

import figures

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CACHE = ROOT / ".bench-cache"
TODAY = datetime.now(UTC)  # noqa: TID251  a benchmark reads the clock
CELLS = (
    "steps 100",
    "steps 1000 --client wire",
    "replay 1000",
    "replay 10000",
    "paginate 10000",
    "map 100",
    "map 1000",
    "map 1000 --maxc 10",
    "map 1000 --flat 1",
    "bigsteps 50",
    "steps 100 --delay-ms 10",
    "gather 100 --delay-ms 10",
    "map 100 --delay-ms 10",
    "map 100 --maxc 10 --delay-ms 10",
    "map 1000 --delay-ms 10",
    "nest 50 --delay-ms 10",
)
QUICK_CELLS = (
    "steps 100",
    "replay 100",
    "paginate 1000",
    "map 100",
    "bigsteps 5",
    "steps 10 --delay-ms 10",
    "nest 5 --delay-ms 10",
)
SECTIONS = {
    "cold_start": (["cold_start.py", "10"], ["cold_start.py", "2"]),
    "client_cpu": (["client_cpu.py", "500"], ["client_cpu.py", "50"]),
    "warm_invocations": (["warm_invocations.py", "2000"], ["warm_invocations.py", "100"]),
    "testing_speed": (["testing_speed.py", "3"], ["testing_speed.py", "1"]),
    "store_throughput": (["store_throughput.py", "1000", "3"], ["store_throughput.py", "30", "3"]),
}


def speed() -> float:
    """How long this interpreter takes for ten million additions, at best: shows a busy machine."""
    best = 1e9
    for _ in range(5):
        began = time.perf_counter()
        sum(range(10_000_000))
        best = min(best, time.perf_counter() - began)
    return round(best * 1e3, 1)


def machine() -> dict[str, Any]:
    cpus = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":")[1].strip() for line in cpus.splitlines() if "model name" in line]
    node = shutil.which("node")
    return {
        "date": f"{TODAY:%Y-%m-%d %H:%M} UTC",
        "cores": os.cpu_count(),
        "cpu": models[0] if models else platform.processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "node": subprocess.run([node, "-v"], capture_output=True, text=True, check=False).stdout[
            :-1
        ]
        if node
        else None,
    }


def load(when: str) -> dict[str, Any]:
    return {"when": when, "load": round(os.getloadavg()[0], 2), "ten_million_sums_ms": speed()}


def lines_of(command: list[str]) -> Iterator[dict[str, Any]]:
    """Run a command and pass on the JSON lines that it prints."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    if process.returncode:
        print(f"{' '.join(command)} failed", file=sys.stderr)


def peers(folder: Path, *, is_quick: bool) -> Iterator[dict[str, Any]]:
    """The cells of `peers.py`, ours among them; without the script ours alone."""
    cells, reps = (QUICK_CELLS, 1) if is_quick else (CELLS, 3)
    ours = f"{sys.executable} {HERE / 'bench_durable.py'}"
    if not (folder / "peers.py").exists():
        print(f"no peers.py in {folder}: ours alone", file=sys.stderr)
        for cell in cells:
            for line in lines_of([*ours.split(), *cell.split()]):
                yield {"library": "ours", "cell": cell, **line}
        return
    # A copy, because the scripts keep recorded histories beside themselves.
    copy = CACHE / "peers"
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    command = [sys.executable, str(copy / "peers.py"), "--reps", str(reps), "--cache", str(CACHE)]
    yield from lines_of([*command, "--also", f"ours={ours}", *cells])


def tracing(*, is_quick: bool) -> Iterator[dict[str, Any]]:
    """What `otel_cost.py` writes down, as one line."""
    found = CACHE / "otel_cost.json"
    command = [sys.executable, str(HERE / "otel_cost.py"), "--json", str(found)]
    subprocess.run(
        [*command, "--quick"] if is_quick else command, check=True, stdout=subprocess.DEVNULL
    )
    yield json.loads(found.read_text())


def measure(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    wanted = args.only.split(",") if args.only else ["peers", *SECTIONS, "otel_cost"]
    yield {"section": "machine", **machine(), "is_quick": args.quick}
    yield {"section": "load", **load("before")}
    for section in wanted:
        began = time.monotonic()  # noqa: TID251  a benchmark reads the clock
        if section == "peers":
            lines = peers(args.peers, is_quick=args.quick)
        elif section == "otel_cost":
            lines = tracing(is_quick=args.quick)
        else:
            name, *rest = SECTIONS[section][args.quick]
            lines = lines_of([sys.executable, str(HERE / name), *rest])
        for line in lines:
            yield {"section": section, **line}
        seconds = round(time.monotonic() - began, 1)  # noqa: TID251  as above
        yield {"section": "load", **load(section), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, tables to stdout only")
    parser.add_argument("--peers", type=Path, default=ROOT.parent / "shared" / "bench")
    parser.add_argument("--only", help="peers, otel_cost, " + ", ".join(SECTIONS))
    parser.add_argument("--tables", type=Path, help="write the tables from these results")
    args = parser.parse_args()
    if args.tables:
        figures.write(figures.read(args.tables))
        return
    CACHE.mkdir(exist_ok=True)
    rows = []
    results = HERE / "results" / f"{TODAY:%Y-%m-%d}.jsonl"
    results.parent.mkdir(exist_ok=True)
    with Path(os.devnull if args.quick or args.only else results).open("w") as file:
        for row in measure(args):
            rows.append(row)
            print(json.dumps(row), flush=True)
            print(json.dumps(row), file=file, flush=True)
    if args.quick or args.only:
        print(figures.tables(rows))
    else:
        figures.write(rows)


if __name__ == "__main__":
    main()
