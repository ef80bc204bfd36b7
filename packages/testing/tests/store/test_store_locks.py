from __future__ import annotations

import subprocess
import sys

from durable_testing.store.locks import ExecutionLocks, place_of

TRY_FROM_ELSEWHERE = """
import sys
from pathlib import Path
from durable_testing.store.locks import ExecutionLocks
locks = ExecutionLocks(Path(sys.argv[1]))
print([locks.acquire(int(place)) for place in sys.argv[2:]])
"""


def elsewhere(path, *places):
    """Whether another process gets the places."""
    command = [sys.executable, "-c", TRY_FROM_ELSEWHERE, path, *map(str, places)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


def test_a_place_is_held_by_one_process_and_free_after_it(path):
    locks = ExecutionLocks(path)
    assert [locks.acquire(7), locks.acquire(7)] == [True, True]
    assert 7 in locks
    assert elsewhere(path, 7, 8) == "[False, True]"
    assert locks.acquire(8)  # the other process is gone
    locks.release(7)
    locks.release(7)
    assert 7 not in locks
    assert elsewhere(path, 7, 8) == "[True, False]"
    locks.close()
    assert elsewhere(path, 7, 8) == "[True, True]"


def test_two_users_in_one_process_exclude_each_other(path):
    first, second = ExecutionLocks(path), ExecutionLocks(path)
    assert first.acquire(7)
    assert not second.acquire(7)
    assert second.acquire(8)
    second.close()  # which must not let go of what the first one holds
    assert elsewhere(path, 7, 8) == "[False, True]"
    first.close()


def test_a_link_to_a_database_has_the_locks_of_the_database(path):
    path.touch()
    link = path.with_name("link.db")
    link.symlink_to(path)
    first, second = ExecutionLocks(path), ExecutionLocks(link)
    assert first.acquire(7)
    assert not second.acquire(7)
    first.close()
    second.close()


def test_a_place_held_elsewhere_is_refused(path):
    code = TRY_FROM_ELSEWHERE + "\nsys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code, path, "7"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "[True]\n"
        locks = ExecutionLocks(path)
        assert [locks.acquire(7), locks.acquire(8)] == [False, True]
        holder.kill()
        holder.wait()
        assert locks.acquire(7)
        locks.close()


def test_places_are_offsets_that_a_file_can_have_and_names_do_not_run_together():
    assert place_of("f", "run") == place_of("f", "run")
    assert place_of("f", "run") != place_of("fr", "un")
    assert all(0 <= place_of(f"{n}") < 2**62 for n in range(1000))
