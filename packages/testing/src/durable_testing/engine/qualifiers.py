"""Functions given under names with a qualifier or without one: `ship:live`, `ship:2`, `ship`."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from durable_core import ValidationError
from durable_testing.model.config import LATEST
from durable_testing.model.errors import ServiceError
from durable_testing.model.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from durable_testing.engine.functions import LocalFunction

UNQUALIFIED_ADVICE: Final = " Name a version or an alias, as '{name}:live' does."
"""What local runs add to the service's refusal of a durable function without a qualifier."""


class _Given(NamedTuple):
    """A function under one of its names."""

    qualifier: str | None
    function: LocalFunction


def spelled(target: str) -> str:
    """Return a function's name, in whatever form it comes, as `name` or `name:qualifier`.

    Raises:
        ValidationError: It is no name of a function.
    """
    try:
        wanted = parse_target(target)
    except ServiceError as error:
        raise ValidationError(error.message) from None
    return wanted.name if wanted.qualifier is None else f"{wanted.name}:{wanted.qualifier}"


def serving(target: str, given: Collection[str]) -> str | None:
    """Return under which of the names given a function is that is called `target`, if it is.

    One without a qualifier serves every qualifier, one with a qualifier serves that one alone.
    """
    exact = spelled(target)
    bare = exact.partition(":")[0]
    return next((name for name in (exact, bare) if name in given), None)


def with_qualifiers(functions: Mapping[str, LocalFunction]) -> list[LocalFunction]:
    """Return the functions of those names as an engine takes them: one for each bare name.

    Raises:
        ValidationError: A function is durable under one name and plain under another.
    """
    families: dict[str, list[_Given]] = {}
    for name, function in functions.items():
        bare, _, qualifier = name.partition(":")
        families.setdefault(bare, []).append(_Given(qualifier or None, function))
    return [_one(name, family) for name, family in families.items()]


def _one(name: str, family: list[_Given]) -> LocalFunction:
    first = family[0].function
    if any(each.function.config.is_durable != first.config.is_durable for each in family):
        raise ValidationError(
            f"function {name!r} is given as a workflow and as a plain function; under all its "
            "qualifiers it must be the same"
        )
    versions: dict[str, LocalFunction] = {}
    aliases: dict[str, str] = {}
    other: str | None = None
    for version, each in _numbered(family):
        versions[version] = each.function
        if each.qualifier is None:
            other = version
        elif each.qualifier != version:
            aliases[each.qualifier] = version
    if other is not None:
        versions.setdefault(LATEST, versions[other])
    published = tuple(version for version in versions if version != LATEST)
    config = replace(
        first.config, versions=published or ("1",), aliases=aliases, other_version=other
    )
    return replace(first, config=config, workflow=None, plain=None, remote=None, versions=versions)


def _numbered(family: Collection[_Given]) -> Iterator[tuple[str, _Given]]:
    """Yield each with its version: a qualifier that is one, else the next that is free."""
    own = {each.qualifier for each in family if each.qualifier and _is_version(each.qualifier)}
    free = (str(number) for number in count(1) if str(number) not in own)
    for each in sorted(family, key=lambda each: each.qualifier is not None):
        qualifier = each.qualifier
        if qualifier is not None and _is_version(qualifier):
            yield qualifier, each
        else:
            yield next(free), each


def _is_version(qualifier: str) -> bool:
    return qualifier == LATEST or qualifier.isdecimal()
