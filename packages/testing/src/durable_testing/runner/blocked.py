"""Why an execution cannot go on, and what the test has to add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_core.lowlevel import ExecutionStatus
from durable_testing.runner.outside import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from durable_testing.model import ServiceModel


def blocked_message(model: ServiceModel, tree: str, unused: Sequence[str]) -> str:
    """Say who has to answer before anything more can happen."""
    lines = ["the execution waits for the outside, and nobody answers:"]
    for arn in model.arns():
        lines += [f"  {line}" for line in _waits_of(model, arn)]
    lines += ["", tree]
    if unused:
        lines += ["", f"scripted, but never asked for: {', '.join(unused)}"]
    return "\n".join(lines)


def _waits_of(model: ServiceModel, execution_arn: str) -> Iterator[str]:
    description = model.get_execution(execution_arn)
    if description.status in (ExecutionStatus.PAUSED, ExecutionStatus.PAUSING):
        yield f"the execution is {description.status}: resume it"
    for callback in model.open_callbacks(execution_arn):
        name = plain_name(callback.name)
        label = repr(name) if name is not None else "(unnamed)"
        yield (
            f"callback {label} is open: runner.callback({name or '*'!r}).succeeds_with(…), or give "
            f"it a timeout"
        )
