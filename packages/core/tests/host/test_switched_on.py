"""Plugins that installed packages offer, and that `DURABLE_PLUGINS` switches on."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import EntryPoints
from typing import TYPE_CHECKING, Any

import pytest

from durable_core import ValidationError
from durable_core.lowlevel import checked_workflow

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
from durable_core.lowlevel import Instrumentation

calls = []


def noting():
    calls.append("offered")
    return Noting


def failing():
    raise LookupError("NOTED_TO is not set")


class Noting(Instrumentation):
    def invocation_start(self, invocation, /):
        calls.append("started")
"""
MISSING = "import a_package_that_is_not_there\n"
OFFERS = {
    "noting": "noting_plugin:noting",
    "noting-unset": "noting_plugin:failing",
    "noting-gone": "noting_plugin:gone",
    "noting-broken": "noting_broken:noting",
}


async def program(event: Any, context: Any) -> Any:
    await context.wait("pause", 60)
    return "ok"


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "noting-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: noting\nVersion: 1\n")
    listed = "\n".join(f"{name} = {value}" for name, value in OFFERS.items())
    (info / "entry_points.txt").write_text(f"[durable.plugins]\n{listed}\n")
    (tmp_path / "noting_plugin.py").write_text(SOURCE)
    (tmp_path / "noting_broken.py").write_text(MISSING)
    monkeypatch.syspath_prepend(tmp_path)


def switch_on(monkeypatch: pytest.MonkeyPatch, names: str) -> None:
    monkeypatch.setenv("DURABLE_PLUGINS", names)


def test_a_plugin_that_is_named_serves_each_invocation(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(monkeypatch, " noting, ")
    assert bench.result(checked_workflow(program)) == "ok"
    assert bench.invocations == 2
    assert import_module("noting_plugin").calls == ["offered", "started", "started"]


@pytest.mark.parametrize("names", ["", " , ", None])
def test_nothing_is_switched_on_where_nothing_is_named(
    bench: Any, monkeypatch: pytest.MonkeyPatch, names: str | None
) -> None:
    if names is None:
        monkeypatch.delenv("DURABLE_PLUGINS", raising=False)
    else:
        switch_on(monkeypatch, names)
    assert bench.result(checked_workflow(program)) == "ok"


REFUSED = {
    "noting, noted, other": "DURABLE_PLUGINS names noted, other; the installed packages offer ",
    "noting-unset": (
        "DURABLE_PLUGINS names noting-unset, and loading noting_plugin:failing raised LookupError: "
        "NOTED_TO is not set. Mend what it says, or take the name out; the installed packages offer"
    ),
    "noting-gone": "and loading noting_plugin:gone raised AttributeError: ",
    "noting-broken": "loading noting_broken:noting raised ModuleNotFoundError: No module named",
}


@pytest.mark.parametrize(("names", "said"), REFUSED.items(), ids=REFUSED)
def test_a_name_that_stands_for_no_plugin_is_refused_where_a_workflow_is_made(
    bench: Any, monkeypatch: pytest.MonkeyPatch, names: str, said: str
) -> None:
    switch_on(monkeypatch, names)
    with pytest.raises(ValidationError, match=re.escape(said)) as refused:
        checked_workflow(program)
    assert ", ".join(sorted(OFFERS)) in str(refused.value)
    # A host that makes its workflows otherwise hears of it in its invocations.
    with pytest.raises(ValidationError, match=re.escape(said)):
        bench.invoke(program)


def test_that_no_package_offers_any_plugin_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: EntryPoints(()))
    switch_on(monkeypatch, "noted")
    said = (
        "DURABLE_PLUGINS names noted; the installed packages offer no plugin. Correct the "
        "variable, or install the package that offers what it names"
    )
    with pytest.raises(ValidationError, match=re.escape(said)):
        checked_workflow(program)
