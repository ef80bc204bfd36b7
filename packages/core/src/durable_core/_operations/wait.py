"""Waits: durable timers that are asked for by name."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from durable_core._protocol.limits import MAX_DELAY_SECONDS
from durable_core._protocol.wire import EPOCH
from durable_core._values.durations import Duration, whole_seconds
from durable_core._values.errors import ValidationError

if TYPE_CHECKING:
    from durable_core._engine.seam import EngineSeam


def wait_seconds(name: str | None, duration: Duration | None, *parts: float) -> int:
    """Whole seconds of a wait, from a duration or its days, hours, minutes and seconds."""
    if duration is not None:
        if any(parts):
            raise ValidationError("wait() takes a duration or days=, hours=, …; not both")
        return whole_seconds(duration, what=_what(name))
    if name is not None and not any(parts):
        raise ValidationError(
            f"wait({name!r}) is a wait called {name!r} with no duration: write wait(seconds=5), or "
            "wait('its name', timedelta(seconds=5)); a text is never a duration"
        )
    days, hours, minutes, seconds = parts
    total = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return whole_seconds(total, what=_what(name))


def _what(name: str | None) -> str:
    return "the duration of wait()" if name is None else f"the duration of wait() {name!r}"


def seconds_until(when: datetime, engine: EngineSeam) -> int:
    """Whole seconds until `when`, at least 1: counted by the host's clock.

    Only the first run uses it: the service keeps the end, and a replay waits for that.
    """
    if when.tzinfo is None:
        raise ValidationError(
            f"wait_until() needs an aware datetime (with a time zone); found {when!r}"
        )
    seconds = ceil((when - EPOCH).total_seconds() - engine.host_now_ms / 1000)
    if seconds > MAX_DELAY_SECONDS:
        raise ValidationError(
            f"wait_until({when.isoformat()}) is {seconds:,} s away; the service keeps a timer for "
            f"at most {MAX_DELAY_SECONDS:,} s (366 days)"
        )
    return max(1, seconds)
