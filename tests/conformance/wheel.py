"""AWS's wheels, brought from the package index into a cache at run time; nothing is committed."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from types import ModuleType

CACHE: Final = Path(__file__).parents[2] / ".cache" / "conformance"
SUITE: Final = "aws-durable-execution-conformance-tests==1.0.0"
EMULATOR: Final = "aws-durable-execution-sdk-python-testing==1.4.0"


class Suite(NamedTuple):
    """AWS's validators, and the requirements: the YAML file of each, by its id."""

    validate: ModuleType
    cloudwatch: ModuleType
    files: dict[str, Path]


def load_suite() -> Suite:
    """Bring the suite if it is not there, and import its validators."""
    home = CACHE / f"suite-1.0.0-{sys.implementation.cache_tag}"
    if not home.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=CACHE) as folder:
            # It asks for 3.14 and runs on 3.11. It needs boto3, which is here, and PyYAML.
            _install(SUITE, folder, "--no-deps", ignore_python=True)
            _install("pyyaml", folder)
            # Another process may have been faster.
            with suppress(OSError):
                Path(folder).rename(home)
                Path(folder).mkdir()
    sys.path.append(str(home))
    package = "aws_durable_execution_conformance_tests"
    requirements = home / package / "test_requirements"
    return Suite(
        importlib.import_module(f"{package}.validate"),
        importlib.import_module(f"{package}.cloudwatch"),
        {file.stem: file for file in sorted(requirements.rglob("*.yaml"), key=_in_order)},
    )


def emulator_command() -> Path:
    """Bring AWS's emulator into an environment of its own; return its command."""
    home = CACHE / f"emulator-1.4.0-{sys.implementation.cache_tag}"
    command = home / "bin" / "dex-local-runner"
    if not command.exists():
        shutil.rmtree(home, ignore_errors=True)
        if uv := shutil.which("uv"):
            _run(uv, "venv", "--quiet", "--python", sys.executable, str(home))
            _run(uv, "pip", "install", "--quiet", "--python", str(home / "bin/python"), EMULATOR)
        else:
            _run(sys.executable, "-m", "venv", str(home))
            _run(str(home / "bin/python"), "-m", "pip", "install", "--quiet", EMULATOR)
    return command


def _in_order(file: Path) -> list[int]:
    return [int(number) for number in file.stem.split("-")]


def _install(package: str, home: str, *options: str, ignore_python: bool = False) -> None:
    if uv := shutil.which("uv"):
        python = ("--python-version", "3.14") if ignore_python else ()
        command = (uv, "pip", "install", "--quiet", "--python", sys.executable, *python)
    else:
        python = ("--ignore-requires-python",) if ignore_python else ()
        command = (sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", *python)
    _run(*command, *options, "--target", home, package)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603
