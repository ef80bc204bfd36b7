"""What may be a workflow's plugin."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest

from durable_core import ValidationError
from durable_core.lowlevel import Instrumentation, Workflow, checked_workflow, workflow_of


async def program(event: Any, context: Any) -> Any: ...


class Watching(Instrumentation):
    def __init__(self, label: str = "") -> None:
        self.label = label


class Demanding(Instrumentation):
    def __init__(self, label: str) -> None: ...


class Duck:
    """No subclass, and yet a plugin."""

    def operation_start(self, operation: Any) -> None: ...


class Tracing:
    """What makes the plugin of each invocation."""

    def __call__(self) -> Instrumentation:
        return Watching()


def instrument(*, view: str = "") -> Tracing:
    return Tracing()


def watching() -> Watching:
    return Watching()


GOOD = [
    Watching,
    Duck,
    Tracing(),
    watching,
    lambda: Watching("x"),
    functools.partial(Watching, "x"),
]


@pytest.mark.parametrize("make", GOOD, ids=range(len(GOOD)))
def test_what_makes_a_plugin_is_taken(bench: Any, make: Any) -> None:
    bench.result(checked_workflow(program, plugins=[make]))


@pytest.mark.parametrize("nothing", [(), [], None])
def test_no_plugin_is_taken(nothing: Any) -> None:
    assert checked_workflow(program, plugins=nothing).plugins == ()


@pytest.mark.parametrize(
    ("plugins", "found"),
    [
        ([instrument], "instrument, which is a function that makes the plugin: plugins=[instrumen"),
        (Tracing(), "Tracing object at .*, which is no list"),
        (Watching, "Watching'>, which is no list"),
        ([Watching, 3], "found 3$"),
        ("otel", "found 'o'$"),
        ([Watching()], "an object of Watching, which serves one invocation: give the class"),
        ([int], "the class int, which is no Instrumentation"),
        ([Demanding], "Demanding, which cannot be called without arguments: .*'label'"),
    ],
    ids=map(str, range(8)),
)
def test_what_makes_no_plugin_is_refused(plugins: Any, found: str) -> None:
    expected = f"^plugins must be a list of .*{found.replace('[', '.')}"
    with pytest.raises(ValidationError, match=expected):
        checked_workflow(program, plugins=plugins)
    with pytest.raises(ValidationError, match=r"^plugins must be a list of "):
        workflow_of(Workflow(program, plugins=plugins))


class Unspeakable:
    def __repr__(self) -> str:
        raise LookupError("unspeakable")


def odd() -> Any:
    return Unspeakable()


def raises() -> Instrumentation:
    raise LookupError("no exporter")


@pytest.mark.parametrize(
    ("make", "told", "error"),
    [
        (raises, "raises must make an Instrumentation; it raised and is ignored", "no exporter"),
        (lambda: None, "<lambda> must make an Instrumentation; it made None and", None),
        (
            lambda: instrument(view="x"),
            "<lambda> must make an Instrumentation; it made .*Tracing object at .* and is ignored",
            None,
        ),
        (lambda: Watching, "<lambda> must .*; it made <class '.*Watching'> and is ignored", None),
        (odd, "odd must .*; it raised and is ignored", "unspeakable"),
    ],
    ids=["raises", "none", "factory", "class", "unspeakable"],
)
def test_what_makes_no_plugin_is_reported_and_ignored(
    bench: Any, caplog: pytest.LogCaptureFixture, make: Any, told: str, error: str | None
) -> None:
    began: list[str] = []

    class Noting(Instrumentation):
        def invocation_start(self, invocation: Any, /) -> None:
            began.append(invocation.execution_name)

    async def handler(event: Any, context: Any) -> str:
        return "ok"

    assert bench.result(checked_workflow(handler, plugins=[Noting, make, Noting])) == "ok"
    assert len(began) == 2
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert re.match(f"the plugin factory {told}", record.getMessage())
    assert (str(record.exc_info[1]) if record.exc_info else None) == error
