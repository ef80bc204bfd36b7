"""Every benchmark runs, at tiny sizes and without the peers, and prints JSON lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
PARTS = {"fake_service.py", "figures.py", "loopback.py", "otel_cost_aws.py", "run_all.py"}
"""What the scripts are made of, and what runs them all beside the peers."""

RUNS = [
    ["bench_durable.py", "steps", "3"],
    ["bench_durable.py", "replay", "3"],
    ["bench_durable.py", "paginate", "101"],
    ["bench_durable.py", "map", "3", "--maxc", "2"],
    ["bench_durable.py", "map", "3", "--flat", "1"],
    ["bench_durable.py", "gather", "3", "--delay-ms", "1"],
    ["bench_durable.py", "nest", "3"],
    ["bench_durable.py", "bigsteps", "2"],
    ["client_cpu.py", "2"],
    ["cold_start.py", "1", "--ours"],
    ["store_throughput.py", "3", "2", "--ours"],
    ["testing_speed.py", "1", "--ours"],
    ["warm_invocations.py", "20"],
]


def lines_of(script: str, *arguments: str) -> list[dict]:
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  ours
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.parametrize("run", RUNS, ids=" ".join)
def test_a_benchmark_prints_json_lines(run):
    lines = lines_of(*run)
    assert lines
    assert all(isinstance(line, dict) for line in lines)


def test_every_benchmark_is_run_here():
    scripts = {path.name for path in BENCHMARKS.glob("*.py")}
    assert scripts - PARTS == {run[0] for run in RUNS} | {"otel_cost.py"}


def test_the_cost_of_tracing_is_measured(tmp_path):
    figures = tmp_path / "figures.json"
    command = [sys.executable, BENCHMARKS / "otel_cost.py", "--quick", "--json", figures]
    subprocess.run(command, capture_output=True, check=True)  # noqa: S603  ours
    assert set(json.loads(figures.read_text())["5"]) >= {"none", "no hook", "invocation"}


def test_checkpoint_calls_are_as_promised():
    def calls(*run: str) -> int:
        return lines_of("bench_durable.py", *run)[-1]["checkpoint_calls"]

    assert calls("nest", "50", "--delay-ms", "1") == 2
    assert calls("gather", "100") == 1
    assert calls("map", "100", "--maxc", "10") <= 11
    assert calls("map", "1000") <= 17


def test_the_tables_can_be_made_of_what_is_printed(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import figures  # noqa: PLC0415

    rows = [
        {"section": "machine", "date": "today", "cores": 2, "cpu": "some", "system": "Linux"}
        | {"python": "3.11", "node": None},
        {"section": "load", "when": "before", "load": 0.1, "ten_million_sums_ms": 90},
        {"section": "peers", "library": "ours", "cell": "replay 10000"}
        | lines_of("bench_durable.py", "replay", "3")[-1],
        *[{"section": "cold_start", **line} for line in lines_of("cold_start.py", "1", "--ours")],
        *[
            {"section": "store_throughput", **line}
            for line in lines_of("store_throughput.py", "3", "2", "--ours")
        ],
    ]
    text = figures.tables(rows)
    assert "| replay of a step with its loading, CPU |" in text
    assert "durable-testing" in text
    assert "ours" in figures.summary(rows)
