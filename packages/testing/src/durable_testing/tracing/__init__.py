"""Traces in tests: spans kept in memory, and what must hold of them. Needs the extra `otel`.

For the fixture, `pytest_plugins = ["durable_testing.tracing.fixtures"]`.
"""

from durable_testing.tracing.checks import TraceError, assert_trace, trace_tree
from durable_testing.tracing.memory import Traces

__all__ = ("TraceError", "Traces", "assert_trace", "trace_tree")
