"""Completions are handed over in journal order: end, then start sequence."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from durable_core._engine.deliveries import Deliveries
from durable_core._engine.due import DueTimes, owed


class Completion:
    """As much of an operation as the order looks at."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.is_dropped = False
        self.is_ready = True
        self.is_pending = True
        self.owed: int | bool | None = False
        self.operation_id = str(sequence)
        self.type = "WAIT"
        self.name = f"n{sequence}"

    def order(self) -> int:
        return self.sequence

    def is_deliverable(self) -> bool:
        return self.is_ready

    def pending_until_ms(self) -> int | bool | None:
        return self.owed

    def __repr__(self) -> str:
        return f"#{self.sequence}"


def known(*entries: tuple[int, Any]) -> Deliveries:
    deliveries = Deliveries()
    for key_ms, operation in entries:
        deliveries.add(operation, key_ms)
    return deliveries


def emptied(deliveries: Deliveries) -> list[tuple[int, int]]:
    order: list[tuple[int, int]] = []
    while (following := deliveries.pop()) is not None:
        operation, key_ms = following
        order.append((key_ms, operation.order()))
    return order


@given(st.lists(st.integers(0, 5)), st.data())
def test_what_is_known_leaves_by_end_then_start_sequence(keys: list[int], data: Any) -> None:
    completions = [(key, Completion(place)) for place, key in enumerate(keys)]
    shuffled = data.draw(st.permutations(completions))
    expected = sorted((key, completion.sequence) for key, completion in completions)
    assert emptied(known(*shuffled)) == expected


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=8))
def test_what_is_dropped_never_leaves(entries: list[tuple[int, bool, bool]]) -> None:
    deliveries = Deliveries()
    kept: list[tuple[int, int]] = []
    for sequence, (key, is_dropped, drops_late) in enumerate(entries):
        completion: Any = Completion(sequence)
        completion.is_dropped = is_dropped and not drops_late
        deliveries.add(completion, key)
        completion.is_dropped = is_dropped
        if not is_dropped:
            kept.append((key, sequence))
    assert emptied(deliveries) == sorted(kept)


def test_the_only_one_known_is_taken_without_a_heap() -> None:
    only: Any = Completion(0)
    other: Any = Completion(1)
    deliveries = known((7, only))
    assert deliveries.pop_if_only(other) is None
    assert deliveries
    assert deliveries.pop_if_only(only) == 7
    assert not deliveries
    deliveries = known((7, only), (7, other))
    assert deliveries.pop_if_only(only) is None
    assert emptied(deliveries) == [(7, 0), (7, 1)]


def test_a_heap_that_became_short_still_gives_its_order() -> None:
    deliveries = known((3, Completion(0)), (1, Completion(1)))
    assert deliveries.pop() is not None
    deliveries.add(Completion(2), 2)  # type: ignore[arg-type]
    assert emptied(deliveries) == [(2, 2), (3, 0)]


def test_looking_at_the_first_leaves_it() -> None:
    first: Any = Completion(1)
    deliveries = known((3, Completion(0)), (1, first))
    assert deliveries.first() is first
    assert emptied(deliveries) == [(1, 1), (3, 0)]
    assert deliveries.first() is None


def test_what_is_not_ready_holds_back_all_that_ended_later() -> None:
    late: Any = Completion(0)
    late.is_ready = False
    deliveries = known((1, late), (2, Completion(1)))
    assert deliveries.pop_deliverable() is None
    late.is_ready = True
    assert deliveries.pop_deliverable() == (late, 1)
    assert emptied(deliveries) == [(2, 1)]


def test_what_is_not_ready_lets_pass_what_ended_in_the_same_millisecond() -> None:
    outer: Any = Completion(0)
    outer.is_ready = False
    inner: Any = Completion(1)
    deliveries = known((1, outer), (1, inner), (2, Completion(2)))
    assert deliveries.pop_deliverable() == (inner, 1)
    assert deliveries.pop_deliverable() is None
    assert emptied(deliveries) == [(1, 0), (2, 2)]


def test_several_that_are_not_ready_wait_together() -> None:
    waiting: list[Any] = [Completion(0), Completion(1)]
    for completion in waiting:
        completion.is_ready = False
    deliveries = known((1, waiting[0]), (1, waiting[1]))
    assert deliveries.pop_deliverable() is None
    assert emptied(deliveries) == [(1, 0), (1, 1)]


def test_nothing_known_is_nothing_deliverable() -> None:
    assert Deliveries().pop_deliverable() is None


# What the world owes


def due(sequence: int, owed: int | bool | None) -> Any:  # noqa: FBT001
    operation = Completion(sequence)
    operation.owed = owed
    return operation


def test_the_next_due_time_is_the_earliest_that_still_counts() -> None:
    times = DueTimes()
    assert times.next_ms() is None
    gone, moved, settled, stands = due(0, 1), due(1, 9), due(2, False), due(3, 5)
    for key_ms, operation in ((1, gone), (2, moved), (3, settled), (5, stands), (9, moved)):
        times.expect(operation, key_ms)
    gone.is_dropped = True
    assert times.next_ms() == 5
    assert times.next_ms() == 5
    stands.is_pending = False
    assert times.next_ms() == 9
    moved.is_pending = False
    assert times.next_ms() is None


def test_an_invocation_is_suspended_on_what_is_pending_and_wanted() -> None:
    dropped, delivered = due(0, 4), due(1, 4)
    dropped.is_dropped = True
    delivered.is_pending = False
    waiting = owed([dropped, delivered, due(2, False), due(3, None), due(4, 77)])
    assert [(operation.name, until) for operation, until in waiting] == [("n3", None), ("n4", 77)]
