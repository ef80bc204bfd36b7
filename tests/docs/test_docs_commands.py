"""The commands that the documents show do what the documents say, in real processes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial" / "first-workflow.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DURABLE = str(Path(sys.executable).parent / "durable")


def shell_blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def command(line: str) -> list[str]:
    """The arguments of a line `[uv run] durable …`, for the `durable` beside this Python."""
    words = shlex.split(line[line.index("durable ") :])
    return [DURABLE, *words[1:]]


def call(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own pages
        command(line), cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the tutorial's module, its wait cut short."""
    first = re.search(r"^```python\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)
    assert first
    assert "seconds=10" in first.group(1)
    (tmp_path / "orders.py").write_text(first.group(1).replace("seconds=10", "seconds=1"))
    return tmp_path


def kill_while_it_waits(line: str, folder: Path) -> str:
    """Start a command, kill it -9 when the wait has begun, and return what it had said.

    A kill that comes when the wait is over, on a busy machine, is made again on a new execution.
    """
    while "shipping" in (said := kill_once_it_waits(line, folder)):
        for file in folder.glob("durable.db*"):
            file.unlink()
    return said


def kill_once_it_waits(line: str, folder: Path) -> str:
    said: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own pages
        command(line), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        for text in process.stderr:
            said.append(text)
            if "let the customer cancel" in text:
                process.kill()
    return "".join(said)


def test_the_tutorials_workflow_goes_on_after_kill_9(folder: Path) -> None:
    run, *looks = (line for block in shell_blocks(TUTORIAL)[1:] for line in block.splitlines())
    assert "reserving A-1" in kill_while_it_waits(run, folder)

    resumed = call(run, folder)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout) == {"status": "shipped", "tracking": "1Z-A-1"}
    assert "reserving" not in resumed.stderr
    assert "shipping from shelf 7" in resumed.stderr

    again = call(run, folder)
    assert (again.returncode, again.stdout) == (0, resumed.stdout)
    assert "shipping" not in again.stderr

    for line in looks:
        looked = call(line, folder)
        assert looked.returncode == 0, looked.stderr
        assert "first" in looked.stdout


def test_another_input_for_a_used_name_is_an_error_of_the_caller(folder: Path) -> None:
    assert (
        call('durable run orders:handler \'{"order_id": "A-1"}\' --name x', folder).returncode == 0
    )
    refused = call('durable run orders:handler \'{"order_id": "A-2"}\' --name x', folder)
    assert refused.returncode == 2
    assert "another input" in refused.stderr


def test_the_readmes_first_command_runs_the_order_to_its_result(tmp_path: Path) -> None:
    (line,) = (block for block in shell_blocks(README) if "durable run" in block)
    assert line.startswith("python3 -m pip install uv && uv run durable run ")
    done = call(line, tmp_path)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


def test_the_second_command_of_the_readme_is_the_one_that_ci_runs() -> None:
    assert "uv run pytest\n" in shell_blocks(README)
    # CI adds how many processes share the work, and nothing that leaves a test out.
    shared = "uv run pytest -n 2 --dist loadfile"
    assert f"`{shared}`" in README
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f" {shared} --durations=10 2>&1" in ci
