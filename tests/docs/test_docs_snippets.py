"""Every Python block of every document runs, and prints what the document says it prints.

The blocks of one page run in order in one namespace, as a reader would paste them. A line
`# > text` is a line of output that its block must print. A block inside an HTML comment is run too,
and prepares the next.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "packages/*/README.md")
    for page in ROOT.glob(pattern)
    if BLOCK.search(page.read_text(encoding="utf-8"))
)


def blocks(page: Path) -> list[str]:
    """The page's code, each block moved down to its own line numbers."""
    text = page.read_text(encoding="utf-8")
    return ["\n" * text.count("\n", 0, m.start(1)) + m.group(1) for m in BLOCK.finditer(text)]


@pytest.fixture
def module(request: pytest.FixtureRequest) -> Iterator[types.ModuleType]:
    """A module to run a page in, importable while it runs: annotations are looked up there."""
    name = re.sub(r"\W", "_", str(request.param.relative_to(ROOT)))
    sys.modules[name] = found = types.ModuleType(name)
    yield found
    del sys.modules[name]


@pytest.mark.parametrize(
    ("module", "page"),
    [(page, page) for page in PAGES],
    indirect=["module"],
    ids=[str(page.relative_to(ROOT)) for page in PAGES],
)
def test_the_snippets_of_a_page_run_and_print_what_it_says(
    module: types.ModuleType, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, str(page), "exec"), module.__dict__)  # noqa: S102 - our own pages
        expected = re.findall(r"^\s*# > ?(.*)$", block, re.MULTILINE)
        if expected:
            assert printed.getvalue().splitlines() == expected


def test_there_are_pages_with_snippets() -> None:
    assert ROOT / "README.md" in PAGES
