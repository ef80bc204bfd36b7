"""What users call: the factory of plugins, and the carrier for callees that no operation calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_core import ValidationError
from durable_otel.settings import (
    DEFAULT_FLUSH_SECONDS,
    Settings,
    View,
    checked_seconds,
    checked_view,
    settings_from_environment,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from durable_core.lowlevel import Instrumentation, InvocationDetails
    from durable_otel.metrics import Instruments


class Tracing:
    """Makes the plugin of each invocation; remembers what helps from one to the next."""

    def __init__(self, settings: Settings) -> None:
        # OpenTelemetry is loaded by who makes a plugin, not by who could: while a host starts, and
        # not in its first invocation.
        from durable_otel.flusher import Flusher  # noqa: PLC0415
        from durable_otel.ledger import Ledger  # noqa: PLC0415
        from durable_otel.plugin import TracingPlugin  # noqa: PLC0415
        from durable_otel.tracer import Tracers  # noqa: PLC0415

        self.settings = settings
        self._plugin = TracingPlugin
        self._ledger = Ledger()
        self._flusher = Flusher()
        self._tracers = Tracers(settings.scope_name)
        self._instruments: Instruments | None = None

    def __call__(self) -> Instrumentation:
        """Return the plugin of one invocation."""
        settings = self.settings
        if not settings.metrics:
            return self._plugin(settings, self._ledger, self._flusher, self._tracers)
        from durable_otel.endings import global_meter_provider  # noqa: PLC0415 - as above

        provider = settings.meter_provider or global_meter_provider()
        if type(provider).__name__ in ("_ProxyMeterProvider", "NoOpMeterProvider"):
            # Nobody takes metrics: hooks that only they need are left out.
            return self._plugin(settings, self._ledger, self._flusher, self._tracers)
        from durable_otel.metrics import Instruments, MeteredPlugin  # noqa: PLC0415 - as above

        instruments = self._instruments
        if instruments is None or instruments.provider is not provider:
            instruments = self._instruments = Instruments(provider)
        return MeteredPlugin(settings, self._ledger, self._flusher, self._tracers, instruments)


def instrument(
    *,
    view: View | str = View.INVOCATION,
    tracer_provider: Any = None,
    meter_provider: Any = None,
    metrics: bool = True,
    baggage_keys: Sequence[str] = (),
    flush_timeout: float = DEFAULT_FLUSH_SECONDS,
    workflow_span_name: str = "Workflow",
    carrier: Callable[[InvocationDetails], Mapping[str, str]] | None = None,
    now_ns: Callable[[], int] | None = None,
) -> Tracing:
    """Trace a workflow: `@durable_execution(plugins=[instrument()])`.

    Args:
        view: `"invocation"`: operations under the invocations that ran them, visible as they
            happen. `"execution"`: each operation once, under the workflow, when it has ended.
        tracer_provider: Default: the global one, looked up in each invocation.
        meter_provider: Default: the global one.
        metrics: Whether metrics are recorded, where there is a provider for them.
        baggage_keys: Baggage taken from callers and handed to steps; all other is dropped.
        flush_timeout: Seconds that an invocation's end waits for exporters; 0: it does not.
        workflow_span_name: The name of the span of a whole execution.
        carrier: Given the invocation, returns the caller's headers. Default: the input's `_otel`
            member, the Lambda client context, X-Ray's environment variable.
        now_ns: A clock. Default: the host's.

    Raises:
        ValidationError: An option is not what it must be.
    """
    _check_provider("tracer_provider", "get_tracer", tracer_provider)
    _check_provider("meter_provider", "get_meter", meter_provider)
    if isinstance(baggage_keys, str):
        raise ValidationError(
            f'baggage_keys must be a list of keys, such as ["tenant"]; found {baggage_keys!r}'
        )
    _check_function("carrier", carrier)
    _check_function("now_ns", now_ns)
    return Tracing(
        Settings(
            view=checked_view("view", view),
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            metrics=metrics,
            baggage_keys=tuple(baggage_keys),
            flush_timeout=checked_seconds("flush_timeout", flush_timeout),
            workflow_span_name=workflow_span_name,
            carrier=carrier,
            now_ns=now_ns,
        )
    )


def _check_provider(option: str, method: str, provider: object) -> None:
    if provider is not None and (isinstance(provider, type) or not hasattr(provider, method)):
        raise ValidationError(
            f"{option} must be an OpenTelemetry provider, with {method}(), or None for the global "
            f"one; found {provider!r}"
        )


def _check_function(option: str, fn: object) -> None:
    if fn is not None and not callable(fn):
        raise ValidationError(f"{option} must be a function, or None; found {fn!r}")


def from_environment() -> Tracing:
    """Trace as `DURABLE_OTEL_…` says: the entry point `otel`."""
    return Tracing(settings_from_environment())


def invocation_view() -> Tracing:
    """Trace in the invocation view: the entry point `otel-invocation`."""
    return Tracing(settings_from_environment()._replace(view=View.INVOCATION))


def execution_view() -> Tracing:
    """Trace in the execution view: the entry point `otel-execution`."""
    return Tracing(settings_from_environment()._replace(view=View.EXECUTION))


def otel_carrier() -> dict[str, str]:
    """Return W3C headers of the current span, to hand to whoever is called by other means.

    In an execution's input under `_otel`, they make the execution part of the caller's trace.
    """
    from opentelemetry import baggage, trace  # noqa: PLC0415 - who hands on no carrier loads none

    from durable_otel.carriers import baggage_header, traceparent  # noqa: PLC0415 - as above

    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    headers = {"traceparent": traceparent(span)}
    if span.trace_state:
        headers["tracestate"] = span.trace_state.to_header()
    if carried := baggage.get_all():
        headers["baggage"] = baggage_header(carried)
    return headers
