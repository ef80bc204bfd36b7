"""Journal time: the end of the latest delivery, whichever way it becomes known."""

from __future__ import annotations

from durable_core._engine.clock import Clock, End


class Early:
    """A context that was delivered before its end was recorded."""

    def __init__(self, ms: int) -> None:
        self.ms = ms
        self.pins = 0

    def pin_end(self) -> int:
        self.pins += 1
        return self.ms


def test_a_clock_never_goes_back() -> None:
    clock = Clock(5)
    assert clock.read() == 5
    clock.advance(9)
    clock.advance(7)
    assert clock.read() == 9


def test_reading_pins_an_end_that_nobody_knows_once() -> None:
    clock, early = Clock(5), Early(8)
    clock.hold(End(early))
    assert (clock.read(), clock.read(), early.pins) == (8, 8, 1)


def test_an_end_that_became_known_is_read_and_not_pinned() -> None:
    clock, early = Clock(5), Early(8)
    end = End(early)
    clock.hold(end)
    end.ms = 11
    assert clock.read() == 11
    assert early.pins == 0


def test_holding_another_end_keeps_the_unknown_and_counts_the_known() -> None:
    clock = Clock(5)
    first, second, third = Early(6), Early(7), Early(8)
    known = End(second)
    clock.hold(End(first))
    clock.hold(known)
    known.ms = 20
    clock.hold(End(third))
    assert clock.read() == 20
    assert (first.pins, second.pins, third.pins) == (1, 0, 1)


def test_a_forked_clock_goes_on_by_itself() -> None:
    clock, early = Clock(5), Early(8)
    end = End(early)
    clock.hold(end)
    fork = clock.fork()
    fork.advance(30)
    assert fork.read() == 30
    assert clock.read() == 8
    assert early.pins == 1
    clock.advance(9)
    assert fork.read() == 30
