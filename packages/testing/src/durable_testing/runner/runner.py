"""DurableTestRunner: runs a workflow to its end, in virtual time, against a scripted outside."""

from __future__ import annotations

from asyncio import events
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from durable_core.lowlevel import workflow_of
from durable_testing.engine import durable_function, is_durable, plain_function, spelled
from durable_testing.runner.alone import run_alone
from durable_testing.runner.announcing import announce
from durable_testing.runner.blocking import refuse_blocking_io
from durable_testing.runner.callbacks import CallbackScript
from durable_testing.runner.explore import Exploration, explore
from durable_testing.runner.handle import RunHandle
from durable_testing.runner.options import checked_options
from durable_testing.runner.plan import Plan
from durable_testing.runner.script import Script
from durable_testing.runner.session import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping

    from durable_testing.engine import VirtualClock
    from durable_testing.runner.callbacks import AnswerFunction
    from durable_testing.runner.durations import Duration
    from durable_testing.runner.faults import Fault
    from durable_testing.runner.result import ExecutionResult

R = TypeVar("R")

_NOT_GIVEN: Final[Any] = object()


class DurableTestRunner:
    """Runs a workflow on a model of the service, in this process, in virtual time.

    Nothing sleeps and no time passes but on the virtual clock. The same seed gives the same
    history, byte for byte, where step bodies take no real time or run one after the other. A runner
    can run any number of times; each run stands alone.

    Args:
        handler: The workflow: `async def handler(event, context)`, decorated or not.
        seed: Of ids and retry jitter.
        callbacks: Answers by name, each a function of the callback that was opened:
            `{"approve": lambda callback: callback.succeed("ann", after=timedelta(hours=2))}`.
        functions: Functions that are invoked, by name: workflows or plain callables. A name with a
            qualifier, `ship:live`, stands for that one; one without for all.
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
        timeout: Duration | None = None,
        execution_timeout: Duration | None = None,
        replay_check: bool | Literal["every"] = True,
        clock: VirtualClock | None = None,
    ) -> None:
        refuse_blocking_io()
        options = checked_options(
            seed=seed,
            faults=faults,
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
        """Return the script of the callbacks of that name; `"*"` is for those without their own.

        One that has its answers takes no more: those of several callbacks are given in a chain.
        """
        script = self._plan.callbacks.setdefault(name, CallbackScript(name))
        script.close()
        return script

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
            name: Its name. Without version and alias it stands for all of them, as in `ship`; with
                one for that alone, as in `ship:live`.
            handler: Its code: a workflow, which has an execution of its own, or a plain function.
            returns: What it returns in each call.
            raises: What it raises in each call.
            calls: Called with the payload, plain or async.

        Raises:
            ValueError: It was said before, or is said twice.
        """
        name = spelled(name)
        if handler is not None:
            if returns is not _NOT_GIVEN or raises is not None or calls is not None:
                raise ValueError(f"function {name!r}: give its code, or what it does; not both")
            return self._add_code(name, handler)
        if name in self._plan.others:
            raise ValueError(f"function {name!r} has been given its code already")
        script = self._plan.functions.setdefault(name, Script(name))
        if returns is not _NOT_GIVEN:
            script.returns(returns)
        if raises is not None:
            script.fails_with(raises)
        if calls is not None:
            script.calls(calls)
        return script

    def _add_code(self, name: str, handler: Any) -> Script:
        if name in self._plan.others or name in self._plan.functions:
            raise ValueError(f"function {name!r} has been given already")
        make = durable_function if is_durable(handler) else plain_function
        self._plan.others[name] = make(name.partition(":")[0], handler)
        # It takes nothing more: its code runs in all calls.
        return Script(name).calls(handler)

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
        if events._get_running_loop() is not None:  # noqa: SLF001
            raise RuntimeError("an event loop is running here: use `await runner.run(…)`")
        return run_alone(make())
