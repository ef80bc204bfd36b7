"""What AWS's emulator gets wrong by itself, with the evidence: `emulator_faults.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from conformance.judge import Verdict

FILE: Final = Path(__file__).with_name("emulator_faults.json")


class Mended(NamedTuple):
    """A key that the emulator leaves out of every history, put back with a value that says nothing.

    Only for keys of which the requirements accept any value.
    """

    event: str
    key: list[str]
    """Within the event's details; none: the details themselves."""
    value: Any
    evidence: str

    def mend(self, event: dict[str, Any]) -> None:
        """Put the key back where it belongs and is not."""
        if event["EventType"] == self.event:
            *path, last = [f"{self.event}Details", *self.key]
            for name in path:
                event = event.setdefault(name, {})
            event.setdefault(last, self.value)


class Unsatisfied(NamedTuple):
    """Requirements that cannot be met on the emulator."""

    requirements: list[str]
    errors: list[str]
    """Patterns: all that the validators may find amiss because of it."""
    evidence: str

    def explains(self, verdict: Verdict) -> bool:
        """Whether all that the validators found is the emulator's doing."""
        return verdict.requirement_id in self.requirements and all(
            any(re.search(pattern, error) for pattern in self.errors) for error in verdict.errors
        )


class Faults(NamedTuple):
    """All of them."""

    mended: tuple[Mended, ...] = ()
    unsatisfied: tuple[Unsatisfied, ...] = ()

    def evidence(self, verdict: Verdict) -> str | None:
        """Why a requirement was not met, if that is the emulator's fault alone."""
        if verdict.passed:
            return None
        return next((f.evidence for f in self.unsatisfied if f.explains(verdict)), None)

    def mend(self, parsed: dict[str, Any], **_: Any) -> None:
        """Mend an answer of GetDurableExecutionHistory (a botocore event handler)."""
        for event in parsed.get("Events", ()):
            for fault in self.mended:
                fault.mend(event)


def load_faults() -> Faults:
    """Read the file."""
    table = json.loads(FILE.read_text(encoding="utf-8"))
    return Faults(
        tuple(Mended(**entry) for entry in table["mended"]),
        tuple(Unsatisfied(**entry) for entry in table["unsatisfied"]),
    )
