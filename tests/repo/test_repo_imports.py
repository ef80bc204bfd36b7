"""The core stands on the standard library alone."""

from __future__ import annotations

import sys

import grimp

NEEDS_ITS_EXTRA = "durable_core.pydantic_serdes"


def test_the_core_imports_only_the_standard_library() -> None:
    graph = grimp.build_graph("durable_core", include_external_packages=True)
    outside = {m for m in graph.modules if m.partition(".")[0] != "durable_core"}
    importers = {
        m: graph.find_modules_that_directly_import(m) - {NEEDS_ITS_EXTRA}
        for m in outside - sys.stdlib_module_names
    }
    assert not {m: by for m, by in importers.items() if by}


def test_nothing_in_the_core_imports_the_module_that_needs_an_extra() -> None:
    graph = grimp.build_graph("durable_core")
    if NEEDS_ITS_EXTRA in graph.modules:
        assert not graph.find_modules_that_directly_import(NEEDS_ITS_EXTRA)
