"""What users can import is whole: it exists, says what it is, and is in the reference."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = "\n".join(
    page.read_text(encoding="utf-8") for page in sorted((DOCS / "reference").glob("*.md"))
)
ROOTS = [
    "durable_core",
    "durable_core.lowlevel",
    "durable_aws_lambda",
    "durable_testing",
    "durable_otel",
]


@pytest.mark.parametrize("root", ROOTS)
def test_everything_a_package_exports_exists_and_says_what_it_is(root: str) -> None:
    module = importlib.import_module(root)
    exports = getattr(module, "__all__", ())
    assert isinstance(exports, tuple)
    assert len(set(exports)) == len(exports)
    for name in exports:
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, f"{root}.{name} has no docstring"


def test_the_reference_mentions_everything_the_core_exports() -> None:
    exports = importlib.import_module("durable_core").__all__
    assert not [name for name in exports if f"{name}" not in REFERENCE]


def test_the_reference_mentions_every_method_of_a_context() -> None:
    context = importlib.import_module("durable_core").DurableContext
    methods = [name for name in dir(context) if not name.startswith("_")]
    assert not [name for name in methods if name not in REFERENCE]
