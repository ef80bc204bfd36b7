"""A virtual clock for tests; on request, the clock of ordinary code too."""

from __future__ import annotations

import datetime as dt
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from durable_core.lowlevel import to_datetime
from durable_testing.engine import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class DurableClock(VirtualClock):
    """A virtual clock that runs share: what comes later starts where the last one ended.

    Args:
        set_attribute: Sets an attribute until the test ends: `monkeypatch.setattr`.
        start: When time begins; 2026-01-01 UTC unless told otherwise.
    """

    def __init__(
        self, set_attribute: Callable[[Any, str, Any], object], start: datetime | None = None
    ) -> None:
        if start is None:
            super().__init__()
        else:
            super().__init__(_milliseconds(start))
        self._set_attribute = set_attribute

    def now(self) -> datetime:
        """Return the virtual time."""
        return to_datetime(self.now_ms())

    def set(self, when: datetime) -> None:
        """Make it a later time; between runs.

        Raises:
            ValueError: It is later already.
        """
        when_ms = _milliseconds(when)
        if when_ms < self.now_ms():
            raise ValueError(f"time does not go back: it is {self.now()}, not {when}")
        self._now_ms = when_ms

    def freeze(self, *modules: ModuleType) -> None:
        """Make `time.time()` and `datetime.now()` tell the virtual time until the test ends.

        For step bodies. A module that has `from datetime import datetime`, or `from time import
        time`, has to be given; `datetime.datetime.now()` and `time.time()` need no more.
        """

        def seconds() -> float:
            return self.now_ms() / 1000

        def nanoseconds() -> int:
            return self.now_ms() * 1_000_000

        original, replacement = dt.datetime, _datetime_at(self.now)
        for name, fn in (("time", seconds), ("time_ns", nanoseconds)):
            for module in modules:
                if getattr(module, name, None) is getattr(time, name):
                    self._set_attribute(module, name, fn)
        for module in (dt, *modules):
            if getattr(module, "datetime", None) is original:
                self._set_attribute(module, "datetime", replacement)
        self._set_attribute(time, "time", seconds)
        self._set_attribute(time, "time_ns", nanoseconds)


class _AnyDatetime(type):
    """Makes every datetime an instance."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def _datetime_at(now: Callable[[], datetime]) -> type[datetime]:
    """Return a `datetime` whose present is another."""

    class VirtualDatetime(datetime, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            found = now()
            return (
                found.astimezone(tz) if tz is not None else found.astimezone().replace(tzinfo=None)
            )

        @classmethod
        def today(cls) -> Any:
            return cls.now()

        @classmethod
        def utcnow(cls) -> Any:
            return now().replace(tzinfo=None)

    return VirtualDatetime


def _milliseconds(when: datetime) -> int:
    if when.tzinfo is None:
        raise ValueError(f"give an aware datetime, with a time zone; found {when!r}")
    return (when - _EPOCH) // _MILLISECOND
