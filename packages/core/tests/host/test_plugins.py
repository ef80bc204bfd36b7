"""What may be a workflow's plugin."""

from __future__ import annotations

import functools
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


def test_something_else_than_a_plugin_is_refused_when_it_is_made(bench: Any) -> None:
    expected = "the plugin that <lambda> makes must be an Instrumentation; found .*Tracing"
    with pytest.raises(ValidationError, match=expected):
        bench.invoke(checked_workflow(program, plugins=[lambda: instrument(view="x")]))
