"""The parity table is whole, and the names in it exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"`([A-Za-z_][\w.]*\.\w+)`")
NOTHING = "—"


def rows(heading: str) -> list[tuple[str, str, str]]:
    section = (DOCS / "parity.md").read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1]
    lines = [line for line in section.split("\n## ", 1)[0].splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return [(a, b, c) for a, b, c in cells if a not in {"feature", "export", "---"}]


FEATURES = rows("Features of its README")
EXPORTS = rows("Exports")


def resolve(name: str) -> object:
    """Import the longest module that `name` begins with, then take its attributes."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            found = getattr(found, attribute)
        return found
    raise ModuleNotFoundError(name)


def test_every_export_has_one_row() -> None:
    listed = (DOCS / "parity_exports.txt").read_text(encoding="utf-8").split()
    assert sorted(export.strip("`") for export, _, _ in EXPORTS) == sorted(listed)


@pytest.mark.parametrize(("subject", "ours", "note"), [*FEATURES, *EXPORTS])
def test_a_row_names_what_stands_for_it_or_says_why_nothing_does(
    subject: str, ours: str, note: str
) -> None:
    if ours == NOTHING:
        assert note, f"{subject}: no reason given"
    else:
        names = NAME.findall(ours)
        assert names, f"{subject}: no name to look up in {ours!r}"
        assert all(resolve(name) is not None for name in names)


@pytest.mark.parametrize(("feature", "shown_by"), [(f, s) for f, _, s in FEATURES])
def test_a_feature_is_shown_by_a_test_that_exists(feature: str, shown_by: str) -> None:
    assert shown_by, feature
    for path in re.findall(r"`(tests/[^`]+)`", shown_by):
        assert (DOCS.parent / path).exists(), f"{feature}: {path} is missing"
