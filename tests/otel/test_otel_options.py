"""What `instrument()` and its environment refuse."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from durable_aws_lambda import durable_execution
from durable_core import ValidationError
from durable_otel import Tracing, View, from_environment, instrument, invocation_view


async def handler(event: Any, context: Any) -> None: ...


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tracer_provider": 3}, r"^tracer_provider must be .* with get_tracer\(\), .*found 3$"),
        ({"tracer_provider": TracerProvider}, "found <class .*TracerProvider"),
        ({"meter_provider": "none"}, r"^meter_provider must be .* with get_meter\(\)"),
        ({"flush_timeout": -1}, r"^flush_timeout must be a number of seconds, 0 .*; found -1$"),
        ({"flush_timeout": "2"}, "found '2'$"),
        ({"flush_timeout": float("inf")}, "found inf$"),
        ({"view": "both"}, '^view must be "invocation" or "execution"; found .both.$'),
        ({"baggage_keys": "tenant"}, "^baggage_keys must be a list of keys, .* found 'tenant'$"),
        ({"carrier": {}}, "^carrier must be a function, or None; found {}$"),
        ({"now_ns": 5}, "^now_ns must be a function, or None; found 5$"),
    ],
    ids=map(str, range(10)),
)
def test_an_option_of_the_wrong_kind_is_refused(options: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        instrument(**options)


def test_what_is_right_is_taken() -> None:
    tracing = instrument(view="execution", flush_timeout=0, carrier=lambda _: {}, now_ns=lambda: 1)
    assert (tracing.settings.view, tracing.settings.flush_timeout) == (View.EXECUTION, 0)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DURABLE_OTEL_VIEW", "both", "must be .invocation. or .execution.; found 'both'"),
        ("DURABLE_OTEL_FLUSH_TIMEOUT", "soon", "must be a number of seconds, .*; found 'soon'"),
        ("DURABLE_OTEL_FLUSH_TIMEOUT", "-1", "must be a number of seconds, .*; found -1"),
    ],
)
def test_a_variable_with_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=f"^{variable} {said}"):
        from_environment()


@pytest.mark.parametrize("make", [instrument, from_environment, invocation_view])
def test_a_forgotten_call_is_refused_when_the_handler_is_decorated(make: Any) -> None:
    name = make.__name__
    expected = rf"{name}, which is a function that makes the plugin: plugins=\[{name}\(\)\]$"
    with pytest.raises(ValidationError, match=expected):
        durable_execution(plugins=[make])(handler)


def test_a_plugin_outside_of_a_list_is_refused_when_the_handler_is_decorated() -> None:
    plugins: Any = instrument()
    assert isinstance(plugins, Tracing)
    with pytest.raises(ValidationError, match=r"plugins must be a list .* which is no list$"):
        durable_execution(plugins=plugins)(handler)
