"""What every context offers besides its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core._context import determinism

if TYPE_CHECKING:
    from datetime import datetime

    from durable_core._context.execution import ExecutionInfo
    from durable_core._context.logs import DurableLogger, LogSettings
    from durable_core._context.promises import Promises
    from durable_core._engine.scope import ContextBody
    from durable_core._values.serdes import SerDes


class Shared:
    """What the contexts of one invocation share."""

    __slots__ = ("execution", "host", "log_settings", "logger")

    def __init__(
        self, execution: ExecutionInfo, host: Any, log_settings: LogSettings, logger: DurableLogger
    ) -> None:
        self.execution = execution
        self.host = host
        self.log_settings = log_settings
        self.logger = logger


class ContextBase:
    """A context's identity, time, randomness and logger."""

    __slots__ = ("_body", "_promise", "_random", "_shared")

    def __init__(self, body: ContextBody, shared: Shared) -> None:
        self._body = body
        self._shared = shared
        self._promise: Promises | None = None
        self._random: determinism.Random | None = None

    @property
    def promise(self) -> Promises:
        """Combinators: `all`, `all_settled`, `any`, `race`."""
        if self._promise is None:
            # Late, as `map` does: few workflows combine.
            from durable_core._context.promises import Promises  # noqa: PLC0415

            self._promise = Promises(self._body)
        return self._promise

    @property
    def execution(self) -> ExecutionInfo:
        """The execution this workflow is."""
        return self._shared.execution

    @property
    def host(self) -> Any:
        """What the host gives its functions: the Lambda context there, None elsewhere."""
        return self._shared.host

    @property
    def is_replaying(self) -> bool:
        """Whether an earlier invocation has been where this context's body is."""
        return self._body.is_replaying

    @property
    def logger(self) -> DurableLogger:
        """The logger: silent while its context replays."""
        return self._shared.logger

    def configure_logger(self, *, logger: Any = None, mode_aware: bool | None = None) -> None:
        """Log through another logger, or during replay too; what is left out stays as it is.

        `logger` is anything with stdlib's methods: a `logging.Logger`, structlog, Powertools.
        """
        settings = self._shared.log_settings
        if logger is not None:
            settings.logger = logger
        if mode_aware is not None:
            settings.is_mode_aware = mode_aware

    def configure_serdes(self, serdes: SerDes[Any]) -> None:
        """Use another default serdes in this context and in children started from now on."""
        self._body.serdes = serdes

    def now(self) -> datetime:
        """Journal time: when the latest operation delivered to this context ended, UTC.

        The same on every replay; costs no operation.
        """
        return determinism.now(self._body)

    @property
    def random(self) -> determinism.Random:
        """A generator seeded from execution and context: the same numbers on every replay."""
        if self._random is None:
            self._random = determinism.seeded_random(self._body)
        return self._random

    def uuid4(self) -> determinism.UUID:
        """A random UUID, the same on every replay."""
        return determinism.uuid4(self.random)

    def uuid7(self) -> determinism.UUID:
        """A UUID that sorts by journal time, the same on every replay."""
        return determinism.uuid7(self.random, self._body)
