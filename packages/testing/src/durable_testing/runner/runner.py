"""DurableTestRunner: runs a workflow to its end, in virtual time, against a scripted outside."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from durable_core.lowlevel import workflow_of
from durable_testing.engine import durable_function, is_durable, plain_function
from durable_testing.runner.alone import run_alone
from durable_testing.runner.announcing import announce
from durable_testing.runner.callbacks import CallbackScript
from durable_testing.runner.explore import Exploration, explore
from durable_testing.runner.handle import RunHandle
from durable_testing.runner.plan import Options, Plan
from durable_testing.runner.script import Script
from durable_testing.runner.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
    from datetime import timedelta

    from durable_testing.engine import VirtualClock
    from durable_testing.runner.callbacks import AnswerFunction
    from durable_testing.runner.faults import Fault
    from durable_testing.runner.result import ExecutionResult

R = TypeVar("R")

_NOT_GIVEN: Final[Any] = object()


class DurableTestRunner:
    """Runs a workflow on a model of the service, in this process, in virtual time.

    Nothing sleeps and no time passes but on the virtual clock. The same seed gives the same
    history, byte for byte. A runner can run any number of times; each run stands alone.

    Args:
        handler: The workflow: `async def handler(event, context)`, decorated or not.
        seed: Of ids and retry jitter.
        callbacks: Answers by name, each a function of the callback that was opened:
            `{"approve": lambda callback: callback.succeed("ann", after=timedelta(hours=2))}`.
        functions: Functions that are invoked, by name: workflows or plain callables.
        faults: What goes wrong in each run.
        state_page_size: How many records come on a page of state; None: all the service sends.
        timeout: How long one invocation may take (the Lambda timeout); None: without end.
        execution_timeout: How long the execution may take in all; None: a year and a day.
        replay_check: Replay each run from its own history and fail on a divergence. Every point of
            it where the history is short, else a selection; `"every"`: every point always.
        clock: A clock that goes on from run to run; None: each run has its own.
    """

    def __init__(
        self,
        handler: Any,
        *,
        seed: int = 0,
        callbacks: Mapping[str, AnswerFunction] | None = None,
        functions: Mapping[str, Any] | None = None,
        faults: Iterable[Fault] = (),
        state_page_size: int | None = None,
        timeout: timedelta | None = None,
        execution_timeout: timedelta | None = None,
        replay_check: bool | Literal["every"] = True,
        clock: VirtualClock | None = None,
    ) -> None:
        options = Options(
            seed=seed,
            faults=tuple(faults),
            state_page_size=state_page_size,
            timeout=timeout,
            execution_timeout=execution_timeout,
            replay_check=replay_check,
            clock=clock,
        )
        self._plan = Plan(workflow=workflow_of(handler), options=options)
        for name, answer in (callbacks or {}).items():
            self.callback(name).calls(answer)
        for name, fn in (functions or {}).items():
            self.function(name, fn)

    # The outside

    def step(self, name: str) -> Script:
        """Return the script of the steps of that name: what runs in place of their function.

        It is for conditions too, and for the submitter of a `wait_for_callback`, whose name is
        `"{name} submitter"`.
        """
        return self._plan.steps.setdefault(name, Script(name))

    def callback(self, name: str) -> CallbackScript:
        """Return the script of the callbacks of that name; `"*"` is for those without their own."""
        return self._plan.callbacks.setdefault(name, CallbackScript(name))

    def function(
        self,
        name: str,
        handler: Any = None,
        *,
        returns: Any = _NOT_GIVEN,
        raises: BaseException | type[BaseException] | None = None,
        calls: Callable[[Any], Any] | None = None,
    ) -> Script:
        """Say what a function does that the workflow invokes, and return its script.

        Args:
            name: Its name, without version and alias.
            handler: Its code: a workflow, which has an execution of its own, or a plain function.
            returns: What it returns in each call.
            raises: What it raises in each call.
            calls: Called with the payload, plain or async.
        """
        script = self._plan.functions.get(name) or Script(name)
        if handler is not None:
            make = durable_function if is_durable(handler) else plain_function
            self._plan.others[name] = make(name, handler)
            return script
        self._plan.functions[name] = script
        if returns is not _NOT_GIVEN:
            script.returns(returns)
        if raises is not None:
            script.fails_with(raises)
        if calls is not None:
            script.calls(calls)
        return script

    # Runs

    async def run(self, event: Any = None, *, name: str | None = None) -> ExecutionResult:
        """Run the workflow to its end.

        Args:
            event: What the handler is given.
            name: The execution's name.

        Raises:
            ExecutionBlockedError: It waits for somebody who never answers.
            ReplayCheckError: It does not replay its own history.
        """
        return await self._run(self._plan, event, name)

    async def _run(self, plan: Plan, event: Any, name: str | None) -> ExecutionResult:
        session = Session(plan, is_clock_running=True)
        try:
            await session.start(event, name)
            await session.finish()
            result = session.result()
            announce(result)
            await session.check_replays(result)
        finally:
            await session.close()
        return result

    async def explore(self, event: Any = None, *, seeds: Iterable[int] = (0,)) -> Exploration:
        """Run once undisturbed, and once for each crash before, after and at each checkpoint.

        The doubles play from their beginning in each run. `exploration.assert_same()` fails where a
        run ended otherwise than the undisturbed one.

        Args:
            event: What the handler is given.
            seeds: One exploration for each: of ids and retry jitter.
        """

        def run(seed: int, faults: tuple[Fault, ...]) -> Awaitable[ExecutionResult]:
            options = self._plan.options
            options = replace(options, seed=seed, faults=(*options.faults, *faults), clock=None)
            return self._run(replace(self._plan, options=options), event, None)

        return await explore(run, seeds)

    def explore_sync(self, event: Any = None, *, seeds: Iterable[int] = (0,)) -> Exploration:
        """Do what `explore` does, on an event loop of its own."""
        return self._alone(lambda: self.explore(event, seeds=seeds))

    def start(self, event: Any = None, *, name: str | None = None) -> RunHandle:
        """Return a run that the test takes forward step by step."""
        return RunHandle(self._plan, event, name)

    def run_sync(self, event: Any = None, *, name: str | None = None) -> ExecutionResult:
        """Run the workflow to its end, on an event loop of its own.

        Raises:
            RuntimeError: Called within a running event loop: `await runner.run(…)` there.
        """
        return self._alone(lambda: self.run(event, name=name))

    def _alone(self, make: Callable[[], Coroutine[Any, Any, R]]) -> R:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return run_alone(make())
        raise RuntimeError("an event loop is running here: use `await runner.run(…)`")
