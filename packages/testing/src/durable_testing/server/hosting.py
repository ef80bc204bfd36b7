"""The API over an engine: what it refuses while it stops, and plain functions it calls."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from durable_testing.engine import EngineError
from durable_testing.engine.calls import call_function
from durable_testing.engine.remote import RemoteCall
from durable_testing.server.backend import FunctionAnswer, FunctionCall
from durable_testing.server.wire import service_failure
from durable_testing.store.errors import ExecutionInUseError, StoreError
from durable_testing.store.sqlite import SqliteService

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from durable_testing.engine import LocalEngine
    from durable_testing.model import ServiceModel
    from durable_testing.store.outside import OutsideRequest

R = TypeVar("R")


class EngineAccess:
    """An engine as `create_app` takes a service, and the functions it runs."""

    __slots__ = ("_engine",)

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    @property
    def model(self) -> ServiceModel:
        """The model; to read only."""
        return self._engine.model

    async def apply(self, call: Callable[[ServiceModel, int], R], /) -> R:
        """Call the model, and look after what it makes due."""
        with _failures_of_the_server():
            return await self._engine.apply(call)

    async def deliver(self, request: OutsideRequest, /) -> int | None:
        """Ask something of an execution, here or in the process that holds it."""
        service = self._engine.service
        try:
            return await self.apply(request.apply)
        except ExecutionInUseError:
            if not isinstance(service, SqliteService):
                raise
        with _failures_of_the_server():
            try:
                return await service.deliver(request)
            finally:
                # Its holder may be gone: then the execution is this server's now.
                await self._engine.apply(lambda _model, _now_ms: None)

    async def wait_closed(self, execution_arn: str) -> None:
        """Return when an execution is closed."""
        with _failures_of_the_server():
            await self._engine.outcome(execution_arn)

    async def call_function(self, call: FunctionCall) -> FunctionAnswer:
        """Call a plain function."""
        remote = RemoteCall(
            self._engine.new_token(),
            call.function_name,
            call.version,
            call.payload,
            call.tenant_id,
            call.trace_header,
            call.client_context,
        )
        return FunctionAnswer(*await call_function(self._engine, remote))


@contextmanager
def _failures_of_the_server() -> Generator[None]:
    """Make of what is nobody's request's fault what the API calls it."""
    try:
        yield
    except ExecutionInUseError:
        raise
    except (EngineError, StoreError) as error:
        raise service_failure(str(error)) from error
