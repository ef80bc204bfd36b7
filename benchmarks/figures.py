"""The tables of README.md, from the lines of `run_all.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

Row = dict[str, Any]
OURS = "ours"
LIBRARIES = {
    "AWS Python 3.0.0": "aws-durable-execution-sdk-python==3.0.0",
    "async fork 2.5.0": "async-durable-execution==2.5.0",
    "AWS JS 2.4.0": "@aws/durable-execution-sdk-js@2.4.0",
}


class Goal(NamedTuple):
    """What a cell of ours should come to at most."""

    what: str
    cell: str
    limit: float
    unit: str
    measured: Callable[[Row], float]
    why_missed: str = ""


def cpu_us(row: Row) -> float:
    return row["cpu_ms"] * 1e3 / row["n"]


GOALS = (
    Goal(
        "a sequential step, CPU",
        "steps 1000 --client wire",
        25,
        "µs",
        cpu_us,
        "it makes about 125 Python calls, none of which stands out. A fifth of its byte code is "
        "the fake service's and the wire form's, and there is an `asyncio.Task` for the attempt, "
        "because the function may use `asyncio.timeout` and all else that needs one.",
    ),
    Goal("replay of a step with its loading, CPU", "replay 10000", 8, "µs", cpu_us),
    Goal("map of 1,000, an item, CPU", "map 1000", 60, "µs", cpu_us),
    Goal("map of 1,000", "map 1000", 17, "calls", lambda row: row["checkpoint_calls"]),
    Goal(
        "50 nested contexts",
        "nest 50 --delay-ms 10",
        2,
        "calls",
        lambda row: row["checkpoint_calls"],
    ),
    Goal(
        "100 steps at 10 ms a call",
        "steps 100 --delay-ms 10",
        1030,
        "ms",
        lambda row: row["handler_ms"],
        "the 100 delays alone, in an asyncio loop that does nothing else, took {sleeps_ms:,.0f} ms "
        "in the same process. What a step adds is mostly code that runs cold after each delay.",
    ),
    Goal(
        "`gather` of 100 steps",
        "gather 100 --delay-ms 10",
        1,
        "calls",
        lambda row: row["checkpoint_calls"],
    ),
    Goal(
        "map of 100, 10 at a time",
        "map 100 --maxc 10 --delay-ms 10",
        11,
        "calls",
        lambda row: row["checkpoint_calls"],
    ),
    Goal(
        "a step that returns 1,000 rows, CPU",
        "bigsteps 50",
        2,
        "ms",
        lambda row: cpu_us(row) / 1e3,
        "it is the standard library's JSON: a third is writing it, a third reading it back (what "
        "the workflow gets is what a replay would), a fifth the check that every type came back.",
    ),
    Goal(
        "the same, on the wire",
        "bigsteps 50",
        70,
        "KB",
        lambda row: row["bytes"] / row["n"] / 1e3,
    ),
    Goal(
        "after the handler returned",
        "steps 1000 --client wire",
        0.2,
        "ms",
        lambda row: row["teardown_ms"],
    ),
)


def number(value: float | None) -> str:
    if value is None:
        return "-"
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def ratio(theirs: float | None, ours: float | None) -> str:
    return "-" if not theirs or not ours else f"{theirs / ours:.1f}x"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells_of(rows: list[Row]) -> dict[str, dict[str, Row]]:
    """By cell, then by library."""
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["section"] == "peers":
            cells.setdefault(row["cell"], {})[row["library"]] = row
    return cells


def goals(cells: dict[str, dict[str, Row]]) -> str:
    lines, reasons = [], []
    for goal in GOALS:
        row = cells.get(goal.cell, {}).get(OURS)
        if row is None:
            continue
        value = goal.measured(row)
        is_met = value <= goal.limit
        verdict = "met" if is_met else f"**missed by {(value / goal.limit - 1) * 100:.0f} %**"
        shown = f"{number(value)} {goal.unit}"
        lines.append([goal.what, f"≤ {number(goal.limit)} {goal.unit}", shown, verdict])
        if not is_met and goal.why_missed:
            reasons.append(f"- {goal.what}: {goal.why_missed.format_map(row)}")
    return table(["", "goal", "measured", ""], lines) + "\n\n" * bool(reasons) + "\n".join(reasons)


def beside_peers(
    cells: dict[str, dict[str, Row]], value: Callable[[Row], float], *, is_remote: bool
) -> str:
    lines = []
    for cell, by_library in cells.items():
        ours = by_library.get(OURS)
        if ours is None or ("--delay-ms" in cell) is not is_remote:
            continue
        mine = value(ours)
        calls = [by_library.get(name, {}).get("checkpoint_calls") for name in LIBRARIES.values()]
        theirs = [
            value(by_library[name]) if name in by_library else None for name in LIBRARIES.values()
        ]
        others = [
            number(amount) + ("" if not count else f" ({count:.0f})") if amount else "-"
            for amount, count in zip(theirs, calls, strict=True)
        ]
        best = min((each for each in theirs if each), default=None)
        count = ours["checkpoint_calls"]
        shown = number(mine) + (f" ({count:.0f})" if count else "")
        lines.append([f"`{cell}`", shown, *others, ratio(theirs[0], mine), ratio(best, mine)])
    head = ["workload", "ours", *LIBRARIES, "AWS Python ÷ ours", "best peer ÷ ours"]
    return table(head, lines)


def subjects(rows: list[Row], section: str, key: str = "subject") -> list[Row]:
    return [row for row in rows if row["section"] == section and key in row]


def starts(rows: list[Row]) -> str:
    found = subjects(rows, "cold_start")
    keys = ("import_ms", "client_ms", "first_checkpoint_ms", "total_ms", "modules")
    head = ["", "import, ms", "client, ms", "first checkpoint, ms", "together, ms", "modules"]
    lines = [[row["subject"], *[number(row[key]) for key in keys]] for row in found]
    if len(found) > 1:
        ours, theirs = found[:2]
        lines.append(["ratio", *[ratio(theirs[key], ours[key]) for key in keys]])
    return table(head, lines)


def clients(rows: list[Row]) -> str:
    found = subjects(rows, "client_cpu", "client")
    mine = next((row["cpu_us"] for row in found if row["client"] == "lean"), None)
    return table(
        ["client", "CPU a call, µs", "÷ lean"],
        [[row["client"], number(row["cpu_us"]), ratio(row["cpu_us"], mine)] for row in found],
    )


def tests(rows: list[Row]) -> str:
    found = subjects(rows, "testing_speed")
    if not found:
        return ""
    cases = [key for key in found[0] if key.endswith("_ms")]
    lines = []
    for case in cases:
        shown = [row.get(case, "-") for row in found]
        medians = [float(text.split()[0]) if text != "-" else None for text in shown]
        pair = ratio(medians[1], medians[0]) if len(medians) > 1 else "-"
        lines.append([case.removesuffix("_ms").replace("_", " "), *shown, pair])
    return table(["ms: median (best)", *[row["subject"] for row in found], "ratio"], lines)


def stores(rows: list[Row]) -> str:
    found = subjects(rows, "store_throughput")
    by_size: dict[int, list[Row]] = {}
    for row in found:
        if row["subject"] != "disk":
            by_size.setdefault(row["in_flight"], []).append(row)
    lines = []
    for size, pair in by_size.items():
        for row in pair:
            keys = ("steps_per_s", "step_p50_ms", "step_p99_ms")
            values = [number(row[key]) for key in keys]
            ours = "checkpoint_p99_ms" in row
            own = [number(row[f"checkpoint_{p}_ms"]) if ours else "-" for p in ("p50", "p99")]
            lines.append([row["subject"], f"{size:,} x {row['steps_each']}", *values, *own])
        if len(pair) > 1:
            ours, theirs = pair[:2]
            more = ratio(ours["steps_per_s"], theirs["steps_per_s"])
            times = [ratio(theirs[key], ours[key]) for key in ("step_p50_ms", "step_p99_ms")]
            lines.append(["ratio", f"{size:,}", more, *times, "", ""])
    disk = next((row for row in found if row["subject"] == "disk"), None)
    note = "" if disk is None else f"\n\nOne fsync here: p50 {disk['fsync_p50_ms']} ms, "
    note += "" if disk is None else f"p99 {disk['fsync_p99_ms']} ms."
    head = ["", "executions x steps", "steps/s", "step p50, ms", "p99", "checkpoint p50, ms", "p99"]
    return table(head, lines) + note


def traces(rows: list[Row]) -> str:
    found = next((row for row in rows if row["section"] == "otel_cost"), {})
    lines = []
    for size, figures in found.items():
        if size.isdigit():
            kinds, theirs = dict(figures), found.get(f"aws {size}", {})
            base, bare = kinds.pop("none"), kinds.pop("bare", None)
            for kind, us in kinds.items():
                added = theirs[kind] - theirs["none"] if kind in theirs else None
                is_traced = kind in ("invocation", "execution")
                more = ratio(added, us - base) if is_traced else ""
                them = "" if added is None else f"{added:+,.0f}"
                lines.append([f"{int(size):,} steps, {kind}", f"{us - base:+.1f}", them, more])
            if bare is not None:
                name = f"{int(size):,} steps, two such spans of the SDK alone, in a loop"
                lines.append([name, f"{bare:+.1f}", "", ""])
    head = ["CPU added to a step, µs", "durable-otel", "AWS's plugin 2.0.0", "ratio"]
    return table(head, lines)


def machine(rows: list[Row]) -> str:
    here = next(row for row in rows if row["section"] == "machine")
    loads = [row for row in rows if row["section"] == "load"]
    speeds = [row["ten_million_sums_ms"] for row in loads]
    busy = f"load average {loads[0]['load']} before, up to {max(row['load'] for row in loads)}"
    return (
        f"{here['date']}, {here['cores']} cores of {here['cpu']}, {here['system']}, "
        f"Python {here['python']}, Node {here['node']}; {busy}; ten million additions took "
        f"{min(speeds)} to {max(speeds)} ms between the sections."
    )


def tables(rows: list[Row]) -> str:
    cells = cells_of(rows)
    parts = [
        machine(rows),
        "## Goals",
        goals(cells),
        "## CPU an operation, µs (checkpoint calls)",
        beside_peers(cells, cpu_us, is_remote=False),
        "## At 10 ms a checkpoint call: the handler's time, ms (calls)",
        beside_peers(cells, lambda row: row["handler_ms"], is_remote=True),
        "## Cold start on Lambda",
        starts(rows),
        "## A checkpoint call over HTTP",
        clients(rows),
        "## A test of a workflow",
        tests(rows),
        "## Executions in flight on SQLite",
        stores(rows),
        "## Tracing",
        traces(rows),
    ]
    return "\n\n".join(parts)


def summary(rows: list[Row]) -> str:
    """The short table of the project's README."""
    cells = cells_of(rows)
    lines = []
    for what, cell, value in (
        ("a step, µs CPU", "steps 1000 --client wire", cpu_us),
        ("a replayed step with its loading, µs CPU", "replay 10000", cpu_us),
        ("an item of a map of 1,000, µs CPU", "map 1000", cpu_us),
        ("map of 1,000 at 10 ms a call, ms", "map 1000 --delay-ms 10", lambda r: r["handler_ms"]),
        (
            "50 nested contexts at 10 ms a call, ms",
            "nest 50 --delay-ms 10",
            lambda r: r["handler_ms"],
        ),
    ):
        row = cells.get(cell, {})
        theirs = [value(row[name]) if name in row else None for name in LIBRARIES.values()]
        mine = value(row[OURS]) if OURS in row else None
        lines.append([what, number(mine), *map(number, theirs)])
    starting = subjects(rows, "cold_start")
    if len(starting) > 1:
        times = [number(row["total_ms"]) for row in starting[:2]]
        lines.append(["cold start to the first checkpoint, ms", *times, "-", "-"])
    return table(["", "ours", *LIBRARIES], lines)


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def between_markers(path: Path, text: str) -> None:
    before, rest = path.read_text().split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def write(rows: list[Row]) -> None:
    between_markers(HERE / "README.md", tables(rows))
    between_markers(HERE.parent / "README.md", summary(rows))
