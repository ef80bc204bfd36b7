"""AWS's OpenTelemetry suites, brought from the package index at run time."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from conformance import wheel

if TYPE_CHECKING:
    from types import ModuleType

    from conformance.wheel import Suite

SUITE: Final = "aws-durable-execution-conformance-tests-otel==0.2.0"
VIEWS: Final = {"otel-invocation": "invocation", "otel-execution": "execution"}
LONG: Final = "otel-long-running"


class OtelSuite(NamedTuple):
    """The core suite's validators with the files of these suites, and what judges spans."""

    core: Suite
    model: ModuleType
    validators: ModuleType


def load_otel_suite() -> OtelSuite:
    """Bring the suites if they are not there, and import their validators."""
    core = wheel.load_suite()
    home = wheel.CACHE / f"suite-otel-0.2.0-{sys.implementation.cache_tag}"
    if not home.exists():
        with TemporaryDirectory(dir=wheel.CACHE) as folder:
            wheel._install(SUITE, folder, "--no-deps", ignore_python=True)
            # Another process may have been faster.
            with suppress(OSError):
                Path(folder).rename(home)
                Path(folder).mkdir()
    sys.path.append(str(home))
    package = "aws_durable_execution_conformance_tests_otel"
    folders = home / package / "test_requirements"
    files = {
        file.stem: file
        for suite in (*VIEWS, LONG)
        for file in sorted((folders / suite).glob("*.yaml"), key=_number)
    }
    return OtelSuite(
        core._replace(files=files),
        importlib.import_module(f"{package}.model"),
        importlib.import_module(f"{package}.validators"),
    )


def _number(file: Path) -> int:
    return int(file.stem.rpartition("-")[2])
