"""The public API is typed for the right call and for the wrong one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
API = HERE / "api.py"
REJECTS = HERE / "rejects.py"


def lines_pyright_rejects(path: Path) -> set[int]:
    # Unless told, it looks at what the `python` of the PATH has installed.
    python = ["--pythonpath", sys.executable]
    done = subprocess.run(  # noqa: S603 - a fixed command
        [sys.executable, "-m", "pyright", *python, "--outputjson", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {d["range"]["start"]["line"] + 1 for d in found if d["severity"] == "error"}


def lines_mypy_rejects(path: Path) -> set[int]:
    done = subprocess.run(  # noqa: S603 - a fixed command
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    pattern = rf"{re.escape(str(path.relative_to(ROOT)))}:(\d+): error"
    return {int(number) for number in re.findall(pattern, done.stdout)}


def lines_to_reject() -> set[int]:
    lines = REJECTS.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# expect error")}


def test_pyright_accepts_what_users_write() -> None:
    assert lines_pyright_rejects(API) == set()


def test_mypy_accepts_what_users_write() -> None:
    assert lines_mypy_rejects(API) == set()


def test_pyright_rejects_each_wrong_call_and_nothing_else() -> None:
    assert lines_pyright_rejects(REJECTS) == lines_to_reject()


def test_mypy_rejects_each_wrong_call_and_nothing_else() -> None:
    assert lines_mypy_rejects(REJECTS) == lines_to_reject()
