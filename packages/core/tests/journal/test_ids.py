"""Operation ids are structure: the scheme of AWS's Python SDK, and the lineage of sub-tasks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_core._engine.scope import ContextBody, Scope
from durable_core._journal.ids import child_path, operation_id, task_prefix

FIRST = "1ced8f5be2db23a6513eba4d819c73806424748a7bc6fa0d792cc1c7d1775a97"
VECTORS = {
    "1": FIRST,
    "12": "b7a5a0f0fb0c4a128b8a3e042fc860775d68d825bb3bf180479d0e12b1884e26",
    f"{FIRST}-1": "974bfc6321e227b0ff101342eaf19b336f002dc6cc99c18f0941a7755cc20fc4",
    f"{FIRST}-0": "1712f93e2f51df042e2b933907d75accfe34a48fe4a42a24e0b08131bc72d591",
    "t1-1": "419c233a436ad4eed1bceb460aef880092964269e7c7f915a569717f40763250",
    f"{FIRST}-t2-1": "0a186658adb7cabd6e319afd814f53ff38326e73f83525a7f4255f802300d310",
}


@pytest.mark.parametrize("path", VECTORS)
def test_an_id_is_the_first_half_of_the_paths_blake2b(path: str) -> None:
    assert operation_id(path) == VECTORS[path]


@given(st.text(max_size=30))
def test_an_id_is_one_that_the_service_takes(path: str) -> None:
    if path.isascii():
        assert re.fullmatch("[0-9a-f]{64}", operation_id(path))


def test_the_root_counts_from_one_without_a_prefix() -> None:
    scope = Scope(ContextBody(None, None), "")
    assert scope.upcoming_path() == "1"
    assert [scope.next_path() for _ in range(3)] == ["1", "2", "3"]
    assert scope.upcoming_path() == "4"


def test_a_context_counts_under_its_own_id() -> None:
    root = ContextBody(None, None)
    inner = ContextBody(None, FIRST, enclosing=root)
    assert Scope(inner, inner.prefix).next_path() == f"{FIRST}-1"


def test_a_branch_of_a_batch_counts_from_zero() -> None:
    assert child_path(FIRST, 0) == f"{FIRST}-0"


def test_a_sub_task_counts_on_its_own_and_nests() -> None:
    scope = Scope(ContextBody(None, None), "")
    first, second = scope.sub_task(), scope.sub_task()
    nested = second.sub_task()
    assert [first.next_path(), first.next_path()] == ["t1-1", "t1-2"]
    assert second.next_path() == "t2-1"
    assert nested.next_path() == "t2-t1-1"
    assert scope.next_path() == "1"
    assert scope.sub_task(7).prefix == "t7"
    assert scope.tasks == 2


def test_no_two_places_of_the_structure_share_a_path() -> None:
    paths = [child_path(task_prefix("", n), m) for n in range(1, 13) for m in range(1, 13)]
    paths += [child_path("", n) for n in range(1, 200)]
    paths += [child_path(task_prefix(task_prefix("", 1), n), 1) for n in range(1, 13)]
    assert len(set(paths)) == len(paths)
