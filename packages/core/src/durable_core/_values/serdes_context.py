"""What a serdes is and what it is told, and how one refuses."""

from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from durable_core._values.errors import CheckpointError, SerDesError, ValidationError
from durable_core._values.generics import T

ANNOTATE = "annotate the function's return type and install durable-core[pydantic], or pass serdes="
"""What to do about a value that only its class can bring back."""


class SerDesContext(NamedTuple):
    """What is being written or read: for messages, file names and keys, never for the text."""

    operation_id: str | None = None
    operation_name: str | None = None
    execution_arn: str | None = None
    entity: str = "value"
    """What the value is to the operation: "result", "payload", "state", "input" …"""

    def __str__(self) -> str:
        if self.operation_name is not None:
            return f"the {self.entity} of {self.operation_name!r}"
        if self.operation_id is not None:
            return f"the {self.entity} of operation {self.operation_id}"
        return f"the {self.entity}"


NO_CONTEXT = SerDesContext()


class SerDes(Protocol[T]):
    """Turns values into text and back; both directions must be pure.

    A serdes may also have `encode(value, context) -> (text, decoded value)`, which gives at once
    what `serialize` and then `deserialize` give; see `encode_with`. A subclass that overrides one
    of those two and not `encode` goes by them.
    """

    def serialize(self, value: T, context: SerDesContext, /) -> str | None:
        """The text to record; None records nothing."""
        ...

    def deserialize(self, data: str | None, context: SerDesContext, /) -> T:
        """The value that `serialize` was given."""
        ...


@lru_cache
def is_of_class(kind: type[SerDes[Any]], name: str) -> bool:
    """Whether the class that brings `serialize` and `deserialize`, or one below it, has `name`.

    What a base class says of itself does not hold for a subclass that reads or writes otherwise.
    """
    for part in kind.__mro__:
        members = vars(part)
        if name in members:
            return True
        if "serialize" in members or "deserialize" in members:
            return False
    return False


def encode_with(serdes: SerDes[Any], value: Any, context: SerDesContext) -> tuple[str | None, Any]:
    """The text to record, and the value as every later reader gets it.

    The second is what a workflow must see on the first run too. A serdes with an `encode` of its
    own is asked once; the text is never read a second time.

    Raises:
        SerDesError: Whatever the serdes raises, with the operation named.
    """
    try:
        if is_of_class(type(serdes), "encode"):
            encode: Any = serdes
            return encode.encode(value, context)
        data = serdes.serialize(value, context)
        return data, serdes.deserialize(data, context)
    except (SerDesError, CheckpointError):
        raise
    except Exception as error:
        raise _foreign(serdes, "write", context, error) from error


def decode_with(serdes: SerDes[Any], data: str | None, context: SerDesContext) -> Any:
    """The recorded value; what the serdes raises becomes `SerDesError`."""
    try:
        return serdes.deserialize(data, context)
    except (SerDesError, CheckpointError):
        raise
    except Exception as error:
        raise _foreign(serdes, "read", context, error) from error


def refusal(context: SerDesContext, why: str) -> SerDesError:
    """The error for a value that cannot be written."""
    return SerDesError(f"{context} cannot be recorded: {why}")


def unreadable(context: SerDesContext, why: str) -> SerDesError:
    """The error for a text that cannot be read."""
    return SerDesError(f"{context} cannot be read back: {why}")


def class_of(value: object) -> str:
    """The class of a value as messages name it: bare for builtins, qualified otherwise."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _foreign(serdes: object, verb: str, context: SerDesContext, error: Exception) -> SerDesError:
    if isinstance(error, ValidationError):
        return SerDesError(str(error))  # one of ours: it says all there is to say
    return SerDesError(
        f"{class_of(serdes)} could not {verb} {context}: {type(error).__name__}: {error}"
    )
