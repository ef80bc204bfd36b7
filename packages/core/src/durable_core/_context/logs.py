"""The replay-aware logger: silent while its context replays, enriched with what runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from durable_core._engine.scope import CURRENT_SCOPE, OutsideScope, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_core._engine.seam import EngineSeam

LOGGER_NAME = "durable"


class LogSettings:
    """What `configure_logger` sets; one for a whole invocation."""

    __slots__ = ("fields", "is_mode_aware", "logger")

    def __init__(self, logger: Any = None, fields: Mapping[str, Any] | None = None) -> None:
        self.logger: Any = logger or logging.getLogger(LOGGER_NAME)
        self.fields: dict[str, Any] = dict(fields or {})
        self.is_mode_aware = True


def is_replaying(scope: Scope) -> bool:
    """Whether an earlier invocation has been where this body is."""
    body = scope.body
    if not body.is_replaying:
        return False
    engine: EngineSeam = body.engine
    # Without a list of what changed since, the last recorded operation is as far as we can tell.
    return engine.knows_updates or engine.has_record(scope.upcoming_path())


class DurableLogger:
    """The methods of a stdlib logger; works in the handler, in steps and in child contexts.

    Fields of each line: executionArn, requestId, tenantId, operationId, operationName, attempt, as
    far as they are known, what plugins add, and the caller's `extra`.
    """

    __slots__ = ("_engine", "_settings")

    def __init__(self, engine: EngineSeam, settings: LogSettings) -> None:
        self._engine = engine
        self._settings = settings

    def debug(self, message: object, *args: object, **options: Any) -> None:
        """Log at DEBUG."""
        self._log("debug", message, args, options)

    def info(self, message: object, *args: object, **options: Any) -> None:
        """Log at INFO."""
        self._log("info", message, args, options)

    def warning(self, message: object, *args: object, **options: Any) -> None:
        """Log at WARNING."""
        self._log("warning", message, args, options)

    def error(self, message: object, *args: object, **options: Any) -> None:
        """Log at ERROR."""
        self._log("error", message, args, options)

    def exception(self, message: object, *args: object, **options: Any) -> None:
        """Log at ERROR with the exception that is being handled."""
        options.setdefault("exc_info", True)
        self._log("error", message, args, options)

    def critical(self, message: object, *args: object, **options: Any) -> None:
        """Log at CRITICAL."""
        self._log("critical", message, args, options)

    def log(self, level: int, message: object, *args: object, **options: Any) -> None:
        """Log at a numeric level."""
        self._log("log", message, args, options, level)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - stdlib's name
        """Whether a line of that level would be written now."""
        if self._is_silent():
            return False
        check = getattr(self._settings.logger, "isEnabledFor", None)
        return True if check is None else check(level)

    def _is_silent(self) -> bool:
        if self._engine.is_discarding:
            return True
        scope = CURRENT_SCOPE.get(None)
        return self._settings.is_mode_aware and isinstance(scope, Scope) and is_replaying(scope)

    def _log(
        self,
        method: str,
        message: object,
        args: tuple[object, ...],
        options: dict[str, Any],
        level: int | None = None,
    ) -> None:
        if self._is_silent():
            return
        logger = self._settings.logger
        fields: dict[str, Any] = {**self._fields(), **(options.pop("extra", None) or {})}
        call = getattr(logger, method)
        if level is not None:
            args = (message, *args)
            message = level
        if _takes_extra(logger):
            options["stacklevel"] = options.get("stacklevel", 1) + 2
            call(message, *args, extra=fields, **options)
        else:
            call(message, *args, **fields, **options)

    def _fields(self) -> dict[str, Any]:
        engine = self._engine
        fields: dict[str, Any] = {"executionArn": engine.execution_arn, **self._settings.fields}
        scope = CURRENT_SCOPE.get(None)
        if isinstance(scope, OutsideScope):
            step = scope.step
            if step is not None:
                _add_operation(fields, step.operation_id, step.name)
            if scope.attempt is not None:
                fields["attempt"] = scope.attempt
        elif scope is not None and scope.body.operation_id is not None:
            _add_operation(fields, scope.body.operation_id, scope.body.name)
        hooks = engine.observers.hooks
        if hooks.log_fields:
            for more in hooks.collect(hooks.log_fields):
                hooks.guard(fields.update, more)
        return fields


def _add_operation(fields: dict[str, Any], operation_id: str, name: str | None) -> None:
    fields["operationId"] = operation_id
    if name is not None:
        fields["operationName"] = name


def _takes_extra(logger: Any) -> bool:
    """Whether it is stdlib's, or like it; structlog takes fields as keywords."""
    return not hasattr(logger, "bind") or isinstance(logger, logging.Logger)
