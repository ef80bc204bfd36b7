"""The type variables of the public surface, in one place."""

from __future__ import annotations

from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
S = TypeVar("S")
U = TypeVar("U")
Ts = TypeVarTuple("Ts")
