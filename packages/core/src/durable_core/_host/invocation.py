"""One invocation, from its input to its output."""

from __future__ import annotations

import inspect
import json
import logging
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from durable_core._context.context import DurableContext
from durable_core._context.essentials import Shared
from durable_core._context.execution import ExecutionInfo
from durable_core._context.logs import DurableLogger, LogSettings
from durable_core._engine.checkpoint import Batch
from durable_core._engine.engine import Engine, Outcome
from durable_core._engine.failures import error_object
from durable_core._engine.payloads import check_handler_result
from durable_core._host.driver import Driver, Ending
from durable_core._host.plugins import made_plugins
from durable_core._host.workflow import check_handler
from durable_core._protocol.limits import RESULT_THRESHOLD_BYTES
from durable_core._protocol.records import (
    CheckpointRequest,
    InvocationOutput,
    InvocationStatus,
    OperationAction,
    OperationType,
    OperationUpdate,
)
from durable_core._protocol.wire import output_to_wire, to_datetime
from durable_core._values.errors import CheckpointError, DurableError
from durable_core._values.hooks import Hooks
from durable_core._values.serdes import (
    DEFAULT_SERDES,
    SerDesContext,
    decode_with,
    encode_with,
    serdes_for_parameter,
    serdes_for_return,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from durable_core._engine.scope import ContextBody
    from durable_core._host.environment import Environment
    from durable_core._host.service import DurableService
    from durable_core._host.workflow import Workflow
    from durable_core._protocol.records import InvocationInput, Operation
    from durable_core._values.annotations import Unresolved
    from durable_core._values.instrument import (
        Instrumentation,
        InvocationDetails,
        InvocationOutcome,
        SuspendedOperation,
    )

_LOG = logging.getLogger("durable_core")
_MAY_EXCEED = RESULT_THRESHOLD_BYTES // 6
"""Below it no escape of JSON brings a result over the threshold."""


async def drive(
    workflow: Workflow,
    invocation: InvocationInput,
    service: DurableService,
    environment: Environment,
    plugins: Sequence[Instrumentation] = (),
) -> InvocationOutput:
    """Run one invocation on the running loop.

    Raises:
        CheckpointError: Only one with `is_retryable`: the invocation must be tried again.
    """
    try:
        operations = await _load(invocation, service)
    except CheckpointError as error:
        return _refused(error)
    made = made_plugins((*workflow.plugins, *environment.switched_on()))
    return await _Invocation(
        workflow,
        invocation,
        service,
        environment,
        operations=operations,
        plugins=(*plugins, *made),
    ).run()


async def _load(invocation: InvocationInput, service: DurableService) -> list[Operation]:
    operations = list(invocation.operations)
    marker = invocation.next_marker
    while marker is not None:
        page = service.load_page(invocation.execution_arn, invocation.checkpoint_token, marker)
        if inspect.isawaitable(page):
            page = await page
        operations.extend(page.operations)
        marker = page.next_marker
    return operations


def _refused(error: CheckpointError) -> InvocationOutput:
    """End the execution on an error that no further invocation can mend; else raise it."""
    if error.is_retryable:
        raise error
    return InvocationOutput(InvocationStatus.FAILED, error=error_object(error))


class _Invocation:
    """What one call of `drive` works with."""

    def __init__(
        self,
        workflow: Workflow,
        invocation: InvocationInput,
        service: DurableService,
        environment: Environment,
        *,
        operations: list[Operation],
        plugins: Sequence[Instrumentation],
    ) -> None:
        self._workflow = workflow
        self._input = invocation
        self._service = service
        self._environment = environment
        self._hooks = Hooks(plugins, _report_hook)
        self._engine = Engine(
            invocation,
            operations,
            self._hooks,
            random=environment.random,
            on_exception=self._report_exception,
            new_context=self._new_context,
        )
        self._engine.root.serdes = workflow.serdes or DEFAULT_SERDES
        settings = LogSettings(environment.logger, self._log_fields())
        self._shared = Shared(
            self._execution_info(),
            environment.host,
            settings,
            DurableLogger(self._engine, settings),
        )
        self._held_at: set[tuple[str, int]] = set()
        self._driver = Driver(
            self._engine, service, environment, invocation.checkpoint_token, self._report_held
        )

    def _new_context(self, body: ContextBody) -> DurableContext:
        return DurableContext(body, self._shared)

    def _log_fields(self) -> dict[str, Any]:
        fields = dict(self._environment.log_fields)
        if self._environment.invocation_id is not None:
            fields["requestId"] = self._environment.invocation_id
        if self._environment.tenant_id is not None:
            fields["tenantId"] = self._environment.tenant_id
        return fields

    def _execution_info(self) -> ExecutionInfo:
        arn = self._input.execution_arn
        parts = arn.split("/")
        execution = self._engine.journal.execution
        named = execution.name if execution is not None else None
        return ExecutionInfo(
            id=arn,
            name=named or (parts[-2] if len(parts) > 1 else arn),
            started_at=to_datetime(self._engine.started_at_ms),
            invocation_id=self._environment.invocation_id,
            first_invocation=not self._engine.journal.records,
            tenant_id=self._environment.tenant_id,
        )

    async def run(self) -> InvocationOutput:
        """Run it, with the hooks around."""
        hooks = self._hooks
        seen = self._details() if hooks.invocation_start or hooks.invocation_end else None
        if seen is not None:
            hooks.call(hooks.invocation_start, seen)
        try:
            output = await self._output()
        except BaseException as error:
            if seen is not None:
                hooks.call(hooks.invocation_end, seen, self._outcome(None, error))
            raise
        if seen is not None:
            hooks.call(hooks.invocation_end, seen, self._outcome(output, None))
        return output

    async def _output(self) -> InvocationOutput:
        root = self._engine.root
        context = root.context = self._new_context(root)
        try:
            check_handler(self._workflow.fn)
            event = self._event()
        except (DurableError, Warning) as error:
            return _failed(error)
        self._engine.begin(lambda: self._handle(event, context))
        try:
            ending = await self._driver.run()
            if self._engine.failure is not None:
                return _failed(self._engine.failure)
            if ending is Ending.SUSPENDED or self._engine.outcome is None:
                return InvocationOutput(InvocationStatus.PENDING)
            return await self._settled(self._engine.outcome)
        except CheckpointError as error:
            return _refused(error)

    def _event(self) -> Any:
        execution = self._engine.journal.execution
        if execution is None:
            raise CheckpointError(
                f"the state of {self._input.execution_arn} holds no EXECUTION operation",
                is_retryable=False,
            )
        serdes = serdes_for_parameter(
            self._workflow.fn, 0, self._engine.root.serdes, self._report_unresolved
        )
        context = SerDesContext(execution.id, execution.name, self._input.execution_arn, "input")
        return decode_with(serdes, execution.input_payload or None, context)

    def _report_unresolved(self, annotation: Unresolved) -> None:
        if not self._shared.execution.first_invocation:
            return
        code = getattr(self._workflow.fn, "__code__", None)
        warnings.warn_explicit(
            f"{annotation}: its event is handed over as plain JSON; to get it, {annotation.remedy}",
            RuntimeWarning,
            filename=code.co_filename if code is not None else "<unknown>",
            lineno=code.co_firstlineno if code is not None else 1,
        )

    async def _handle(self, event: Any, context: DurableContext) -> str | None:
        """Run the handler; its result is written at once, before anything can change it."""
        value = await self._workflow.fn(event, context)
        serdes = serdes_for_return(self._workflow.fn, self._engine.root.serdes)
        told = SerDesContext(None, None, self._input.execution_arn, "handler's result")
        text = encode_with(serdes, value, told)[0]
        check_handler_result(text)
        return text

    async def _settled(self, outcome: Outcome) -> InvocationOutput:
        if outcome.error is not None:
            return _failed(outcome.error)
        try:
            self._report_forgotten()
        except Warning as error:
            return _failed(error)
        text = outcome.value
        output = InvocationOutput(InvocationStatus.SUCCEEDED, text)
        if text is not None and len(text) > _MAY_EXCEED and _size(output) > RESULT_THRESHOLD_BYTES:
            return await self._checkpoint_result(text)
        return output

    async def _checkpoint_result(self, text: str) -> InvocationOutput:
        """Record a result that is too large for the response (service 2.3)."""
        now_ms = self._environment.clock.now_ms()
        update = OperationUpdate(
            f"execution-result-{now_ms}",
            OperationType.EXECUTION,
            OperationAction.SUCCEED,
            payload=text,
        )
        token = self._driver.checkpoint_token or ""
        batch = Batch((update,), len(text))
        answer = self._service.checkpoint(
            CheckpointRequest(
                self._input.execution_arn, token, batch.updates, self._environment.new_token()
            )
        )
        if inspect.isawaitable(answer):
            await answer
        return InvocationOutput(InvocationStatus.SUCCEEDED, "")

    def _report_held(self, seconds: float) -> None:
        from durable_core._host.held import report_held  # noqa: PLC0415  hardly ever needed

        report_held(self._engine, self._workflow, seconds, self._held_at)

    def _report_exception(self, context: dict[str, Any]) -> None:
        is_news = self._environment.is_news
        with suppress(Exception):
            if is_news is None or is_news(context):
                _LOG.error(
                    "nobody awaited an error of the workflow: %s",
                    context.get("message"),
                    exc_info=context.get("exception"),
                )

    def _report_forgotten(self) -> None:
        for operation in self._engine.unobserved.values():
            if not operation.body.is_closed:
                continue  # a body that still runs may yet have awaited it
            site = operation.site
            name = operation.name or operation.operation_id[:8]
            warnings.warn_explicit(
                f"{operation.subtype} {name!r} was started but never awaited: its result and its "
                "errors are lost. Await its handle, or gather it",
                RuntimeWarning,
                filename=site.filename if site is not None else "<unknown>",
                lineno=site.line if site is not None else 1,
            )
        for task in self._engine.left.forgotten:
            place = task.position
            warnings.warn_explicit(str(task), RuntimeWarning, place.filename, place.line)

    # Hooks

    def _details(self) -> InvocationDetails:
        # Late, here and below: most invocations have nobody who looks.
        from durable_core._values.instrument import InvocationDetails  # noqa: PLC0415

        engine = self._engine
        execution = engine.journal.execution
        return InvocationDetails(
            self._input.execution_arn,
            self._shared.execution.name,
            self._environment.invocation_id,
            self._environment.host,
            self._shared.execution.first_invocation,
            engine.started_at_ms,
            execution.input_payload if execution is not None else None,
            engine.journal.records,
            self._input.updated_operation_ids,
            self._environment.clock.now_ms,
        )

    def _outcome(
        self, output: InvocationOutput | None, error: BaseException | None
    ) -> InvocationOutcome:
        from durable_core._values.instrument import InvocationOutcome  # noqa: PLC0415

        engine = self._engine
        if error is None:
            error = engine.failure or (engine.outcome.error if engine.outcome else None)
        is_pending = output is not None and output.status is InvocationStatus.PENDING
        return InvocationOutcome(
            "RETRY" if output is None else output.status.value,
            error,
            output.result if output is not None else None,
            self._suspended_on() if is_pending else (),
            engine.observers.replayed_count,
            *self._driver.counters,
        )

    def _suspended_on(self) -> tuple[SuspendedOperation, ...]:
        from durable_core._values.instrument import SuspendedOperation  # noqa: PLC0415

        return tuple(
            SuspendedOperation(operation.operation_id, operation.type, operation.name, until)
            for operation, until in self._engine.owed()
        )


def _failed(error: BaseException) -> InvocationOutput:
    """End the execution; what the service or a store refused may be worth another invocation."""
    if isinstance(error, CheckpointError):
        return _refused(error)
    return InvocationOutput(InvocationStatus.FAILED, error=error_object(error))


def _size(output: InvocationOutput) -> int:
    """Bytes of the response as Lambda sees it."""
    return len(json.dumps(output_to_wire(output), ensure_ascii=False).encode())


def _report_hook(hook: str, error: BaseException) -> None:
    _LOG.warning("the plugin hook %s raised; it is ignored", hook, exc_info=error)
