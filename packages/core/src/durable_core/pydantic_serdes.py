"""Classes through pydantic (extra `pydantic`): dataclasses, enums, named tuples, models.

The one module that imports pydantic; it is loaded when an annotation needs it, or by its users.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic

import pydantic

from durable_core._values.annotations import holds_class
from durable_core._values.differences import difference
from durable_core._values.errors import ValidationError
from durable_core._values.generics import T
from durable_core._values.serdes import DEFAULT_SERDES
from durable_core._values.serdes_context import (
    NO_CONTEXT,
    SerDesContext,
    class_of,
    refusal,
    unreadable,
)
from durable_core._values.serdes_explained import ExplainedSerDes
from durable_core._values.serdes_plain import may_hold_envelopes

if TYPE_CHECKING:
    from durable_core._values.serdes_context import SerDes

__all__ = ("PydanticSerDes",)


class PydanticSerDes(Generic[T]):
    """Reads and writes the values of one type by pydantic's `TypeAdapter`, as plain JSON.

    What is written is read back at once and must be the same value of the same types, or
    `SerDesError` says what differs: an instance of a subclass, a field that is left out, a secret.
    """

    __slots__ = ("_adapter", "_annotation")

    def __init__(self, annotation: type[T] | Any) -> None:
        self._annotation: Any = annotation
        self._adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(annotation)

    def serialize(self, value: T, context: SerDesContext = NO_CONTEXT, /) -> str:
        """The JSON of `value`; `SerDesError` if it would come back as something else."""
        return self.encode(value, context)[0]

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> T:
        """The value of a text; no text, or an empty one, is read as null."""
        try:
            return self._adapter.validate_json(data or "null")
        except pydantic.ValidationError as error:
            raise unreadable(context, f"{self._wanted()}; {_findings(error)}") from error

    def encode(self, value: T, context: SerDesContext = NO_CONTEXT, /) -> tuple[str, T]:
        """The text, and the value as it will be read back."""
        found = ""
        # A field with an alias is read by the alias, unless its model says otherwise.
        for by_alias in (True, False):
            try:
                data = self._adapter.dump_json(
                    value, by_alias=by_alias, round_trip=True, warnings=False
                )
                decoded = self._adapter.validate_json(data)
                found = difference(value, decoded)
            except pydantic.ValidationError as error:
                found = found or _findings(error)
            except Exception as error:  # noqa: BLE001 - validators and serializers are user code
                found = found or f"{type(error).__name__}: {error}"
            else:
                if found is None:
                    return data.decode(), decoded
        raise refusal(
            context, f"a {class_of(value)} would not come back the same; {self._wanted()}; {found}"
        )

    def _wanted(self) -> str:
        return f"the annotation is {_name(self._annotation)}"


class InputSerDes(PydanticSerDes[Any]):
    """Validates a payload of any origin into an annotation; also reads the default's envelopes."""

    __slots__ = ()

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        """The value; `ValidationError` names each place where the payload does not fit."""
        value = DEFAULT_SERDES.deserialize(data, context)
        try:
            if data and not may_hold_envelopes(data):
                return self._adapter.validate_json(data)
            return self._adapter.validate_python(value)
        except pydantic.ValidationError as error:
            raise ValidationError(
                f"{context} does not fit: {self._wanted()}; {_findings(error)}"
            ) from error


class Unadapted(ExplainedSerDes):
    """The default serdes, for an annotation that pydantic cannot take; its errors say so."""

    __slots__ = ("_why",)

    def __init__(self, annotation: Any, error: Exception) -> None:
        line = str(error).partition("\n")[0]
        self._why = f"pydantic cannot take the annotation {_name(annotation)}: {line}"

    def _explained(self, said: str) -> str:
        return f"{said} ({self._why})"


class UnadaptedInput(Unadapted):
    """The same for input: JSON is not a class, so only None gets through."""

    __slots__ = ()

    def deserialize(self, data: str | None, context: SerDesContext = NO_CONTEXT, /) -> Any:
        """None for no text or null; `SerDesError` for anything else."""
        if DEFAULT_SERDES.deserialize(data, context) is None:
            return None
        raise unreadable(context, self._why)


def adapted(annotation: Any) -> SerDes[Any]:
    """The serdes for what is returned under an annotation that holds a class."""
    return _kept(annotation, PydanticSerDes, Unadapted)


def adapted_input(annotation: Any) -> SerDes[Any]:
    """The serdes for what is passed in under an annotation."""
    return _kept(annotation, InputSerDes, UnadaptedInput if holds_class(annotation) else Unadapted)


def _kept(
    annotation: Any, kind: type[PydanticSerDes[Any]], fallback: type[Unadapted]
) -> SerDes[Any]:
    try:
        return _cached(annotation, kind, fallback)
    except TypeError:  # unhashable metadata
        return _built(annotation, kind, fallback)


def _built(
    annotation: Any, kind: type[PydanticSerDes[Any]], fallback: type[Unadapted]
) -> SerDes[Any]:
    try:
        return kind(annotation)
    except Exception as error:  # noqa: BLE001 - pydantic's, or a class's own schema hook
        return fallback(annotation, error)


_cached = lru_cache(maxsize=1024)(_built)


def _findings(error: pydantic.ValidationError) -> str:
    """What a validation found, at most three of it: `at rows.3.when: Input should be …`."""
    findings = error.errors(include_url=False, include_context=False)
    said = [f"at {'.'.join(map(str, f['loc'])) or 'the top'}: {f['msg']}" for f in findings[:3]]
    if len(findings) > len(said):
        said.append(f"and {len(findings) - len(said)} more")
    return "; ".join(said)


def _name(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
