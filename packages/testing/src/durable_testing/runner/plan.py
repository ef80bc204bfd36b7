"""What a runner was told: the workflow, its options, and who answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from durable_testing.runner.callbacks import CallbackPlay, CallbackScript
from durable_testing.runner.script import Play, Script

if TYPE_CHECKING:
    from durable_core.lowlevel import Workflow
    from durable_testing.engine import LocalFunction
    from durable_testing.runner.options import Options

WORKFLOW: Final = "workflow"
"""The function name of a workflow whose own name cannot be one, or is taken."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """What a runner was told so far."""

    workflow: Workflow
    options: Options
    steps: dict[str, Script] = field(default_factory=dict[str, Script])
    callbacks: dict[str, CallbackScript] = field(default_factory=dict[str, CallbackScript])
    functions: dict[str, Script] = field(default_factory=dict[str, Script])
    others: dict[str, LocalFunction] = field(default_factory=dict[str, "LocalFunction"])
    """Functions with code of their own, by `name[:qualifier]` as those that are scripted."""

    @property
    def function_name(self) -> str:
        """The workflow's name as a function, unless another function has it."""
        name = self.workflow.name
        candidates = [name if name.isidentifier() else WORKFLOW, WORKFLOW]
        candidates += (
            f"{WORKFLOW}-{number}" for number in range(len(self.functions) + len(self.others))
        )
        taken = {name.partition(":")[0] for name in (*self.functions, *self.others)}
        return next(each for each in candidates if each not in taken)


class Cast:
    """The doubles and answers as one run plays them."""

    __slots__ = ("callbacks", "functions", "steps")

    def __init__(self, plan: Plan) -> None:
        self.steps = {name: Play(script) for name, script in plan.steps.items()}
        self.callbacks = {name: CallbackPlay(script) for name, script in plan.callbacks.items()}
        self.functions = {name: Play(script) for name, script in plan.functions.items()}

    def unused(self) -> list[str]:
        """Name what never came into play."""
        kinds = (("step", self.steps), ("callback", self.callbacks), ("function", self.functions))
        return [
            f"runner.{kind}({name!r})"
            for kind, plays in kinds
            for name, play in plays.items()
            if play.calls == 0
        ] + [
            f"runner.callback({name!r}), answer {number}"
            for name, play in self.callbacks.items()
            if play.calls
            for number in play.unused_answers()
        ]
