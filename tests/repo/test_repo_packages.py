"""Each package carries what an index and a type checker look for, and all agree."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(p.parent for p in ROOT.glob("packages/*/pyproject.toml"))
NAMES = {
    "durable-core",
    "durable-aws-lambda",
    "durable-testing",
    "durable-otel",
    "durable-examples",
}


def project(package: Path) -> dict[str, Any]:
    return tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_five_packages_are_there() -> None:
    assert {project(p)["name"] for p in PACKAGES} == NAMES


def test_all_packages_have_one_version() -> None:
    assert len({project(p)["version"] for p in PACKAGES}) == 1


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_a_package_is_licensed_typed_and_described(package: Path) -> None:
    fields = project(package)
    module = package / "src" / fields["name"].replace("-", "_")
    assert fields["license"] == "Apache-2.0"
    assert fields["requires-python"] == ">=3.11"
    assert "Typing :: Typed" in fields["classifiers"]
    assert (module / "py.typed").is_file()
    assert "Apache License" in (package / "LICENSE").read_text(encoding="utf-8")
    assert (package / "README.md").read_text(encoding="utf-8").startswith(f"# {fields['name']}")
    assert (package / "CHANGELOG.md").read_text(encoding="utf-8").startswith("# Changelog")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_what_is_installed_is_what_the_package_declares(package: Path) -> None:
    fields = project(package)
    installed = metadata(fields["name"])
    assert installed["Version"] == fields["version"]
    assert installed["Summary"] == fields["description"]


def test_the_core_depends_on_nothing() -> None:
    assert project(ROOT / "packages" / "core")["dependencies"] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_a_package_depends_on_no_sibling_but_the_core(package: Path) -> None:
    siblings = {
        re.split(r"[\[<>=]", d)[0] for d in project(package)["dependencies"] if "durable-" in d
    }
    assert package.name == "examples" or siblings <= {"durable-core"}
