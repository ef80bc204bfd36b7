"""Chained invokes: call another function, wait for its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from durable_core._engine.failures import restored
from durable_core._engine.operation import ClaimedOperation
from durable_core._engine.payloads import decode, encode
from durable_core._protocol.limits import MAX_INVOKE_PAYLOAD_BYTES, utf8_size
from durable_core._protocol.patterns import FUNCTION_NAME_PATTERN, TENANT_ID_PATTERN
from durable_core._protocol.records import (
    Operation,
    OperationAction,
    OperationStatus,
    OperationSubType,
    OperationType,
)
from durable_core._values.errors import InvokeError, ValidationError

if TYPE_CHECKING:
    from durable_core._engine.scope import ContextBody
    from durable_core._engine.seam import EngineSeam
    from durable_core._values.serdes import SerDes

TRACE_HEADER = "X-Amzn-Trace-Id"


class Invoke(ClaimedOperation[Any]):
    """A chained invoke."""

    __slots__ = ("_function_name", "_payload", "_result_serdes", "_tenant_id")

    type: ClassVar[OperationType] = OperationType.CHAINED_INVOKE
    subtype: str = OperationSubType.CHAINED_INVOKE.value

    def __init__(
        self,
        engine: EngineSeam,
        body: ContextBody,
        name: str | None,
        function_name: str,
        payload: Any,
        *,
        payload_serdes: SerDes[Any],
        result_serdes: SerDes[Any],
        tenant_id: str | None,
    ) -> None:
        super().__init__(engine, body, name)
        if FUNCTION_NAME_PATTERN.fullmatch(function_name) is None:
            raise ValidationError(
                f"invoke() needs a function's name, partial ARN or ARN; found {function_name!r}"
            )
        if tenant_id is not None and TENANT_ID_PATTERN.fullmatch(tenant_id) is None:
            raise ValidationError(
                f"tenant_id must be 1 to 256 characters of [a-zA-Z0-9._:/=+-@ ]; "
                f"found {tenant_id!r}"
            )
        self._function_name = function_name
        self._result_serdes = result_serdes
        self._tenant_id = tenant_id
        self.operation_id = ""
        # None travels as null: without a payload the service shows no Input in its history.
        self._payload = self._encoded(payload_serdes, payload)

    def _encoded(self, serdes: SerDes[Any], payload: Any) -> str | None:
        text, _ = encode(serdes, payload, self, "payload")
        size = utf8_size(text or "")
        if size > MAX_INVOKE_PAYLOAD_BYTES:
            raise ValidationError(
                f"the payload of invoke {self.name or self._function_name!r} takes {size:,} bytes; "
                f"the service passes at most {MAX_INVOKE_PAYLOAD_BYTES:,}: pass a reference"
            )
        return text

    def start(self) -> None:
        """Send START; the service calls the function."""
        carrier: dict[str, str] = {}
        observers = self.engine.observers
        hooks = observers.hooks
        if hooks.propagate:
            seen = observers.details(self, None, is_replayed=False)
            hooks.call(hooks.propagate, seen, carrier)
        self.engine.queue.add_and_wait(
            self.update(
                OperationAction.START,
                payload=self._payload,
                function_name=self._function_name,
                tenant_id=self._tenant_id,
                trace_header=carrier.get(TRACE_HEADER),
            )
        )

    def pending_until_ms(self) -> int | bool | None:
        """An answer, whenever it comes."""
        return None

    def outcome(self, record: Operation) -> Any:
        """The function's result, or its error."""
        if record.status is not OperationStatus.SUCCEEDED:
            raise restored(InvokeError, record.error, self)
        if not record.result:
            return None
        return decode(self._result_serdes, record.result, self)
