"""What `@durable_execution` refuses, when the module is imported and not in each execution."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta

import pytest

from durable_aws_lambda import durable_execution
from durable_aws_lambda.entry import checked_margin_ms, margin_ms
from durable_core import JsonSerDes, ValidationError
from durable_core.lowlevel import Instrumentation


async def good(event, context): ...


def plain(event, context): ...


async def of_one(event): ...


@dataclass
class Order:
    order_id: str


async def typed(event: Order, context): ...


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (3, "async def handler.event, context.`, .*; found 3$"),
        (plain, r"found plain\(\), not async def \(.*test_decorating.py:\d+\)"),
        (of_one, r"takes the event and a context, .* found of_one\(event\)"),
    ],
    ids=["no function", "not async", "one parameter"],
)
def test_what_is_no_workflow_is_refused(fn, said):
    with pytest.raises(ValidationError, match=said):
        durable_execution(fn)
    with pytest.raises(ValidationError, match=said):
        durable_execution(max_workers=2)(fn)


def test_a_handler_is_decorated_once():
    with pytest.raises(ValidationError, match="good is decorated with @durable_execution already"):
        durable_execution(durable_execution(good))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"client": 3}, "client must be a boto3 Lambda client .* found 3$"),
        ({"client": "lambda"}, "found 'lambda'$"),
        ({"client": type("Own", (), {"checkpoint": 1, "load_page": 1})}, "found <class .*Own'>"),
        (
            {"client": type("Half", (), {"checkpoint": 1})()},
            r"has checkpoint\(\) and load_page\(\)",
        ),
        ({"serdes": 3}, r"serdes must be an object with serialize\(\) and .* found 3$"),
        ({"serdes": JsonSerDes}, "found <class .*JsonSerDes"),
        ({"plugins": Instrumentation}, "plugins must be a list .* which is no list$"),
        ({"plugins": [3]}, "plugins must be a list .* found 3$"),
        ({"max_workers": 0}, "max_workers must be an int of at least 1; found 0$"),
        ({"max_workers": "8"}, "found '8'$"),
        ({"max_workers": True}, "found True$"),
        ({"deadline_margin": "2"}, "deadline_margin must be a timedelta or a number of seconds"),
        ({"deadline_margin": -1}, "0 or more; found -1$"),
        ({"deadline_margin": timedelta(seconds=-1)}, "found datetime.timedelta"),
        ({"deadline_margin": float("nan")}, "found nan$"),
        ({"deadline_margin": float("inf")}, "found inf$"),
        ({"deadline_margin": True}, "found True$"),
    ],
    ids=map(str, range(17)),
)
def test_an_option_of_the_wrong_kind_is_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        durable_execution(**options)(good)


@pytest.mark.parametrize(
    ("given", "expected_ms"),
    [(2, 2_000), (0.25, 250), (timedelta(seconds=3), 3_000), (timedelta(0), 0)],
)
def test_the_margin_is_a_timedelta_or_a_number_of_seconds(given, expected_ms):
    durable_execution(deadline_margin=given)(good)
    assert checked_margin_ms(given) == expected_ms


def test_a_margin_in_the_environment_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("DURABLE_DEADLINE_MARGIN_MS", "1s")
    expected = "DURABLE_DEADLINE_MARGIN_MS must be a whole number of milliseconds; found '1s'"
    with pytest.raises(ValidationError, match=expected):
        margin_ms(None, 60_000)


def test_a_class_for_the_input_is_refused_where_pydantic_is_missing(monkeypatch):
    durable_execution(typed)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    expected = "the input of 'typed' is annotated .*Order'>, which needs pydantic; install durable-"
    with pytest.raises(ValidationError, match=expected):
        durable_execution(typed)


def test_a_plugin_in_the_environment_that_nobody_offers_is_refused(monkeypatch):
    monkeypatch.setenv("DURABLE_PLUGINS", "nobodys")
    expected = "DURABLE_PLUGINS names nobodys; the installed packages offer .* Correct the variable"
    with pytest.raises(ValidationError, match=expected):
        durable_execution(good)
    with pytest.raises(ValidationError, match=expected):
        durable_execution(max_workers=2)(good)


def test_where_the_environment_names_no_plugin_none_is_looked_for(monkeypatch):
    monkeypatch.delenv("DURABLE_PLUGINS", raising=False)
    code = """
import subprocess
import sys
before = set(sys.modules)
from durable_aws_lambda import durable_execution
@durable_execution
async def handler(event, context): ...
print("importlib.metadata" in set(sys.modules) - before)
"""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"
