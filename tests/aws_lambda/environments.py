"""Tools that do not go with the workspace's own versions, each in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache" / "aws-lambda"

SAM: Final = ("aws-sam-translator==1.115.0", "cfn-lint==1.58.0")
"""The translator wants an older pydantic than the workspace has."""
AWS_EMULATOR: Final = ("aws-durable-execution-sdk-python-testing==1.4.0",)


def environment(name: str, *requirements: str) -> Path:
    """Make an environment, unless it is there; return its `bin`."""
    home = CACHE / f"{name}-{sys.implementation.cache_tag}"
    done = home / "complete"
    wanted = "\n".join(requirements)
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        python = str(home / "bin" / "python")
        if uv := shutil.which("uv"):
            _run(uv, "venv", "--quiet", "--python", sys.executable, str(home))
            _run(uv, "pip", "install", "--quiet", "--python", python, *requirements)
        else:
            _run(sys.executable, "-m", "venv", str(home))
            _run(python, "-m", "pip", "install", "--quiet", *requirements)
        done.write_text(wanted)
    return home / "bin"


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603
