"""Faults by plan: crashes, lost answers, throttles, stale tokens, invocations that fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from durable_core import CheckpointError
from durable_core.lowlevel import ErrorObject
from durable_testing.engine import RemoteFunctionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_core.lowlevel import CheckpointRequest

_STALE_TOKEN: Final = "c3RhbGU="  # noqa: S105  no secret
_THROTTLED: Final = "TooManyRequestsException"


class _Kind(Enum):
    CRASH_BEFORE = auto()
    CRASH_AFTER = auto()
    LOST_RESPONSE = auto()
    THROTTLE = auto()
    STALE_TOKEN = auto()
    INVOCATION_ERROR = auto()


class SimulatedCrashError(RemoteFunctionError):
    """Ends an invocation as the death of its process does."""

    def __init__(self, where: str) -> None:
        super().__init__(ErrorObject(f"The process died {where}.", "Runtime.ExitError"))


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong once; made by the methods below.

    Checkpoints are counted over the whole execution, from 1: each call, refused ones too. After a
    fault the service invokes again, with its backoff, in virtual time.
    """

    kind: _Kind
    number: int
    times: int = 1
    error: BaseException | None = None

    @classmethod
    def crash(
        cls, *, before_checkpoint: int | None = None, after_checkpoint: int | None = None
    ) -> Fault:
        """Let the process die just before, or just after, a checkpoint reached the service."""
        if (before_checkpoint is None) == (after_checkpoint is None):
            raise ValueError("give before_checkpoint= or after_checkpoint=")
        if before_checkpoint is not None:
            return cls(_Kind.CRASH_BEFORE, _counted(before_checkpoint))
        return cls(_Kind.CRASH_AFTER, _counted(after_checkpoint or 0))

    @classmethod
    def lost_response(cls, *, checkpoint: int) -> Fault:
        """Let the service take a checkpoint whose answer never arrives."""
        return cls(_Kind.LOST_RESPONSE, _counted(checkpoint))

    @classmethod
    def throttle(cls, *, times: int = 1, checkpoint: int = 1) -> Fault:
        """Let the service refuse so many checkpoints in a row, from the given one on."""
        return cls(_Kind.THROTTLE, _counted(checkpoint), _counted(times))

    @classmethod
    def stale_token(cls, *, checkpoint: int = 1) -> Fault:
        """Send a checkpoint with a token that is void, as an invocation that was superseded."""
        return cls(_Kind.STALE_TOKEN, _counted(checkpoint))

    @classmethod
    def invocation_error(cls, error: BaseException | None = None, *, invocation: int = 1) -> Fault:
        """Let an invocation fail before it runs any code; they are counted from 1."""
        return cls(_Kind.INVOCATION_ERROR, _counted(invocation), error=error)

    def __str__(self) -> str:
        what = self.kind.name.lower().replace("_", " ")
        unit = "invocation" if self.kind is _Kind.INVOCATION_ERROR else "checkpoint"
        return f"{what} {unit} {self.number}" + (f", {self.times} times" if self.times > 1 else "")


def _counted(number: int) -> int:
    if number < 1:
        raise ValueError(f"checkpoints, invocations and times count from 1, not {number}")
    return number


class FaultPlan:
    """The faults of one run, as they come."""

    __slots__ = ("_faults", "_happened")

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = tuple(faults)
        self._happened: set[int] = set()

    def unused(self) -> list[Fault]:
        """Return those that did not happen."""
        return [fault for fault in self._faults if id(fault) not in self._happened]

    def begin(self, invocation: int) -> None:
        """Begin the invocation of that number."""
        for fault in self._at(_Kind.INVOCATION_ERROR, invocation):
            raise fault.error or SimulatedCrashError(f"as invocation {invocation} began")

    def before(self, number: int, request: CheckpointRequest) -> CheckpointRequest:
        """Send the checkpoint of that number; returns what is sent."""
        for _ in self._at(_Kind.CRASH_BEFORE, number):
            raise SimulatedCrashError(f"before checkpoint {number}")
        for _ in self._at(_Kind.THROTTLE, number):
            raise CheckpointError("Rate exceeded", code=_THROTTLED, is_retryable=True)
        for _ in self._at(_Kind.STALE_TOKEN, number):
            return request._replace(checkpoint_token=_STALE_TOKEN)
        return request

    def after(self, number: int) -> None:
        """Take its answer."""
        for _ in self._at(_Kind.CRASH_AFTER, number):
            raise SimulatedCrashError(f"after checkpoint {number}")
        for _ in self._at(_Kind.LOST_RESPONSE, number):
            raise CheckpointError(f"the answer to checkpoint {number} was lost", is_retryable=True)

    def _at(self, kind: _Kind, number: int) -> list[Fault]:
        due = [
            fault
            for fault in self._faults
            if fault.kind is kind and fault.number <= number < fault.number + fault.times
        ]
        self._happened.update(id(fault) for fault in due[:1])
        return due
