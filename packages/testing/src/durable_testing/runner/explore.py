"""Every crash a workflow could have: one run for each, and the same outcome from all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_testing.runner.faults import Fault
from durable_testing.runner.operations import short_error
from durable_testing.runner.verdicts import ExecutionBlockedError, ReplayCheckError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from durable_testing.runner.result import ExecutionResult


@dataclass(frozen=True, slots=True)
class Deviation:
    """A run that ended otherwise than the undisturbed one.

    Attributes:
        fault: What went wrong in it.
        seed: Its seed.
        difference: What was different.
    """

    fault: Fault
    seed: int
    difference: str

    def __str__(self) -> str:
        return f"{self.fault}, seed {self.seed}: {self.difference}"


@dataclass(frozen=True, slots=True)
class Exploration:
    """What became of a workflow under every crash.

    Attributes:
        result: The undisturbed run, with the first seed.
        runs: How many runs were made.
        deviations: Those that ended otherwise.
    """

    result: ExecutionResult
    runs: int
    deviations: tuple[Deviation, ...]

    def assert_same(self) -> None:
        """Fail unless every run ended as the undisturbed one did.

        A crash in the middle of an at-most-once step without further attempts is an error, as it
        must be: where the workflow does not handle that to the same end, look at `deviations`.
        """
        if self.deviations:
            listed = "\n".join(f"  {deviation}" for deviation in self.deviations)
            raise AssertionError(
                f"{len(self.deviations)} of {self.runs} runs ended otherwise than the undisturbed "
                f"one:\n{listed}\n\n{self.result.tree()}"
            )


async def explore(
    run: Callable[[int, tuple[Fault, ...]], Awaitable[ExecutionResult]], seeds: Iterable[int]
) -> Exploration:
    """Run once undisturbed for each seed, then once for each crash around each checkpoint."""
    calm: ExecutionResult | None = None
    runs = 0
    deviations: list[Deviation] = []
    for seed in seeds:
        undisturbed = await run(seed, ())
        calm = calm or undisturbed
        runs += 1
        for fault in _crashes(undisturbed.checkpoint_calls):
            runs += 1
            difference = await _difference(run, seed, fault, undisturbed)
            if difference is not None:
                deviations.append(Deviation(fault, seed, difference))
    if calm is None:
        raise ValueError("give at least one seed")
    return Exploration(calm, runs, tuple(deviations))


def _crashes(checkpoints: int) -> Iterator[Fault]:
    for number in range(1, checkpoints + 1):
        yield Fault.crash(before_checkpoint=number)
        yield Fault.crash(after_checkpoint=number)
        yield Fault.lost_response(checkpoint=number)


async def _difference(
    run: Callable[[int, tuple[Fault, ...]], Awaitable[ExecutionResult]],
    seed: int,
    fault: Fault,
    calm: ExecutionResult,
) -> str | None:
    try:
        result = await run(seed, (fault,))
    except (ExecutionBlockedError, ReplayCheckError) as error:
        return str(error)
    outcome, expected = _outcome(result), _outcome(calm)
    return None if outcome == expected else f"{outcome} instead of {expected}"


def _outcome(result: ExecutionResult) -> str:
    if result.succeeded:
        return f"returned {result.value!r}"
    return f"{result.status} {short_error(result.error)}".rstrip()
