"""What can be set: in code, or in the environment."""

from __future__ import annotations

import math
import os
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from durable_core import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_core.lowlevel import InvocationDetails

DEFAULT_FLUSH_SECONDS: Final = 2.0
DEFAULT_SCOPE: Final = "durable-otel"


class View(Enum):
    """How the spans of an execution hang together; what they are is the same."""

    INVOCATION = "invocation"
    """Operations under the invocation that ran them, in segments: visible as they happen."""
    EXECUTION = "execution"
    """Each operation once, under the workflow: complete when the execution has ended."""


class Settings(NamedTuple):
    """How a workflow is traced.

    Attributes:
        view: How spans hang together.
        tracer_provider: None: the global one, looked up anew in each invocation.
        meter_provider: None: the global one.
        metrics: Whether metrics are recorded.
        baggage_keys: Baggage that is taken from callers, shown on the invocation's span and handed
            to steps; all other baggage is dropped.
        flush_timeout: Seconds that an invocation's end waits for the exporters; 0: it does not.
        workflow_span_name: The name of the span of a whole execution.
        scope_name: The instrumentation scope.
        carrier: Where the caller's trace context comes from, instead of input and environment.
        now_ns: The clock, instead of the host's.
    """

    view: View = View.INVOCATION
    tracer_provider: Any = None
    meter_provider: Any = None
    metrics: bool = True
    baggage_keys: tuple[str, ...] = ()
    flush_timeout: float = DEFAULT_FLUSH_SECONDS
    workflow_span_name: str = "Workflow"
    scope_name: str = DEFAULT_SCOPE
    carrier: Callable[[InvocationDetails], Mapping[str, str]] | None = None
    now_ns: Callable[[], int] | None = None


def settings_from_environment() -> Settings:
    """Read `DURABLE_OTEL_VIEW`, `_METRICS`, `_BAGGAGE_KEYS` and `_FLUSH_TIMEOUT`.

    Raises:
        ValidationError: One of them is not what it should be.
    """
    view = _variable("VIEW")
    seconds = _variable("FLUSH_TIMEOUT")
    keys = (key.strip() for key in _variable("BAGGAGE_KEYS").split(","))
    return Settings(
        view=checked_view(_name("VIEW"), view.lower()) if view else View.INVOCATION,
        metrics=_variable("METRICS").lower() not in ("0", "false", "no", "off"),
        baggage_keys=tuple(key for key in keys if key),
        flush_timeout=_flush_seconds(seconds) if seconds else DEFAULT_FLUSH_SECONDS,
    )


def checked_view(option: str, view: View | str) -> View:
    """The view of this name."""
    try:
        return View(view)
    except ValueError:
        raise ValidationError(
            f'{option} must be "invocation" or "execution"; found {view!r}'
        ) from None


def checked_seconds(option: str, seconds: Any) -> float:
    """Seconds to wait; 0 is not to wait."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if is_number and 0 <= seconds < math.inf:
        return seconds
    raise ValidationError(
        f"{option} must be a number of seconds, 0 (not to wait) or more; found {seconds!r}"
    )


def _flush_seconds(text: str) -> float:
    try:
        seconds: object = float(text)
    except ValueError:
        seconds = text
    return checked_seconds(_name("FLUSH_TIMEOUT"), seconds)


def _variable(name: str) -> str:
    return os.environ.get(_name(name), "")


def _name(name: str) -> str:
    return f"DURABLE_OTEL_{name}"
