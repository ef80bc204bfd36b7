"""Operations that the outside answers: invokes, callbacks, conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from durable_core._context.essentials import ContextBase
from durable_core._context.names import checked_name, split_function
from durable_core._context.options import checked_strategy, checked_wait_strategy
from durable_core._operations.scopes import open_here
from durable_core._protocol.limits import MAX_CALLBACK_TIMEOUT_SECONDS
from durable_core._values.durations import whole_seconds
from durable_core._values.errors import ValidationError
from durable_core._values.serdes import JsonSerDes, PassThroughSerDes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Unpack

    from durable_core._engine.future import DurableFuture
    from durable_core._operations.callback import Callback
    from durable_core._values.durations import Duration
    from durable_core._values.generics import S, Ts
    from durable_core._values.retry import RetryStrategy
    from durable_core._values.serdes import SerDes
    from durable_core._values.wait_strategy import WaitStrategy

_JSON = JsonSerDes()
_TEXT = PassThroughSerDes()
_MISSING: Any = object()


def _timeout(duration: Duration | None, option: str, method: str, name: str | None) -> int | None:
    if duration is None:
        return None
    what = f"{option} of {method}()" if name is None else f"{option} of {method}() {name!r}"
    return whole_seconds(duration, what=what, maximum=MAX_CALLBACK_TIMEOUT_SECONDS)


class OutsideMethods(ContextBase):
    """The part of a context that waits for others."""

    __slots__ = ()

    # The outside

    @overload
    def invoke(
        self,
        name: str | None,
        function: str,
        payload: Any,
        /,
        *,
        payload_serdes: SerDes[Any] | None = ...,
        result_serdes: SerDes[Any] | None = ...,
        tenant_id: str | None = ...,
    ) -> DurableFuture[Any]: ...
    @overload
    def invoke(
        self,
        function: str,
        payload: Any = ...,
        /,
        *,
        payload_serdes: SerDes[Any] | None = ...,
        result_serdes: SerDes[Any] | None = ...,
        tenant_id: str | None = ...,
    ) -> DurableFuture[Any]: ...
    def invoke(
        self,
        *args: Any,
        payload_serdes: SerDes[Any] | None = None,
        result_serdes: SerDes[Any] | None = None,
        tenant_id: str | None = None,
    ) -> DurableFuture[Any]:
        """Call another function and wait for its result: `invoke([name], function, payload)`.

        `invoke(function)` and `invoke(function, payload)` have no name; a text payload needs the
        three-argument form (`None` as name). Payload and result are plain JSON unless serdes say
        otherwise; a payload of None is sent as null.

        Raises:
            InvokeError: When awaited: the function failed, timed out or was stopped.
        """
        # Late, here and below: a cold start does not wait for what its workflow never uses.
        from durable_core._operations.invoke import Invoke  # noqa: PLC0415

        match args:
            case (str() as function,):
                name, payload = None, None
            case (None | str() as name, str() as function, payload):
                name = checked_name(name)
            case (str() as function, payload) if not isinstance(payload, str):
                name = None
            case (None | str() as name, str() as function):
                name, payload = checked_name(name), None
            case _:
                raise ValidationError(
                    "invoke() takes an optional name, a function's name or ARN, and a payload"
                )
        body = self._body
        return open_here(
            Invoke(
                body.engine,
                body,
                name,
                function,
                payload,
                payload_serdes=payload_serdes or _JSON,
                result_serdes=result_serdes or _JSON,
                tenant_id=tenant_id,
            )
        )

    def create_callback(
        self,
        name: str | None = None,
        /,
        *,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
        serdes: SerDes[Any] | None = None,
    ) -> DurableFuture[Callback]:
        """Create a callback: `result, callback_id = await context.create_callback(...)`.

        `result` is the answer's handle: the raw text unless a serdes is given. It raises
        `CallbackFailedError` or `CallbackTimeoutError`.
        """
        from durable_core._operations.callback import CreateCallback  # noqa: PLC0415

        body = self._body
        method = "create_callback"
        name = checked_name(name)
        return open_here(
            CreateCallback(
                body.engine,
                body,
                name,
                timeout_seconds=_timeout(timeout, "timeout", method, name),
                heartbeat_seconds=_timeout(heartbeat_timeout, "heartbeat_timeout", method, name),
                serdes=serdes or _TEXT,
            )
        )

    @overload
    def wait_for_callback(
        self,
        name: str | None,
        submitter: Callable[[str, Unpack[Ts]], Any],
        /,
        *args: *Ts,
        timeout: Duration | None = ...,
        heartbeat_timeout: Duration | None = ...,
        retry_strategy: RetryStrategy | None = ...,
        serdes: SerDes[Any] | None = ...,
    ) -> DurableFuture[Any]: ...
    @overload
    def wait_for_callback(
        self,
        submitter: Callable[[str, Unpack[Ts]], Any],
        /,
        *args: *Ts,
        timeout: Duration | None = ...,
        heartbeat_timeout: Duration | None = ...,
        retry_strategy: RetryStrategy | None = ...,
        serdes: SerDes[Any] | None = ...,
    ) -> DurableFuture[Any]: ...
    def wait_for_callback(
        self,
        *args: Unpack[Ts],  # noqa: UP044  type checkers take no other spelling here
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
        retry_strategy: RetryStrategy | None = None,
        serdes: SerDes[Any] | None = None,
    ) -> DurableFuture[Any]:
        """Create a callback, run `submitter(callback_id, *args)` as a step, wait for the answer.

        Called as `wait_for_callback([name], submitter, *args)`. Raises the callback errors, and
        `CallbackSubmitterError` when the submitter failed for good.
        """
        from durable_core._operations.wait_for_callback import WaitForCallback  # noqa: PLC0415

        method = "wait_for_callback"
        name, submitter, rest = split_function(method, args)
        checked_strategy(retry_strategy)
        body = self._body
        return open_here(
            WaitForCallback(
                body.engine,
                body,
                name,
                submitter,
                rest,
                timeout_seconds=_timeout(timeout, "timeout", method, name),
                heartbeat_seconds=_timeout(heartbeat_timeout, "heartbeat_timeout", method, name),
                retry_strategy=retry_strategy,
                serdes=serdes,
                callback_serdes=serdes or _TEXT,
            )
        )

    @overload
    def wait_for_condition(
        self,
        name: str | None,
        check: Callable[[S], Awaitable[S]] | Callable[[S], S],
        /,
        *,
        initial_state: S,
        wait_strategy: WaitStrategy[S],
        serdes: SerDes[S] | None = ...,
    ) -> DurableFuture[S]: ...
    @overload
    def wait_for_condition(
        self,
        check: Callable[[S], Awaitable[S]] | Callable[[S], S],
        /,
        *,
        initial_state: S,
        wait_strategy: WaitStrategy[S],
        serdes: SerDes[S] | None = ...,
    ) -> DurableFuture[S]: ...
    def wait_for_condition(
        self,
        *args: Any,
        initial_state: Any = _MISSING,
        wait_strategy: Any = _MISSING,
        serdes: SerDes[Any] | None = None,
    ) -> DurableFuture[Any]:
        """Poll `check(state) -> state` until `wait_strategy(state, attempt)` says stop.

        The first check runs at once, with `initial_state`; each later one gets the state of the one
        before. A check that raises ends it with `WaitForConditionError`.
        """
        from durable_core._operations.condition import Condition  # noqa: PLC0415

        name, check, rest = split_function("wait_for_condition", args)
        if rest:
            raise ValidationError("wait_for_condition() passes the state alone to its check")
        if initial_state is _MISSING or wait_strategy is _MISSING:
            raise ValidationError(
                "wait_for_condition() needs initial_state= (what the first check is given) and "
                "wait_strategy=, such as create_wait_strategy(...)"
            )
        checked_wait_strategy(wait_strategy)
        body = self._body
        return open_here(
            Condition(
                body.engine,
                body,
                name,
                check,
                initial_state=initial_state,
                wait_strategy=wait_strategy,
                serdes=serdes,
            )
        )
