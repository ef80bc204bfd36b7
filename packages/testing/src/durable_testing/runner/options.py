"""How a runner runs: its options, checked where they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from durable_testing.engine import VirtualClock
from durable_testing.runner.durations import Duration, positive_span
from durable_testing.runner.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a runner runs; see `DurableTestRunner`."""

    seed: int
    faults: tuple[Fault, ...]
    state_page_size: int | None
    timeout: timedelta | None
    execution_timeout: timedelta | None
    replay_check: bool | Literal["every"]
    clock: VirtualClock | None


def checked_options(
    *,
    seed: Any,
    faults: Iterable[Any],
    state_page_size: Any,
    timeout: Duration | None,
    execution_timeout: Duration | None,
    replay_check: Any,
    clock: Any,
) -> Options:
    """Return the options.

    Raises:
        ValueError: One is not what it may be; the message says what it may.
    """
    if not _is_whole(seed):
        raise ValueError(f"seed must be a whole number; found {seed!r}")
    if state_page_size is not None and not (_is_whole(state_page_size) and state_page_size > 0):
        raise ValueError(
            f"state_page_size must be a whole number, at least 1, or None; found "
            f"{state_page_size!r}"
        )
    if not (isinstance(replay_check, bool) or replay_check == "every"):
        raise ValueError(f"replay_check must be True, False or 'every'; found {replay_check!r}")
    if not (clock is None or isinstance(clock, VirtualClock)):
        raise ValueError(f"clock must be a VirtualClock or None; found {clock!r}")
    return Options(
        seed=seed,
        faults=_checked_faults(faults),
        state_page_size=state_page_size,
        timeout=None if timeout is None else positive_span(timeout, "timeout"),
        execution_timeout=None
        if execution_timeout is None
        else positive_span(execution_timeout, "execution_timeout"),
        replay_check=replay_check,
        clock=clock,
    )


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _checked_faults(faults: Iterable[Any]) -> tuple[Fault, ...]:
    given = tuple(faults)
    for fault in given:
        if not isinstance(fault, Fault):
            raise ValueError(  # noqa: TRY004  the same for every option
                f"faults must be made by Fault.crash(…) and its like; found {fault!r}"
            )
    return given
