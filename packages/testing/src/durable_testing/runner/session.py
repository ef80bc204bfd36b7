"""One run of a workflow: an engine of its own, the outside, and what is watched."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from durable_core import DefaultSerDes, SerDesContext
from durable_core.lowlevel import (
    decode_with,
    serdes_for_return,
)
from durable_testing.engine import (
    UNQUALIFIED_ADVICE,
    EngineError,
    EngineHooks,
    LocalEngine,
    VirtualClock,
    durable_function,
    in_memory,
    plain_function,
    serving,
    with_qualifiers,
)
from durable_testing.engine.functions import MAX_EXECUTION_SECONDS
from durable_testing.model import ServiceConfig, seeded_ids
from durable_testing.replays import REPLAYED_OPERATIONS, CutLog
from durable_testing.runner.blocked import blocked_message
from durable_testing.runner.errors import ScriptError
from durable_testing.runner.faults import FaultPlan, SimulatedCrashError
from durable_testing.runner.gate import Gate, Watch
from durable_testing.runner.outside import Outside
from durable_testing.runner.payloads import event_text
from durable_testing.runner.plan import Cast
from durable_testing.runner.result import ExecutionResult, Recorded
from durable_testing.runner.verdicts import ExecutionBlockedError, ReplayCheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_core.lowlevel import (
        DurableService,
        OperationDetails,
        OperationUpdate,
        Substitute,
        Workflow,
    )
    from durable_testing.engine import InvocationEnd, LocalFunction
    from durable_testing.model import ExecutionDescription, Invocation
    from durable_testing.runner.plan import Plan


class Session(EngineHooks):
    """One run of a workflow, on the running loop."""

    def __init__(self, plan: Plan, *, is_clock_running: bool) -> None:
        options = plan.options
        self._plan = plan
        self._options = options
        self._cast = Cast(plan)
        self.clock = options.clock or VirtualClock()
        # Without a time-out of the test's own, only a body that hangs would ever meet that end.
        ends_ms = self.clock.now_ms() + MAX_EXECUTION_SECONDS * 1000
        self.clock.last_resort_ms = ends_ms if options.execution_timeout is None else None
        if is_clock_running:
            self.clock.run()
        else:
            self.clock.pause()
        self.outside = Outside(self._cast.callbacks, self.clock)
        self._faults = FaultPlan(options.faults) if options.faults else None
        self._watches: dict[str, Watch] = {}
        self._unknown: ScriptError | None = None
        self._tokens = count(1)
        self.execution_arn = ""
        self.engine = LocalEngine(
            self._functions(),
            in_memory(new_id=seeded_ids(options.seed), config=self._config()),
            clock=self.clock,
            hooks=self,
            random=Random(options.seed).random,  # noqa: S311  retry jitter, the same for a seed
            new_token=lambda: f"token-{next(self._tokens)}",
        )
        self.outside.attach(self.engine)

    # What there is

    def _functions(self) -> list[LocalFunction]:
        options = self._options
        timeout, whole = options.timeout, options.execution_timeout
        main = durable_function(
            self._plan.function_name,
            self._plan.workflow,
            timeout_seconds=None if timeout is None else timeout.total_seconds(),
            execution_timeout_seconds=MAX_EXECUTION_SECONDS
            if whole is None
            else max(1, round(whole.total_seconds())),
        )
        self._main = main.name
        doubles = {
            name: plain_function(name.partition(":")[0], self._double(name))
            for name in self._cast.functions
        }
        return [main, *with_qualifiers({**self._plan.others, **doubles})]

    def _double(self, name: str) -> Callable[[Any], Any]:
        async def call(payload: Any) -> Any:
            play = self._cast.functions[name]
            said = play.next_call()
            if said is None:
                self._unknown = ScriptError(
                    f"function {name!r} was called {play.calls} times; it was given fewer outcomes"
                )
                self.engine.kill(self.execution_arn)
                return None
            return await said(payload)

        return call

    def _config(self) -> ServiceConfig:
        size = self._options.state_page_size
        config = ServiceConfig(unqualified_advice=UNQUALIFIED_ADVICE)
        return config if size is None else replace(config, state_page_operations=size)

    # The engine's hooks

    def begun(self, invocation: Invocation, /) -> None:
        """Take note of what the handler is given."""
        arn = invocation.input.execution_arn
        watch = self._watches.get(arn)
        if watch is None:
            watch = self._watches[arn] = Watch(
                invocation.function_name, invocation.version, CutLog()
            )
        watch.invocations += 1
        if watch.invocations > 1:
            changed = invocation.input.updated_operation_ids
            watch.cuts.add(
                record for record in self.engine.model.operations(arn) if record.id in changed
            )
        else:
            watch.cuts.add(self.engine.model.operations(arn))

    def ended(self, invocation: Invocation, end: InvocationEnd, /) -> None:
        """End the run where the script does not fit."""
        del invocation, end
        self.check()

    def service(self, invocation: Invocation, service: DurableService, /) -> DurableService:
        """Watch and break the service."""
        arn = invocation.input.execution_arn
        watch = self._watches[arn]
        faults = self._faults if arn == self.execution_arn else None
        if faults is not None:
            faults.begin(watch.invocations)
        return Gate(
            service,
            watch,
            faults,
            all_records=lambda: self.engine.model.operations(arn),
            check=self._check_function,
            opened=self.outside.opened,
        )

    def is_news(self, invocation: Invocation, context: Mapping[str, Any], /) -> bool:
        """Take note of an error that nobody awaited, so that no replay tells it again."""
        self._watches[invocation.input.execution_arn].cuts.lost_errors.note(context)
        return True

    def substitute(self, invocation: Invocation, /) -> Substitute | None:
        """Put the doubles in."""
        del invocation
        return self._substitute if self._cast.steps else None

    def _substitute(
        self, operation: OperationDetails | None, fn: Callable[..., Any]
    ) -> Callable[..., Any]:
        play = None if operation is None else self._cast.steps.get(operation.name or "")
        double = None if play is None else play.next_call()
        return fn if double is None else double

    def _check_function(self, update: OperationUpdate) -> None:
        """End the run when it calls a function that the test says nothing of."""
        name = update.function_name or ""
        # Not even the workflow itself: a name that happens to be the same would never end.
        others = {*self._plan.others, *self._cast.functions}
        if serving(name, others) is None:
            known = ", ".join(sorted(others)) or "none"
            self._unknown = ScriptError(
                f"{update.name or 'an invoke'!r} calls the function {name!r}, of which the test "
                f"says nothing: runner.function({name!r}, returns=…). Known: {known}"
            )
            raise SimulatedCrashError("because the test is over")

    # The run

    async def start(self, event: Any, name: str | None = None) -> None:
        """Start the execution."""
        started = await self.engine.start(
            self._main, event_text(event, self._plan.workflow), name=name or "run"
        )
        self.execution_arn = started.execution_arn

    async def finish(self) -> None:
        """Run until the execution is closed.

        Raises:
            ExecutionBlockedError: Nobody answers what it waits for.
        """
        while True:
            description = await self._next_stop()
            if description.ended_at_ms is not None:
                return
            if not self.outside.has_more:
                raise self.blocked()
            await self.outside.next_answer()

    async def _next_stop(self) -> ExecutionDescription:
        try:
            description = await self.engine.outcome_or_blocked(self.execution_arn)
        except EngineError as error:
            raise (error.__cause__ or error) from None
        self.check()
        return description

    def check(self) -> None:
        """Raise what went wrong beside the execution, if anything did."""
        if self._unknown is not None:
            raise self._unknown
        if self.outside.failure is not None:
            raise self.outside.failure

    async def check_engine(self) -> None:
        """Raise what stopped the engine, or went wrong beside it, if anything did."""
        try:
            await self.engine.apply(lambda _model, _now_ms: None)
        except EngineError as error:
            raise (error.__cause__ or error) from None
        self.check()

    @property
    def is_closed(self) -> bool:
        """Whether the execution has ended."""
        return self.engine.describe(self.execution_arn).ended_at_ms is not None

    @property
    def is_stuck(self) -> bool:
        """Whether nothing but a timeout of the execution happens by itself."""
        return self.engine.is_blocked and not self.outside.has_more

    def blocked(self) -> ExecutionBlockedError:
        """Return the error for an execution that cannot go on."""
        result = self.result()
        message = blocked_message(self.engine.model, result.tree(), result.unused)
        return ExecutionBlockedError(message, result)

    def _unused(self) -> list[str]:
        faults = [] if self._faults is None else self._faults.unused()
        return [*self._cast.unused(), *(f"fault: {fault}" for fault in faults)]

    def result(self) -> ExecutionResult:
        """Return the execution as it stands."""
        arn = self.execution_arn
        model = self.engine.model
        seen = model.get_execution(arn)
        watch = self._watches.get(arn)
        recorded = Recorded(
            self._plan.workflow.name,
            arn,
            seen.name,
            seen.status,
            seen.started_at_ms,
            self.clock.now_ms() if seen.ended_at_ms is None else seen.ended_at_ms,
            seen.result,
            seen.error,
            model.operations(arn),
            model.history(arn),
            seen.invocations,
            0 if watch is None else watch.checkpoint_calls,
            0 if watch is None else watch.state_calls,
            seen.billed_operations,
            seen.bytes_written,
        )
        return ExecutionResult(recorded, decode=self._decode, unused=self._unused())

    def _decode(self, text: str | None) -> Any:
        workflow = self._plan.workflow
        serdes = serdes_for_return(workflow.fn, workflow.serdes or DefaultSerDes())
        return decode_with(serdes, text, SerDesContext(None, None, self.execution_arn, "result"))

    async def check_replays(self, result: ExecutionResult) -> None:
        """Replay every execution of the run from its own history.

        Raises:
            ReplayCheckError: One leaves it.
        """
        check = self._options.replay_check
        if not check:
            return
        for arn, watch in self._watches.items():
            workflow = self._workflow_of(watch)
            if workflow is None:
                continue
            is_main = arn == self.execution_arn
            found = await watch.cuts.check(
                workflow,
                arn,
                budget=None if check == "every" else REPLAYED_OPERATIONS,
                has_succeeded=is_main and result.succeeded,
            )
            if found is not None:
                raise ReplayCheckError(
                    f"{workflow.name} does not replay its own history: after checkpoint "
                    f"{found.number} of {found.count}, {found.divergence.message}",
                    result,
                )

    def _workflow_of(self, watch: Watch) -> Workflow | None:
        function = self.engine.functions.get(watch.function_name)
        return None if function is None else function.at(watch.version).workflow

    async def close(self) -> None:
        """Discard what is left."""
        self.outside.close()
        await self.engine.close()
