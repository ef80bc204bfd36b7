"""Files and functions stay small enough to be read in one go; nothing is exempt."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def sources() -> list[Path]:
    return sorted([*ROOT.glob("packages/*/src/**/*.py"), *ROOT.glob("benchmarks/**/*.py")])


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_source_file_is_longer_than_400_lines() -> None:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in sources()}
    assert lengths, "no sources found"
    assert not {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > MAX_FILE_LINES}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{f.lineno} {f.name}": f.end_lineno - f.lineno + 1
        for path in sources()
        for f in functions(path)
        if f.end_lineno and f.end_lineno - f.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert not long


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "data"}
    assert not [str(p.relative_to(ROOT)) for p in sources() if p.stem.strip("_") in empty]
