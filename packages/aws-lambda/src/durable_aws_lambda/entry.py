"""`@durable_execution`: an async workflow becomes a Lambda handler."""

from __future__ import annotations

import math
import os
import time
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, overload

from durable_aws_lambda.client import LambdaClient
from durable_aws_lambda.events import LambdaInvocation, read_context, read_event
from durable_aws_lambda.host import Hosts, is_loop_running
from durable_aws_lambda.invocation import InvocationService
from durable_aws_lambda.limits import Totals
from durable_aws_lambda.logs import workflow_logger
from durable_core import ValidationError
from durable_core.lowlevel import Environment, checked_workflow, drive, output_to_wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import timedelta

    from durable_core import SerDes
    from durable_core.lowlevel import DurableService, InvocationInput, PluginFactory

    WorkflowFunction = Callable[[Any, Any], Awaitable[Any]]

DEFAULT_WORKERS = 32
DEFAULT_MARGIN_MS = 1_000
MARGIN_VARIABLE = "DURABLE_DEADLINE_MARGIN_MS"


class DurableHandler:
    """A workflow that Lambda can call: `handler(event, lambda_context) -> dict`.

    `workflow` is the same thing for every other host: the test runner, the local engine.

    Raises:
        ValidationError: The function or an option is not what it must be; said at once, so that a
            deployment with a mistake does not start.
    """

    def __init__(
        self,
        fn: WorkflowFunction,
        *,
        client: Any = None,
        plugins: Sequence[PluginFactory] = (),
        serdes: SerDes[Any] | None = None,
        max_workers: int = DEFAULT_WORKERS,
        deadline_margin: timedelta | float | None = None,
    ) -> None:
        _check_undecorated(fn)
        self.workflow = checked_workflow(fn, serdes=serdes, plugins=plugins)
        self._client = client if client is None else checked_client(client)
        self._max_workers = checked_workers(max_workers)
        self._margin_ms = None if deadline_margin is None else checked_margin_ms(deadline_margin)
        self._hosts = Hosts(self._make_service)
        update_wrapper(self, fn)

    def __call__(self, event: Any, lambda_context: Any) -> dict[str, Any]:
        """Run one invocation and return its response envelope.

        Raises `ValidationError` for an event that is no durable invocation, and a retryable
        `CheckpointError` when the service should invoke again.
        """
        if is_loop_running():
            raise RuntimeError(
                f"{self.workflow.name} is a Lambda handler and runs an event loop of its own; this "
                "thread runs one already. Call it from another thread, or run the workflow with "
                "durable_testing's runner"
            )
        invocation = read_event(event)
        host = self._hosts.current()
        return host.run(self._run(invocation, host.service, lambda_context))

    def close(self) -> None:
        """Close the calling thread's event loop and connections; they come anew when needed.

        Happens by itself when the thread or the process ends.
        """
        self._hosts.close()

    async def _run(
        self, invocation: InvocationInput, service: DurableService, lambda_context: Any
    ) -> dict[str, Any]:
        lambda_invocation = read_context(lambda_context)
        totals = Totals()
        totals.add_records(invocation.operations)
        guarded = InvocationService(service, totals)
        environment = self._environment(lambda_invocation, lambda_context, service)
        try:
            output = await drive(self.workflow, invocation, guarded, environment)
        finally:
            guarded.end()
        return output_to_wire(output)

    def _environment(
        self,
        lambda_invocation: LambdaInvocation,
        lambda_context: Any,
        service: DurableService,
    ) -> Environment:
        now_ms = time.time_ns() // 1_000_000
        remaining_ms = lambda_invocation.remaining_ms
        deadline_ms = None
        if remaining_ms is not None:
            deadline_ms = now_ms + remaining_ms - margin_ms(self._margin_ms, remaining_ms)
        begin: Callable[[float | None], None] | None = getattr(service, "begin_invocation", None)
        if begin is not None:
            begin(None if remaining_ms is None else (now_ms + remaining_ms) / 1000)
        return Environment(
            max_threads=self._max_workers,
            logger=workflow_logger(),
            host=lambda_context,
            invocation_id=lambda_invocation.request_id,
            tenant_id=lambda_invocation.tenant_id,
            deadline_ms=deadline_ms,
        )

    def _make_service(self) -> DurableService:
        client = self._client
        if client is None:
            return LambdaClient()
        if hasattr(client, "checkpoint_durable_execution"):
            # Late: a cold start that does not use it does not wait for it.
            from durable_aws_lambda.boto_client import BotoClient  # noqa: PLC0415

            return BotoClient(client)
        return client


def margin_ms(given_ms: int | None, remaining_ms: int) -> int:
    """Milliseconds before the process ends at which to suspend; at most half of what remains."""
    if given_ms is None:
        variable = os.environ.get(MARGIN_VARIABLE) or DEFAULT_MARGIN_MS
        try:
            given_ms = int(variable)
        except ValueError:
            raise ValidationError(
                f"{MARGIN_VARIABLE} must be a whole number of milliseconds; found {variable!r}"
            ) from None
    return max(0, min(given_ms, remaining_ms // 2))


def _check_undecorated(fn: object) -> None:
    if isinstance(fn, DurableHandler):
        name = fn.workflow.name
        raise ValidationError(f"{name} is decorated with @durable_execution already")


def checked_client(client: Any) -> Any:
    """A client that can be worked with."""
    for methods in (("checkpoint_durable_execution",), ("checkpoint", "load_page")):
        if not isinstance(client, type) and all(hasattr(client, method) for method in methods):
            return client
    raise ValidationError(
        "client must be a boto3 Lambda client that has checkpoint_durable_execution(), or a "
        f"DurableService, which has checkpoint() and load_page(); found {client!r}"
    )


def checked_workers(max_workers: object) -> int:
    """How many threads plain steps may have."""
    if isinstance(max_workers, int) and not isinstance(max_workers, bool) and max_workers >= 1:
        return max_workers
    raise ValidationError(f"max_workers must be an int of at least 1; found {max_workers!r}")


def checked_margin_ms(deadline_margin: timedelta | float) -> int:
    """The margin in milliseconds."""
    total_seconds: Any = getattr(deadline_margin, "total_seconds", None)
    seconds: Any = deadline_margin if total_seconds is None else total_seconds()
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if is_number and 0 <= seconds < math.inf:
        return round(seconds * 1000)
    raise ValidationError(
        "deadline_margin must be a timedelta or a number of seconds, 0 or more; "
        f"found {deadline_margin!r}"
    )


@overload
def durable_execution(fn: WorkflowFunction) -> DurableHandler: ...
@overload
def durable_execution(
    fn: None = None,
    *,
    client: Any = None,
    plugins: Sequence[PluginFactory] = (),
    serdes: SerDes[Any] | None = None,
    max_workers: int = DEFAULT_WORKERS,
    deadline_margin: timedelta | float | None = None,
) -> Callable[[WorkflowFunction], DurableHandler]: ...
def durable_execution(
    fn: WorkflowFunction | None = None,
    *,
    client: Any = None,
    plugins: Sequence[PluginFactory] = (),
    serdes: SerDes[Any] | None = None,
    max_workers: int = DEFAULT_WORKERS,
    deadline_margin: timedelta | float | None = None,
) -> DurableHandler | Callable[[WorkflowFunction], DurableHandler]:
    """Turn an async workflow into a Lambda handler, with or without options.

    Args:
        fn: `async def handler(event, context)`.
        client: A boto3 Lambda client or any `DurableService`. Default: a lean client of its own.
        plugins: Called once an invocation, each to make an `Instrumentation`.
        serdes: How the workflow's values are written, where nothing else is said.
        max_workers: Threads for plain `def` steps of one invocation.
        deadline_margin: How long before Lambda's timeout to stop and suspend, a `timedelta` or a
            number of seconds. Default: 1 second, or `DURABLE_DEADLINE_MARGIN_MS`; never more than
            half of the time that is left.

    Raises:
        ValidationError: The function or an option is not what it must be, or `DURABLE_PLUGINS`
            names a plugin that cannot be had.
    """

    def decorate(decorated: WorkflowFunction) -> DurableHandler:
        return DurableHandler(
            decorated,
            client=client,
            plugins=plugins,
            serdes=serdes,
            max_workers=max_workers,
            deadline_margin=deadline_margin,
        )

    return decorate if fn is None else decorate(fn)
